import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from aggregator.core.model import CODE_BLOCK
from aggregator.formats.html import cleaned, paragraphs
from aggregator.formats.html_text import LONGEST_HTML, LONGEST_TEXT, plain_text

BASE = "https://a.example/blog/feed.xml"
CORPORA = Path("../shared/corpora/html")

KATEX = (
    '<span class="katex"><span class="katex-mathml"><math><semantics><mi>x</mi>'
    '<annotation encoding="application/x-tex">x^2 &lt; y</annotation></semantics></math></span>'
    '<span class="katex-html" aria-hidden="true">x2y</span></span>'
)
HEXO = (
    '<figure class="highlight python"><figcaption>a.py</figcaption><table><tr>'
    '<td class="gutter"><pre>1\n2</pre></td><td class="code"><pre>print()</pre></td>'
    "</tr></table></figure>"
)
ROUGE = (
    '<div class="language-ruby highlighter-rouge"><div class="highlight">'
    '<pre class="highlight"><code>puts</code></pre></div></div>'
)
PYGMENTS = (
    '<div class="highlight"><table class="highlighttable"><tr><td class="linenos"><div><pre>1</pre>'
    '</div></td><td class="code"><div><pre>x</pre></div></td></tr></table></div>'
)
STRIPPED = "<table><tr><td><pre>1</pre></td><td><pre>x</pre></td></tr></table>"


def clean_html(html: str, base: str | None, **how: Any) -> str:
    safe, text = cleaned(html, base, **how)
    assert text == plain_text(html)
    return safe


def clean(html: str) -> str:
    return clean_html(html, BASE)


def strings(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for one in value for text in strings(one)]
        case dict():
            return strings(list(value.values()))
        case _:
            return []


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p onclick='x()'>a</p><script>b</script><style>c</style>", "<p>a</p>"),
        ("<iframe src='//x.example'>i</iframe><form>f<input></form>", "f"),
        ("<p style='color:red' class='x' id='y'>a</p>", "<p>a</p>"),
        ("<svg><script>x</script><text>t</text></svg>z", "z"),
        ("a & b < c", "a &amp; b &lt; c"),
        ("<!-- c --><b>x", "<b>x</b>"),
        ("<img src='data:image/png;base64,AA' alt='p'>", '<img alt="p">'),
    ],
)
def test_only_what_is_allowed_stays(html: str, expected: str):
    assert clean(html) == expected


@pytest.mark.parametrize("scheme", ["javascript:x", "data:text/html,x", "vbscript:x", "file:///x"])
def test_links_lead_to_the_web_or_to_mail_only(scheme: str):
    assert "href" not in clean(f'<a href="{scheme}">x</a>')
    assert 'href="mailto:a@b.example"' in clean('<a href="mailto:a@b.example">x</a>')


def test_relative_addresses_become_absolute():
    html = clean('<a href="../x?a=1&amp;b=2">x</a><img src="/y.png"><img src="//c.example/z.png">')

    assert 'href="https://a.example/x?a=1&amp;b=2"' in html
    assert 'src="https://a.example/y.png"' in html
    assert 'src="https://c.example/z.png"' in html


def test_each_candidate_of_a_srcset_becomes_absolute_or_goes():
    html = clean('<img src="a.png" srcset="a.png 1x, javascript:x 2x, //c.example/b.png 3x">')

    assert 'srcset="https://a.example/blog/a.png 1x, https://c.example/b.png 3x"' in html


@pytest.mark.parametrize(
    "relative",
    [
        '<a href="y">x</a>',
        "<A HREF='y'>x</A>",
        "<a href=y>x</a>",
        '<a title=\'href="https://b.example/"\' href = "y">x</a>',
        '<img src="y">',
        '<video poster="y"></video>',
    ],
)
def test_a_relative_address_beside_an_absolute_one_becomes_absolute(relative: str):
    absolute = '<a href="https://b.example/">b</a><img src="https://b.example/b.png">'

    assert '="https://a.example/blog/y"' in clean(absolute + relative)


@pytest.mark.parametrize(
    "tag",
    ['<a b"=" >x" href="/p">', "<a\nhref='/p'>", "<A HREF=/p>", '<a href="/p"x>', "<a/href=/p>"],
)
def test_a_link_becomes_absolute_however_its_tag_is_written(tag: str):
    assert 'href="https://a.example/p"' in clean(f"<p>b</p>{tag}x</a>")


