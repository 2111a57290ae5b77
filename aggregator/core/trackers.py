"""Parameters of addresses that say how a reader came to a page, not which page it is.

The list is ours, kept by hand: one line a sender, the names as its own documentation or its links
have them. A name belongs here when no site answers with another page for another value of it.
Names that mean something elsewhere (`ref`, `s`, `source`) stand under the hosts that they are of.
What is left of an address keeps its bytes.
"""

import re
from urllib.parse import urlsplit

_ANYWHERE = """
    utm_* hsa_*
    mtm_campaign mtm_cid mtm_content mtm_group mtm_keyword mtm_kwd
    mtm_medium mtm_placement mtm_source
    pk_campaign pk_cid pk_content pk_keyword pk_kwd pk_medium pk_source pk_vid
    piwik_campaign piwik_keyword piwik_kwd
    matomo_campaign matomo_keyword matomo_kwd
    _ga _gl gclid gclsrc dclid gbraid wbraid gad_source gad_campaignid srsltid
    fbclid fb_action_ids fb_action_types fb_source fb_ref mibextid igsh igshid
    __twitter_impression twclid
    msclkid ttclid li_fat_id rdt_cid epik irclickid tgclid loclid
    yclid ymclid ysclid _openstat
    mc_cid mc_eid mkt_tok _hsenc _hsmi __hssc __hstc __hsfp hsctatracking
    ml_subscriber ml_subscriber_hash vero_id vero_conv oly_anon_id oly_enc_id _kx
    bsft_clkid bsft_uid bsft_eid ck_subscriber_id sc_cid s_cid wickedid wt_mc
    __s spm rb_clickid zanpid
    at_campaign at_medium at_custom1 at_custom2 at_custom3 at_custom4
    ns_campaign ns_mchannel ns_source ns_linkname ns_fee
"""
"""`*` stands for any letters, digits and underscores."""

_AT_HOSTS = {
    "youtube.com youtu.be": "si feature pp",
    "twitter.com x.com": "s t ref_src ref_url cxt",
    "facebook.com": "__tn__ __xts__ __cft__ eid hc_ref fref refid refsrc",
    "amazon.com amazon.co.uk amazon.de amazon.fr amazon.es amazon.it amazon.co.jp": (
        "pd_rd_* pf_rd_* qid sr ref ref_ __mk_*"
    ),
    "linkedin.com": "trk trackingid lipi",
    "medium.com": "source sk_source",
    "reddit.com": "share_id ref ref_source rdt correlation_id",
    "open.spotify.com": "si",
    "microsoft.com msn.com": "ocid",
    "nytimes.com": "smid smtyp partner emc",
    "bilibili.com": "spm_id_from vd_source share_source share_medium from_spmid",
    "weixin.qq.com": "chksm scene subscene sessionid",
    "zhihu.com": "utm_psn",
    "podcasts.apple.com": "itscg itsct",
    "tumblr.com": "source",
}
"""By registrable name: the hosts below it are meant, too."""


def _pattern(names: str) -> re.Pattern[str]:
    each = "|".join(re.escape(name).replace(r"\*", r"\w*") for name in names.split())
    # A feed that escapes twice leaves `&amp;` between two parameters.
    return re.compile(rf"(?:amp;)?(?:{each})", re.IGNORECASE)


_PATTERN = _pattern(_ANYWHERE)
_ANY = _pattern(" ".join((_ANYWHERE, *_AT_HOSTS.values())))
_SUSPICIOUS = re.compile(rf"[?#&]{_ANY.pattern}(?:[=&#]|\Z)", re.IGNORECASE)
"""Hardly any address has one of the names, wherever it leads."""
_HOST_PATTERNS = {
    host: _pattern(names) for hosts, names in _AT_HOSTS.items() for host in hosts.split()
}


def without_trackers(url: str) -> str:
    """The address without its tracking parameters, in the query and in a fragment that is like one.

    Every other byte stays as it is; so does an address that cannot be taken apart.
    """
    if ("?" not in url and "#" not in url) or not _SUSPICIOUS.search(url):
        return url
    try:
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return url
    patterns = [_PATTERN, *_patterns_at(host)]
    rest, hash_mark, fragment = url.partition("#")
    path, question_mark, query = rest.partition("?")
    if kept := _without(query, patterns):
        path += question_mark + kept
    elif query == kept:
        path = rest  # an empty query is nothing that we took away
    shortened = _without(fragment, patterns)
    return path + hash_mark + shortened if shortened or not fragment else path


def _patterns_at(host: str) -> list[re.Pattern[str]]:
    labels = host.split(".")
    names = (".".join(labels[start:]) for start in range(len(labels)))
    return [_HOST_PATTERNS[name] for name in names if name in _HOST_PATTERNS]


def _without(parameters: str, patterns: list[re.Pattern[str]]) -> str:
    pairs = parameters.split("&")
    kept = [
        pair
        for pair in pairs
        if not any(pattern.fullmatch(pair.partition("=")[0]) for pattern in patterns)
    ]
    return parameters if len(kept) == len(pairs) else "&".join(kept)
