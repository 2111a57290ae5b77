"""What a published document must hold to, as findings in words: an empty list is a valid document.

Atom by RFC 4287, RSS 2.0 by its Advisory Board's profile, JSON Feed 1.1 and OPML 2.0 by their
specifications, each as far as documents of ours can break it, and by what feed validators warn of.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
MEDIA_CONTENT = "{http://search.yahoo.com/mrss/}content"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
BASE = "{http://www.w3.org/XML/1998/namespace}base"
FIRST_YEAR = 1990
WIDEST, TALLEST = 144, 400

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_RFC822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d (GMT|[+-]\d{4})"
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_URI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(//[^/?#\[\]]*\[[0-9A-Fa-f:.]+\](?=[:/?#]|$))?"
    r"([A-Za-z0-9\-._~:/?#@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
)
_TAG_URI = re.compile(r"tag:([a-z0-9._-]+@)?[a-z0-9.-]+,\d{4}(-\d\d(-\d\d)?)?:[^#]*(#[^#]*)?")
_URN = re.compile(r"urn:[A-Za-z0-9][A-Za-z0-9-]*:([A-Za-z0-9()+,.:=@;$_!*'-]|%[0-9A-Fa-f]{2})+")
_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_EMAIL = re.compile(r"[A-Za-z0-9_.+'-]+@([A-Za-z0-9-]+\.)+[A-Za-z0-9][A-Za-z0-9-]*")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+")
_BAD_CHARACTERS = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffd-\uffff]")
_MARKUP = re.compile(r"</\w+>")
_MARKUP_OR_ENTITY = re.compile(r"</\w+>|&(lt|gt|amp|quot|nbsp|apos|#\w+)\b")
_ACTIVE = {"applet", "base", "embed", "form", "frame", "link", "meta", "object", "script", "style"}
_ADDRESSES = {"action", "background", "cite", "href", "longdesc", "poster", "src"}

HISTORY = "{http://purl.org/syndication/history/1.0}"
TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
_KNOWN_IN_ATOM = {ATOM, "{http://search.yahoo.com/mrss/}", HISTORY}
_KNOWN_IN_RSS = {
    "",
    ATOM,
    HISTORY,
    "{http://purl.org/rss/1.0/modules/content/}",
    "{http://purl.org/dc/elements/1.1/}",
    "{http://search.yahoo.com/mrss/}",
}


def atom_findings(body: bytes, *, self_url: str | None = None, tombstones: bool = False):
    """`self_url` is where the document is served; `tombstones`: whether somebody asked for them."""
    if isinstance(feed := parsed(body), str):
        return [feed]
    if feed.tag != f"{ATOM}feed":
        return [f"the root is {feed.tag}"]
    entries = feed.findall(f"{ATOM}entry")
    findings = [*document_findings(feed), *_atom_feed(feed, entries, self_url)]
    findings += [*_namespaces(feed, _KNOWN_IN_ATOM), *_tombstones(feed, wanted=tombstones)]
    for entry in entries:
        findings += _about(_id(entry), _atom_entry(entry, feed))
    return findings + _repeated([_id(entry) for entry in entries])


def rss_findings(body: bytes, *, self_url: str | None = None):
    if isinstance(rss := parsed(body), str):
        return [rss]
    if rss.tag != "rss" or rss.get("version") != "2.0" or len(rss) != 1:
        return ["the root is not <rss version='2.0'> with one channel"]
    items = rss.findall("channel/item")
    findings = [*document_findings(rss), *_channel(rss[0], self_url)]
    findings += _namespaces(rss, _KNOWN_IN_RSS)
    for item in items:
        findings += _about(item.findtext("guid"), _rss_item(item))
    plain = rb"<(?:title|category|source|dc:creator|dc:contributor)\b[^>]*>[^<]*&(?:lt|amp);"
    raw = re.search(plain, body)
    findings += ["a title has markup characters not as &#x3C; or &#x26;"] if raw else []
    return findings + _repeated([item.findtext("guid") for item in items])


def json_findings(body: bytes, *, self_url: str | None = None):
    try:
        feed = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except ValueError as error:
        return [f"no JSON in UTF-8: {error}"]
    findings = [*_json_feed(feed, self_url), *_bad_characters(body.decode("utf-8"))]
    for item in feed.get("items", []):
        findings += _about(item.get("id"), _json_item(item))
    return findings + _repeated([item.get("id") for item in feed.get("items", [])])


def opml_findings(body: bytes):
    if isinstance(opml := parsed(body), str):
        return [opml]
    if (
        opml.tag != "opml"
        or opml.get("version") != "2.0"
        or [c.tag for c in opml]
        != [
            "head",
            "body",
        ]
    ):
        return ["the root is not <opml version='2.0'> with one head and one body"]
    head, outlines = opml[0], [*opml[1].iter("outline")]
    findings = [*document_findings(opml), *rfc822_findings(head, ("dateModified", "dateCreated"))]
    findings += [f"head/{tag} is repeated" for tag in _repeats([child.tag for child in head])]
    findings += ["docs is there"] if head.find("docs") is not None else []
    findings += [] if outlines else ["no outline"]
    for outline in outlines:
        findings += _about(outline.get("text"), _outline(outline))
    return findings


def _outline(outline) -> Iterator[str]:
    if not (outline.get("text") or "").strip():
        yield "an outline without text"
    if "version" in outline.attrib:
        yield "a version"
    if not len(outline) and "xmlUrl" in outline.attrib:
        if outline.get("type") != "rss":
            yield "a subscription whose type is not rss"
        if not (outline.get("title") or "").strip():
            yield "a subscription without a title"
    yield from _outline_addresses(outline)


def _outline_addresses(outline) -> Iterator[str]:
    for name in ("xmlUrl", "htmlUrl"):
        if name in outline.attrib and not _is_web_url(outline.get(name)):
            yield f"{name} is no address"
    if not _TAG.fullmatch(outline.get("language", "en")):
        yield "the language is none"


def parsed(body: bytes):
    if not body.startswith(b"<?xml version='1.0' encoding='UTF-8'?>"):
        return "no XML declaration with UTF-8 at the very beginning"
    try:
        return etree.fromstring(body, etree.XMLParser(resolve_entities=False, huge_tree=True))
    except etree.XMLSyntaxError as error:
        return f"not well-formed: {error}"


def document_findings(root) -> Iterator[str]:
    if root.getroottree().docinfo.doctype:
        yield "a DOCTYPE"
    for element in root.iter():
        yield from _bad_characters("".join([element.text or "", *element.attrib.values()]))
        if BASE in element.attrib:
            yield "xml:base"
        if LANG in element.attrib and not _TAG.fullmatch(element.get(LANG)):
            yield f"xml:lang {element.get(LANG)!r} is no language"


def _namespaces(root, known: set[str]) -> Iterator[str]:
    """Elements that feed validators do not know, or that make demands on the rest (iTunes)."""
    for element in root.iter():
        namespace, brace, _ = element.tag.rpartition("}")
        if namespace + brace not in known and element.tag != TOMBSTONE:
            yield f"the element {element.tag}"


def _tombstones(feed, *, wanted: bool) -> Iterator[str]:
    found = [(one.get("ref"), one.get("when")) for one in feed.findall(TOMBSTONE)]
    if found and not wanted:
        yield "tombstones that nobody asked for"
    yield from (f"two tombstones {pair}" for pair in _repeats(found))
    for ref, when in found:
        yield from _rfc3339(when or "")
        if not is_id(ref or "") or feed.find(f"{ATOM}entry[{ATOM}id='{ref}']") is not None:
            yield f"a tombstone of {ref!r}"


def _bad_characters(text: str) -> Iterator[str]:
    if found := _BAD_CHARACTERS.search(text):
        yield f"the character {found[0]!r}"


def _atom_feed(feed, entries, self_url) -> Iterator[str]:
    yield from _exactly_one(feed, ("id", "title", "updated"))
    yield from _at_most_one(feed, ("generator", "icon", "logo", "rights", "subtitle"))
    yield from _atom_links(feed)
    yield from _atom_people(feed)
    yield from _rfc3339_dates(feed)
    yield from _texts(feed, ("title", "subtitle", "rights"))
    generator = feed.find(f"{ATOM}generator")
    if generator is None or not (generator.get("version") and _is_web_url(generator.get("uri"))):
        yield "no generator with uri and version"
    for name in ("icon", "logo"):
        if feed.find(ATOM + name) is not None and not _is_web_url(feed.findtext(ATOM + name)):
            yield f"the {name} is no address"
    selves = feed.findall(f"{ATOM}link[@rel='self']")
    if len(selves) != 1 or (self_url and selves[0].get("href") != self_url):
        yield "no single link rel=self to where the document is served"
    if not feed.findall(f"{ATOM}author"):
        yield "no author of the feed"
    updates = [entry.findtext(f"{ATOM}updated") or "" for entry in entries]
    if updates and _moment(feed.findtext(f"{ATOM}updated")) < max(map(_moment, updates)):
        yield "updated before one of its entries"


def _atom_entry(entry, feed) -> Iterator[str]:
    yield from _exactly_one(entry, ("id", "title", "updated", "source"))
    yield from _at_most_one(entry, ("content", "published", "rights", "summary"))
    yield from _atom_links(entry)
    yield from _atom_people(entry)
    yield from _rfc3339_dates(entry)
    yield from _texts(entry, ("title", "summary", "rights"))
    yield from _categories(entry)
    if not is_id(_id(entry)):
        yield "the id is no absolute URI"
    if not (entry.findall(f"{ATOM}author") or entry.findall(f"{ATOM}source/{ATOM}author")):
        yield "no author"
    if not (entry.findtext(f"{ATOM}title") or "").strip():
        yield "a blank title"
    yield from _atom_content(entry)
    if entry.get(LANG) and (entry.get(LANG) or "").lower() == (feed.get(LANG) or "").lower():
        yield "xml:lang says what the feed's says"
    for source in entry.findall(f"{ATOM}source"):
        yield from _about("source", _atom_source(source))


def _atom_content(entry) -> Iterator[str]:
    content, summary = entry.find(f"{ATOM}content"), entry.find(f"{ATOM}summary")
    if content is None and entry.find(f"{ATOM}link[@rel='alternate']") is None:
        yield "neither content nor an alternate link"
    if content is None and summary is None:
        yield "neither content nor a summary"
    if content is not None and content.get("type") not in {"html", "text"}:
        yield "content of another type than html and text"
    if content is not None and content.get("type") == "html":
        yield from html_findings(content.text or "")


def _atom_source(source) -> Iterator[str]:
    yield from _exactly_one(source, ("id", "title", "updated"))
    yield from _at_most_one(source, ("generator", "icon", "logo", "rights", "subtitle"))
    yield from _atom_links(source)
    yield from _atom_people(source)
    yield from _rfc3339_dates(source)
    yield from _texts(source, ("title", "subtitle", "rights"))
    if not is_id(_id(source)):
        yield "the id is no absolute URI"
    if source.find(f"{ATOM}icon") is not None and not _is_web_url(source.findtext(f"{ATOM}icon")):
        yield "the icon is no address"


def is_id(text: str) -> bool:
    """Whether it is an absolute URI, by the rules of its scheme."""
    match text.partition(":")[0].lower():
        case "tag":
            return _TAG_URI.fullmatch(text) is not None and _URI.fullmatch(text) is not None
        case "urn":
            named = _UUID if text.lower().startswith("urn:uuid:") else _URN
            return named.fullmatch(text) is not None
        case _:
            return _is_web_url(text)


def _texts(parent, names) -> Iterator[str]:
    for text in (found for name in names for found in parent.findall(ATOM + name)):
        if text.get("type", "text") == "text" and _MARKUP_OR_ENTITY.search(text.text or ""):
            yield f"{text.tag.removeprefix(ATOM)} has markup and does not say so"


def _categories(entry) -> Iterator[str]:
    for category in entry.findall(f"{ATOM}category"):
        if not (category.get("term") or "").strip():
            yield "a category without a term"
        if "scheme" in category.attrib and not is_id(category.get("scheme")):
            yield "a category whose scheme is no URI"


def _atom_links(parent) -> Iterator[str]:
    links = parent.findall(f"{ATOM}link")
    alternates = [
        (link.get("type"), link.get("hreflang"))
        for link in links
        if link.get("rel", "alternate") == "alternate"
    ]
    yield from (f"two alternates of {kind}" for kind in _repeats(alternates))
    for link in links:
        if not link.get("rel"):
            yield "a link without rel"
        if not _is_web_url(link.get("href")):
            yield f"a link to {link.get('href')!r}"
        if link.get("type") and not _MEDIA_TYPE.fullmatch(link.get("type")):
            yield f"the media type {link.get('type')!r}"
        if link.get("length") and not link.get("length").isdecimal():
            yield f"the length {link.get('length')!r}"
        if link.get("rel") == "enclosure" and not link.get("type"):
            yield "an enclosure without a type"
        if link.get("rel") == "prev":
            yield "rel=prev, which is called previous"


def _atom_people(parent) -> Iterator[str]:
    for person in (*parent.findall(f"{ATOM}author"), *parent.findall(f"{ATOM}contributor")):
        yield from _exactly_one(person, ("name",))
        yield from _at_most_one(person, ("email", "uri"))
        email = person.findtext(f"{ATOM}email")
        if not (person.findtext(f"{ATOM}name") or "").strip():
            yield "an author without a name"
        if email is not None and not _EMAIL.fullmatch(email):
            yield f"the e-mail address {email!r}"
        if person.find(f"{ATOM}uri") is not None and not _is_web_url(person.findtext(f"{ATOM}uri")):
            yield "a person's uri is none"


def _rfc3339_dates(parent) -> Iterator[str]:
    for name in ("updated", "published"):
        for element in parent.findall(ATOM + name):
            yield from _rfc3339(element.text or "")


def _rfc3339(text: str) -> Iterator[str]:
    if not _RFC3339.fullmatch(text):
        yield f"{text!r} is no date of RFC 3339"
    elif _moment(text).year < FIRST_YEAR:
        yield f"{text} is before all feeds"


def _moment(text: str | None) -> datetime:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _channel(channel, self_url) -> Iterator[str]:
    yield from _channel_links(channel, self_url)
    yield from rfc822_findings(channel, ("lastBuildDate", "pubDate"))
    tags = [child.tag for child in channel]
    once = ("title", "link", "description", "generator", "docs", "lastBuildDate")
    yield from (f"channel/{tag} is not there once" for tag in once if tags.count(tag) != 1)
    if "item" in tags and set(tags[tags.index("item") :]) != {"item"}:
        yield "an element of the channel after an item"
    yield from (f"channel/{tag} is empty" for tag in once if not channel.findtext(tag, "").strip())
    if channel.findtext("docs") != "http://www.rssboard.org/rss-specification":
        yield "docs is not the specification"
    for image in channel.findall("image"):
        if not _is_web_url(image.findtext("url")):
            yield "an image without an address"
        size = (int(image.findtext("width", "88")), int(image.findtext("height", "31")))
        if size[0] > WIDEST or size[1] > TALLEST:
            yield "an image larger than 144 by 400"
        if [image.findtext(tag) for tag in once[:2]] != [channel.findtext(tag) for tag in once[:2]]:
            yield "the image has another title or link than the channel"
    if not _TAG.fullmatch(channel.findtext("language", "en")):
        yield "the language is none"


def _channel_links(channel, self_url) -> Iterator[str]:
    selves = channel.findall(f"{ATOM}link[@rel='self']")
    if len(selves) != 1 or selves[0].get("type") != "application/rss+xml":
        yield "no single atom:link rel=self of the type application/rss+xml"
    elif self_url and selves[0].get("href") != self_url:
        yield "atom:link rel=self is not where the document is served"
    if not all(_is_web_url(link.get("href")) for link in channel.findall(f"{ATOM}link")):
        yield "an atom:link that leads nowhere"
    if selves and channel.findtext("link") == selves[0].get("href"):
        yield "the channel's link is the feed, not its page"


def _rss_item(item) -> Iterator[str]:
    tags = Counter(child.tag for child in item)
    once = ("title", "guid", "pubDate", "source")
    yield from (f"{tag} is not there once" for tag in once if tags[tag] != 1)
    single = ("link", "description", "enclosure", CONTENT)
    yield from (f"{tag} is repeated" for tag in single if tags[tag] > 1)
    yield from (f"{tag} is unknown" for tag in tags if tag in {"author", f"{ATOM}source"})
    if not is_id(item.findtext("guid") or ""):
        yield "the guid is no absolute URI"
    yield from _rss_order(item)
    yield from _rss_guid(item)
    yield from _rss_files(item)
    yield from rfc822_findings(item, ("pubDate",))
    if not (item.findtext("title") or "").strip():
        yield "a blank title"
    if _MARKUP.search(item.findtext("description") or ""):
        yield "markup in the description"
    if not item.findtext(CREATOR):
        yield "no dc:creator"
    if item.find("link") is not None and not _is_web_url(item.findtext("link")):
        yield f"a link to {item.findtext('link')!r}"
    yield from html_findings(item.findtext(CONTENT) or "")


def _rss_order(item) -> Iterator[str]:
    tags = [child.tag for child in item]
    if CONTENT in tags and "description" not in tags[: tags.index(CONTENT)]:
        yield "content:encoded without a description before it"


def _rss_guid(item) -> Iterator[str]:
    for guid in item.findall("guid"):
        if guid.get("isPermaLink") not in {"true", "false"}:
            yield "a guid that does not say whether it is a permalink"
        if guid.get("isPermaLink") == "true" and guid.text != item.findtext("link"):
            yield "a permalink guid that is not the link"


def _rss_files(item) -> Iterator[str]:
    for file in (*item.findall("enclosure"), *item.findall(MEDIA_CONTENT)):
        if not _is_web_url(file.get("url")) or not _MEDIA_TYPE.fullmatch(file.get("type") or ""):
            yield "a file without an address or a media type"
        if not file.get("length", file.get("fileSize", "0")).isdecimal():
            yield "a file's length is no number"
        if not file.get("duration", "0").isdecimal():
            yield "a file's duration is no number"
        if file.tag == "enclosure" and file.get("length") is None:
            yield "an enclosure without length"
    for source in item.findall("source"):
        if not _is_web_url(source.get("url")) or not (source.text or "").strip():
            yield "a source without url or name"


def rfc822_findings(parent, tags) -> Iterator[str]:
    for element in (child for child in parent if child.tag in tags):
        text = element.text or ""
        if not _RFC822.fullmatch(text):
            yield f"{text!r} is no date of RFC 822 with four digits of the year"
        elif _DAYS[parsedate_to_datetime(text).weekday()] != text[:3]:
            yield f"{text!r} has the wrong day of the week"
        elif parsedate_to_datetime(text).year < FIRST_YEAR:
            yield f"{text!r} is before all feeds"


def _json_feed(feed, self_url) -> Iterator[str]:
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        yield "the version is not 1.1"
    if not isinstance(feed.get("items"), list) or not _is_text(feed.get("title")):
        yield "no title, or no items"
    if not _is_web_url(feed.get("home_page_url")) or not _is_web_url(feed.get("feed_url")):
        yield "no home_page_url, or no feed_url"
    if self_url and feed.get("feed_url") != self_url:
        yield "feed_url is not where the document is served"
    if "author" in feed or not _TAG.fullmatch(feed.get("language", "en")):
        yield "the deprecated author, or no language"
    yield from _json_addresses(feed)
    yield from _json_extensions(feed)


def _json_addresses(feed) -> Iterator[str]:
    for name in ("icon", "favicon", "next_url"):
        if name in feed and not _is_web_url(feed[name]):
            yield f"{name} is no address"
    if feed.get("next_url") == feed.get("feed_url"):
        yield "next_url leads to the same document"
    for hub in feed.get("hubs", []):
        if set(hub) != {"type", "url"} or not _is_web_url(hub["url"]):
            yield "a hub without type or url"


def _json_item(item) -> Iterator[str]:
    if not _is_text(item.get("id")) or not is_id(item["id"]):
        yield "the id is no string that is an absolute URI"
    if not ("content_html" in item or "content_text" in item):
        yield "neither content_html nor content_text"
    for name in ("title", "summary", "content_html", "content_text", "language"):
        if name in item and not _is_text(item[name]):
            yield f"{name} is no text"
    for name in ("url", "external_url", "image", "banner_image"):
        if name in item and not _is_web_url(item[name]):
            yield f"{name} is no address"
    for name in ("date_published", "date_modified"):
        yield from _rfc3339(item.get(name, ""))
    yield from _json_lists(item)
    yield from _json_extensions(item)
    yield from html_findings(item.get("content_html", ""))


def _json_lists(item) -> Iterator[str]:
    if not _TAG.fullmatch(item.get("language") or "en"):
        yield "the language is none"
    if "author" in item or not all(_is_text(author.get("name")) for author in item["authors"]):
        yield "the deprecated author, or an author without a name"
    if not all(_is_text(tag) for tag in item.get("tags", [])):
        yield "a tag that is no text"
    for file in item.get("attachments", []):
        if not _is_web_url(file.get("url")) or not _MEDIA_TYPE.fullmatch(file.get("mime_type", "")):
            yield "an attachment without an address or a media type"
        for name in ("size_in_bytes", "duration_in_seconds"):
            if not isinstance(file.get(name, 0), int):
                yield f"an attachment's {name} is no number"


def _json_extensions(value) -> Iterator[str]:
    yield from (f"the key {key}" for key in value if key.startswith("_") and "." in key)
    yield from (f"{key} is null" for key, held in value.items() if held is None)


def _exactly_one(parent, names) -> Iterator[str]:
    found = {name: len(parent.findall(ATOM + name)) for name in names}
    yield from (f"{count} {name} elements" for name, count in found.items() if count != 1)


def _at_most_one(parent, names) -> Iterator[str]:
    found = {name: len(parent.findall(ATOM + name)) for name in names}
    yield from (f"{count} {name} elements" for name, count in found.items() if count > 1)


def _id(parent) -> str:
    return parent.findtext(f"{ATOM}id") or ""


def _about(name: str | None, findings) -> list[str]:
    return [f"{name}: {finding}" for finding in findings]


def _repeats(values) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]


def _repeated(ids: list[str | None]) -> list[str]:
    return [f"{id}: stands more than once" for id in _repeats(ids)]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_web_url(value: object) -> bool:
    if not isinstance(value, str) or not _URI.fullmatch(value):
        return False
    return urlsplit(value).scheme in {"http", "https"} and bool(urlsplit(value).netloc)


def html_findings(html: str) -> list[str]:
    """Relative references, and what a browser would run or restyle the page with."""
    look = _Look()
    look.feed(html)
    look.close()
    return look.findings


class _Look(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.findings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag in _ACTIVE or (tag == "iframe" and "sandbox" not in named):
            self.findings.append(f"the element {tag}")
        for name, value in named.items():
            if name.startswith("on") or name in {"style", "srcdoc", "formaction"}:
                self.findings.append(f"the attribute {name}")
            if name in _ADDRESSES:
                self._look_at(value)
            if name == "srcset":
                for candidate in value.split(", "):
                    self._look_at(candidate.strip().partition(" ")[0])

    def _look_at(self, address: str) -> None:
        scheme = urlsplit(address).scheme
        if not scheme:
            self.findings.append(f"the relative reference {address!r}")
        elif scheme not in {"http", "https", "mailto"}:
            self.findings.append(f"the active reference {address!r}")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