@pytest.mark.parametrize("word", ["display:none", "data-src", "srcset", "href=", "katex", "class"])
def test_what_a_text_tells_of_markup_changes_nothing(word: str):
    html = '<p>{} <a href="https://a.example/">b</a><img src="https://a.example/c.png" alt="d"></p>'

    assert clean(html.format(word)) == clean(html.format("x")).replace("x", word, 1)


def test_without_a_usable_base_relative_addresses_go():
    assert clean_html('<a href="/x">x</a>', None) == '<a rel="noopener noreferrer">x</a>'


def test_the_language_of_code_stays_and_other_classes_go():
    assert clean('<pre class="hl"><code class="big language-c++ x">a</code></pre>') == (
        '<pre><code class="language-c++">a</code></pre>'
    )


@pytest.mark.parametrize(
    "pixel",
    [
        '<img src="https://t.example/p" width="1" height="1">',
        "<img src=https://t.example/p width=0>",
        '<img src="https://t.example/p" style="display:none">',
        '<img src="https://t.example/p" style="width: 1px; height: 1px">',
        '<img src="http://feeds.feedburner.com/~r/Blog/~4/x">',
        '<img src="https://pixel.wp.com/b.gif?host=x">',
        '<IMG SRC="https://stats.wordpress.com/b.gif">',
    ],
)
def test_tracking_pixels_are_gone(pixel: str):
    assert clean(f"<p>a{pixel}b</p>") == "<p>ab</p>"


def test_pictures_of_other_sizes_stay():
    assert 'width="10"' in clean('<img src="/a.png" width="10" height="100">')


def test_a_lazy_picture_is_promoted_and_its_stand_in_dropped():
    lazy = '<img src="data:image/gif;base64,A" data-src="/a.png"><noscript><img src="/a.png">'

    assert clean(f"{lazy}</noscript>") == '<img src="https://a.example/a.png">'


def test_a_formula_is_republished_once():
    html = clean(f'<p>{KATEX} <script type="math/tex">a^2</script></p>')

    assert html == r"<p>\(x^2 &lt; y\) \(a^2\)</p>"


MATH = "<math><mi>x</mi></math>"


@pytest.mark.parametrize(
    ("rendered", "expected"),
    [
        (
            (
                f'<mjx-container class="MathJax"><mjx-math></mjx-math><mjx-assistive-mml>{MATH}'
                "</mjx-assistive-mml></mjx-container>"
            ),
            MATH,
        ),
        (
            (
                '<span class="MathJax_Preview">x</span><span class="MathJax"><i>x</i></span>'
                '<script type="math/tex">x</script>'
            ),
            r"\(x\)",
        ),
        (f'<span class="MathJax"><i>x</i><span>{MATH}</span></span>', MATH),
        (f'<span class="katex">{MATH}<span class="katex-html">x</span></span>', MATH),
        ('<span class="katex"><span class="katex-html">x</span></span>', "x"),
        (f'<span class="mwe-math-element">{MATH}<img src="/x.svg" alt="x"></span>', MATH),
        (f"a {MATH} b", f"a {MATH} b"),
        (r"\(a_1 &lt; b\) $x_1$ \[y\]", r"\(a_1 &lt; b\) $x_1$ \[y\]"),
    ],
)
def test_whatever_rendered_it_a_formula_is_neither_lost_nor_doubled(rendered: str, expected: str):
    html = clean(f"<p>{rendered}</p>")

    assert html.replace("<span>", "").replace("</span>", "") == f"<p>{expected}</p>"


def test_html_that_nests_too_deep_becomes_its_text_quickly():
    bomb = "<div>" * 50_000 + "a < b"

    assert clean(bomb) == "<p>a &lt; b</p>"
    assert plain_text(bomb) == "a < b"


@pytest.mark.parametrize("hidden", ["<!--{}-->", '<a title="{}">', "<a title='{}'>", "<a b={} c>"])
def test_end_tags_in_comments_and_attributes_do_not_hide_the_depth(hidden: str):
    bomb = ("<div>" + hidden.format("</div>")) * 2000

    assert not clean(bomb).startswith("<div>")


@pytest.mark.parametrize(
    "flat",
    [
        "<p>x" * 3000,
        "<ul>" + "<li><p>x" * 3000,
        "<table>" + "<tr><td>x" * 3000,
        "<dl>" + "<dt>x<dd>y" * 1000,
        "<p>x<br><img alt=y></p>" * 1000,
        "<svg>" + "<path d='x'/>" * 1000 + "</svg>x",
    ],
)
def test_long_but_flat_html_is_cleaned_as_html(flat: str):
    assert "&lt;" not in clean(flat)
    assert clean(flat).count("x") == flat.count("x") - flat.count("d='x'")


def test_a_body_beyond_the_limit_is_cut_but_not_for_its_inline_pictures():
    picture = f'<img src="data:image/png;base64,{"A" * LONGEST_HTML}">'

    assert clean(f"<p>a</p>{picture}<p>b</p>").endswith("<p>b</p>")
    assert len(clean("<p>x</p>" * LONGEST_HTML)) <= LONGEST_HTML + 8


def test_characters_that_xml_forbids_are_gone():
    assert clean("<p>a\x00\x0b\ud800b</p>") == "<p>ab</p>"


def attacks() -> list[str]:
    """What others test their sanitizers and parsers with."""
    dompurify = json.loads((CORPORA / "dompurify/payloads.json").read_text())
    bleach = [path.read_text("utf-8") for path in sorted((CORPORA / "bleach").glob("*.test"))]
    trees = [path.read_text("utf-8") for path in sorted((CORPORA / "html5lib").rglob("*.dat"))]
    html5lib = [case.split("\n#errors")[0] for tree in trees for case in tree.split("#data\n")[1:]]
    return [*strings(dompurify), *bleach, *html5lib]


ACTIVE = {
    *("applet", "base", "button", "embed", "form", "frame", "iframe", "input", "link", "meta"),
    *("object", "script", "style", "svg", "template", "textarea", "title"),
}
ADDRESSES = ("http://", "https://", "mailto:")


def faults(html: str, *, players: bool) -> Iterator[str]:
    """What is active in it, or not absolute."""
    for node in LexborHTMLParser("<body>" + html).css("body *"):
        if node.tag in ACTIVE - ({"iframe"} if players else set()):
            yield f"<{node.tag}>"
        for name, value in node.attributes.items():
            if name.startswith("on") or name in {"style", "formaction", "id", "srcdoc"}:
                yield name
            if name in {"href", "src", "poster"} and not (value or "").startswith(ADDRESSES):
                yield f"{name}={value!r}"
            if name == "srcset" and not all(
                one.strip().startswith(ADDRESSES) for one in (value or "").split(", ")
            ):
                yield f"{name}={value!r}"


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the shared corpora are not there")
@pytest.mark.parametrize("players", [False, True], ids=["as links", "players"])
def test_of_published_attacks_nothing_active_or_relative_is_left(players: bool):
    cases = attacks()
    assert len(cases) > 1000
    for attack in cases:
        once = clean_html(attack, BASE, players=players)

        assert clean_html(once, BASE, players=players) == once
        assert list(faults(once, players=players)) == [], attack


YOUTUBE = "https://www.youtube.com/embed/dQw4w9WgXcQ?rel=0"


@pytest.mark.parametrize(
    ("frame", "page"),
    [
        (f'<iframe src="{YOUTUBE}">x</iframe>', "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        (
            '<iframe data-src="//www.youtube-nocookie.com/embed/dQw4w9WgXcQ"></iframe>',
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        ),
        (
            '<iframe src="https://www.youtube.com/embed/videoseries?list=PL1"></iframe>',
            "https://www.youtube.com/playlist?list=PL1",
        ),
        ('<iframe src="https://player.vimeo.com/video/12?h=1"></iframe>', "https://vimeo.com/12"),
        (
            '<iframe src="https://tube.example/videos/embed/0123-4567"></iframe>',
            "https://tube.example/w/0123-4567",
        ),
        (
            '<object data="https://www.youtube.com/v/dQw4w9WgXcQ"><embed src="x"></object>',
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        ),
        (
            '<iframe src="https://player.twitch.tv/?channel=abc&parent=a.example"></iframe>',
            "https://www.twitch.tv/abc",
        ),
        (
            '<iframe src="https://archive.org/embed/x"></iframe>',
            "https://archive.org/embed/x",
        ),
    ],
)
def test_a_player_becomes_a_link_to_what_it_plays(frame: str, page: str):
    assert (
        clean(f"<p>{frame}</p>") == f'<p><a href="{page}" rel="noopener noreferrer">{page}</a></p>'
    )


def test_the_link_to_a_video_bears_the_players_title():
    assert ">A film</a>" in clean(f'<iframe src="{YOUTUBE}" title="A\nfilm"></iframe>')


def test_known_players_stay_where_they_are_allowed_and_are_shut_in():
    html = clean_html(
        f'<iframe src="{YOUTUBE}" width="5" onload="x()">t</iframe>', BASE, players=True
    )

    assert html == (
        f'<iframe width="5" src="{YOUTUBE}" loading="lazy" allowfullscreen=""'
        ' sandbox="allow-popups allow-same-origin allow-scripts"></iframe>'
    )


@pytest.mark.parametrize(
    "frame",
    [
        '<iframe src="https://evil.example/"></iframe>',
        '<iframe src="https://youtube.com.evil.example/embed/dQw4w9WgXcQ"></iframe>',
        '<iframe src="https://user@evil.example/embed/"></iframe>',
        '<iframe srcdoc="<script>x</script>"></iframe>',
        '<iframe src="javascript:x"></iframe>',
        "<iframe>",
    ],
)
def test_other_frames_are_gone_in_any_case(frame: str):
    assert clean_html(f"<p>a</p>{frame}", BASE, players=True) == "<p>a</p>"
    assert clean(f"<p>a</p>{frame}") == "<p>a</p>"


def test_a_frame_whose_host_browsers_see_elsewhere_does_not_stay():
    frame = '<iframe src="https://evil.example\\@www.youtube.com/embed/dQw4w9WgXcQ"></iframe>'

    assert "evil" not in clean_html(frame, BASE, players=True)


def test_links_are_cleaned_as_absolute_addresses_and_others_are_left_alone():
    asked = []

    def clean_link(url: str) -> str:
        asked.append(url)
        return url.partition("?")[0]

    html = clean_html(
        '<a href="/x?utm_source=y">x</a><a href="#n">n</a><a href="mailto:a@b.example">m</a>'
        '<img src="/i?utm_source=y">',
        "https://a.example/post",
        clean=clean_link,
    )

    assert set(asked) == {"https://a.example/x?utm_source=y"}
    assert 'href="https://a.example/x"' in html
    assert 'href="https://a.example/post#n"' in html
    assert 'href="mailto:a@b.example"' in html
    assert 'src="https://a.example/i?utm_source=y"' in html


@pytest.mark.parametrize(
    ("lazy", "expected"),
    [
        ('<img data-src="a.png">', '<img src="{}a.png">'),
        ('<img src="/blank.gif" data-lazy-src="a.png">', '<img src="{}a.png">'),
        ('<img src="x.png" data-original="data:image/png;base64,A">', '<img src="{}x.png">'),
        (
            '<img data-srcset="a.png 1x, b.png 2x">',
            '<img srcset="{}a.png 1x, {}b.png 2x" src="{}a.png">',
        ),
        (
            '<img src="data:,x" srcset="a.png 9w" sizes="auto">',
            '<img src="{}a.png" srcset="{}a.png 9w">',
        ),
        (
            (
                '<picture><source data-srcset="a.webp" type="image/webp">'
                '<img data-src="a.png"></picture>'
            ),
            '<picture><source type="image/webp" srcset="{}a.webp"><img src="{}a.png"></picture>',
        ),
        ('<img src="/1.gif" width="1" height="1" data-src="a.png">', '<img src="{}a.png">'),
        (
            '<img style="display:none" data-src="a.png"><noscript><img src="a.png"></noscript>',
            '<img src="{}a.png">',
        ),
        (
            '<video controls data-src="a.mp4"></video>',
            '<video src="{}a.mp4" controls=""></video>',
        ),
        ('<noscript><img width=1 src="https://t.example/p"></noscript><p>x</p>', "<p>x</p>"),
        ('<img src="data:,x"><noscript><img src="a.png"></noscript>', '<img src="{}a.png">'),
        (
            '<noscript><img src="a.png"></noscript>\n<img data-src="a.png?w=9">',
            '<img src="{}a.png?w=9">',
        ),
        ('<img src="a.png"><noscript><img src="a.png"></noscript>', '<img src="{}a.png">'),
        ('<noscript><img src="a.png"></noscript><p>x</p>', '<img src="{}a.png"><p>x</p>'),
        ("<noscript><p>No scripts?</p></noscript>", "<p>No scripts?</p>"),
    ],
)
def test_a_lazy_picture_is_there_once_and_for_everybody(lazy: str, expected: str):
    assert clean(lazy) == expected.replace("{}", "https://a.example/blog/")


def test_with_a_tracking_picture_its_link_goes_and_other_links_stay():
    pixel = '<img src="https://api.flattr.com/button/x.png">'

    assert clean(f'<p><a href="/x">{pixel}</a></p>') == "<p></p>"
    assert ">b</a>" in clean(f'<p><a href="/x">{pixel}b</a></p>')


@pytest.mark.parametrize("mess", ["", '<img src="/a" width=1>'])
def test_code_is_kept_to_the_letter(mess: str):
    code = "<pre>\n\n  a\t&lt;b&gt;\n\n    c  <b>d</b>\n</pre>"

    assert clean(code + mess) == code
    assert clean(clean(code + mess)) == code


@given(
    st.lists(
        st.sampled_from(
            [
                *("<p>", "</p>", "<a\thref='/x'>", "</a>", "<b>", "</i>", "<h1>", "<li>", "</ul>"),
                *("<table>", "<td>", "</table>", "<math>", "<mi>", "</math>", "<pre>", "\n", "x"),
                *("&", "&lt;", "<!--", "-->", "<img\tsrc=y>", "<script>", "</script>", "<", '"'),
            ]
        ),
        max_size=25,
    )
)
def test_cleaning_twice_changes_nothing(pieces: list[str]):
    once = clean("".join(pieces))

    assert clean(once) == once


def test_plain_text_parts_blocks_and_joins_inline_elements():
    assert plain_text("<h1>T</h1><p>中<b>文</b></p>a<br>b<ul><li>c</li><li>d</li></ul>") == (
        "T 中文 a b c d"
    )


@pytest.mark.parametrize(
    "tag",
    ['<p "class=x>', '<a href="/a" "=b>', '<a href="<b x="1">', '<a title="<p ">', "<di<p>"],
)
def test_plain_text_holds_nothing_of_a_tag_with_stray_characters(tag: str):
    assert plain_text(f'before {tag} after, and "quoted" <em title="x">words</em>').split() == [
        *("before", "after,", "and", '"quoted"', "words")
    ]


@pytest.mark.parametrize(
    "html",
    [
        "a<p>b</div>c",
        "<li>a<li>b</ul>c",
        "<b>a<p>b</b>c",
        "a</br>b</p>c",
        "<em>a<h1>b<h2>c</em>",
        "<a href='/?a&#61;b'>a<a>b",
        "<span class='code &#104;ighlight'>a<pre>b</pre></span>",
        "<p>" + "word &amp; <i>word</i> " * 2000,
        "<p>" + "<a title='<p \">'>x</a> " * 3000,
        '<p title="x\'y>z</p><p title="x">w',
        "a&nbsp;&#1;code&#1; &#xfffc;&hellip;&notit;<em>b</em>",
    ],
)
def test_the_text_of_what_is_cleaned_is_that_of_the_whole(html: str):
    assert cleaned(html, BASE)[1] == plain_text(html)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p>b<br/>c<p/>d", "a b c d"),
        ('<p dir="ltr">a > b &amp; <i title="<">c</i></p>', "a > b & c"),
        ("<h1>a<h2>b</h2>c</h1>d", "a b cd"),
        ("<ul><li>a<li>b</li>c</li>d</ul>", "a b cd"),
        ("<p>a<div>b</div>c</p>d", "a b c d"),
        ("<b>a</div>b</b>", "ab"),
        ("<p>a\xa0\t b\r\n</p>", "a b"),
    ],
)
def test_plain_text_knows_which_tags_mean_nothing(html: str, text: str):
    assert plain_text(html) == text


_nested = st.recursive(
    st.sampled_from(
        ["a", " b\n", "<br>", "<hr />", '<img alt="c">', "&amp;", "&hellip;", ">", "ü"]
    ),
    lambda inner: st.tuples(
        st.sampled_from(
            [
                "p",
                "div",
                "i",
                "a",
                "span",
                "li",
                "ul",
                "h1",
                "h2",
                "blockquote",
                "dl",
                "dt",
                "dd",
                "section",
                "pre",
            ]
        ),
        st.lists(inner, max_size=4),
        st.sampled_from(["</{}>", "</{}>", "</{}>", "", "</div>"]),
    ).map(lambda one: f'<{one[0]} title="x > y">{"".join(one[1])}{one[2].format(one[0])}'),
    max_leaves=12,
)


@given(_nested)
def test_plain_text_is_the_same_with_and_without_a_tree(html: str):
    needs_a_tree = f'{html}<b class="code"></b>'

    assert plain_text(html) == plain_text(needs_a_tree)


@pytest.mark.parametrize(
    "mark", ["", "///www.google-analytics.com/a.gif", "https://t.co/i/adsct?x", "/piwik.php?a"]
)
def test_a_counting_picture_is_found_wherever_its_host_begins(mark: str):
    assert clean(f'<p>a<img src="{mark}"></p>') == "<p>a</p>" or not mark


def test_plain_text_decodes_once_and_leaves_out_what_is_for_machines():
    html = "<style>s</style><script>j</script><template>t</template>a &amp;lt; &nbsp; b<!-- c -->"

    assert plain_text(html) == "a &lt; b"
    assert plain_text("1 < 2 & 3") == "1 < 2 & 3"
    assert plain_text("<a title='x > y'>z</a>") == "z"


@pytest.mark.parametrize(
    "code",
    ["<pre>x</pre>", "<pre><code>a\nb</code></pre>", HEXO, ROUGE, PYGMENTS, STRIPPED],
    ids=["pre", "pre-code", "hexo", "rouge", "pygments", "stripped"],
)
def test_a_block_of_code_is_one_placeholder(code: str):
    assert plain_text(f"<p>a</p>{code}<p>b</p>") == f"a {CODE_BLOCK} b"


def test_two_blocks_of_code_are_two_and_inline_code_is_text():
    assert plain_text("<pre>x</pre><pre>y</pre>") == f"{CODE_BLOCK} {CODE_BLOCK}"
    assert plain_text("use <code>f(x)</code>.") == "use f(x)."


def test_prose_in_a_box_called_highlight_is_prose():
    html = '<div class="highlight"><p>Read this:</p><pre>x</pre></div>'

    assert plain_text(html) == f"Read this: {CODE_BLOCK}"


def test_a_table_with_code_in_one_cell_is_a_table():
    html = "<table><tr><td>name</td><td><pre>x</pre></td></tr></table>"

    assert plain_text(html) == f"name {CODE_BLOCK}"


def test_the_placeholder_in_the_source_s_own_text_means_nothing():
    assert plain_text(f"<p>a{CODE_BLOCK}&#xfffc;b</p>") == "ab"
    assert plain_text(CODE_BLOCK) == ""


@pytest.mark.parametrize("tex", [r"\(a_1 + b\)", r"\[\frac{1}{2}\]", "$x_1$", "$$y$$"])
def test_formulas_stand_as_they_are(tex: str):
    assert plain_text(f"<p>a {tex} b</p>") == f"a {tex} b"


def test_what_a_renderer_made_of_a_formula_goes_back_to_tex_once():
    assert plain_text(f"a{KATEX}b") == r"a\(x^2 < y\)b"
    assert plain_text(f'a<span class="katex-display">{KATEX}</span>b') == r"a \[x^2 < y\] b"
    assert plain_text('a<script type="math/tex">x<y</script>b') == r"a\(x<y\)b"
    assert plain_text('<script type="math/tex; mode=display">x</script>') == r"\[x\]"
    assert plain_text('<math alttext="x^2"><mi>x</mi></math>') == r"\(x^2\)"
    assert plain_text('a <img class="latex" alt="x^2" src="/x"> b') == r"a \(x^2\) b"
    assert plain_text(f'<mjx-container class="MathJax">{MATH}</mjx-container>') == r"\(x\)"


def test_plain_text_keeps_the_beginning():
    assert plain_text("<p>" + "ab " * 10_000) == ("ab " * 10_000)[:LONGEST_TEXT].rstrip()


def test_plain_text_becomes_paragraphs_and_breaks():
    assert paragraphs("a < b\nc\r\n\r\n d & e\n") == "<p>a &lt; b<br>c</p><p>d &amp; e</p>"
    assert paragraphs(" \n ") == ""
