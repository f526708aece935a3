from functools import partial

import bs4
import pytest
from bs4.builder import ParserRejectedMarkup
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed import reading
from rag_embed.chunking.markdown import markdown_outline
from rag_embed.errors import BadInput
from rag_embed.reading.html import html_text
from rag_embed.types import Skipped

read = partial(reading.read, name="")
"""Names are those below the folder that a test is in."""


def text(markup):
    return html_text(markup)[1]


def test_a_page(tmp_path):
    (tmp_path / "p.html").write_text(
        """<!doctype html><html><head><title> My
        page</title><style>p{}</style></head><body>
        <header>
        <h1>Guide<a class=headerlink href=#g>¶</a></h1></header><nav><a href=/>Home</a></nav>
        <!-- no --><p>Some <b>bold</b>,
          <a href=x>linked</a>&nbsp;text<br>next &amp; last.</p>
        <div hidden>gone</div><script>var x;</script><button>Press</button>
        <h2>Steps</h2><ol><li>One<li><p>Two</p><p>more</p><ul><li>inner</ul></ol>
        <pre>a  b
  c &lt;d&gt;</pre><img alt="A plan" src=x>
        <table><tr><th>K<th>V</tr><tr><td>a|b<td><p>1</p></table>
        <footer>All rights</footer></body></html>""",
        encoding="utf-8",
    )
    (document,) = read(tmp_path)
    assert document.title == "My page"
    assert document.metadata == {"path": "p.html", "format": "html"}
    assert document.text == (
        "# Guide\n\nSome bold, linked text\nnext & last.\n\n## Steps\n\n"
        "1. One\n2. Two\n  more\n  - inner\n\n```\na  b\n  c <d>\n```\n\nA plan\n\n"
        "| K | V |\n| --- | --- |\n| a\\|b | 1 |"
    )
    paths = [section.path for section in markdown_outline(document.text).sections]
    assert paths == [("Guide",), ("Guide", "Steps")]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<div>around</div><main><p>in</p><footer>f</footer></main>", "in\n\nf"),
        ("<p>shell</p><main><script>app()</script></main>", "shell"),
        ("<article>a<aside>note</aside></article><aside>ad</aside>", "a\n\nnote"),
        (
            "<p># no heading<p>```<br>x<p>a<br>===<p>&lt;!-- b",
            "\\# no heading\n\n\\```\nx\n\na\n\\===\n\n\\<!-- b",
        ),
        ("<pre>```\nx\n```</pre>", "````\n```\nx\n```\n````"),
        ("<table><tr><td><h2>L</h2></td><td>right</td></tr></table>", "## L\n\nright"),
        (
            "<table><caption>Cap</caption><td>a<td>b<tr><td>c</table>",
            "Cap\n\n| a | b |\n| --- | --- |\n| c |",
        ),
        ("<h2>  </h2><p></p>x", "x"),
        ("<ul><li><h3>H</h3>t</ul>", "### H\n\n- t"),
        ("plain", "plain"),
        ("", ""),
        ("<p>un<b>closed<p>next", "unclosed\n\nnext"),
        ("a<div>b</div>c", "a\n\nb\n\nc"),
        ("<svg><title>icon</title></svg><p>x</p>", "x"),
        ("<head><meta charset=utf-8><body>unclosed head", "unclosed head"),
    ],
)
def test_markup(markup, expected):
    assert text(markup) == expected


def test_escaped_text_makes_no_section():
    markup = "<p>&lt;!-- open</p><h2>After</h2><p># not</p>"
    assert [s.path for s in markdown_outline(text(markup)).sections] == [(), ("After",)]


MARKUP = """<!-- --> <![CDATA[ ]]> <![ <! > </ & &#xD800; &#0; a <p> <td> </tr> <table> <ul> <li>
</li> </ul> <pre> <h1> </h1> <main> <nav> <br> <?x <caption>"""


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(MARKUP.split())).map("".join))
def test_any_markup_gives_text_that_can_be_stored(markup):
    try:
        title, found = html_text(markup)
    except BadInput:
        return
    (title + found).encode("utf-8")


def test_a_page_that_the_parser_refuses(tmp_path, monkeypatch):
    def refuse(*_):
        raise ParserRejectedMarkup("no\nname token")

    monkeypatch.setattr(bs4, "BeautifulSoup", refuse)
    (tmp_path / "p.html").write_text("<p>x")
    assert list(read(tmp_path)) == [Skipped("p.html", "Broken HTML: no name token")]


def test_deep_nesting():
    assert text("<div>" * 5_000 + "deep") == "deep"


@pytest.mark.parametrize(
    ("raw", "expected", "encoding"),
    [
        ('<meta charset="shift_jis"><p>日本'.encode("shift_jis"), "日本", "shift_jis"),
        ('<meta charset="nonsense"><p>é'.encode(), "é", None),
        ('<meta charset="utf-8"><p>é'.encode("cp1252"), "é", "cp1252"),
    ],
)
def test_declared_encodings(tmp_path, raw, expected, encoding):
    (tmp_path / "p.htm").write_bytes(raw)
    (document,) = read(tmp_path)
    assert document.text == expected
    assert document.metadata.get("encoding") == encoding


@pytest.mark.parametrize("raw", [b"<script>x</script>", b"", b"\x00\x01"])
def test_pages_without_text(tmp_path, raw):
    (tmp_path / "p.html").write_bytes(raw)
    (item,) = read(tmp_path)
    assert isinstance(item, Skipped)


def test_titles(tmp_path):
    (tmp_path / "a.html").write_text("<h2>First</h2><h1>Second</h1>")
    (tmp_path / "b.html").write_text("<p>x")
    assert [document.title for document in read(tmp_path)] == ["First", "b"]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>10<sup>5</sup> and 2<sup>n</sup>, the 1<sup>st</sup>", "10^5 and 2^n, the 1st"),
        ("<p>x<sub>i</sub> of H<sub>2</sub>O", "x_i of H2O"),
        ("<p>Said<sup><a href=#n>3</a></sup><sup>[4]</sup>.", "Said."),
        (
            "<p>x<sup>n+1</sup>, 2<sup>10n</sup>, SO<sub>4</sub><sup>2-</sup>",
            "x^(n+1), 2^(10n), SO4^2-",
        ),
        ("<p>a<sub>i,j</sub> of x<sup>1/2</sup>, TM<sup>TM</sup>", "a_(i,j) of x^(1/2), TMTM"),
        ("<pre>a<br>b<br/>  c</pre>", "```\na\nb\n  c\n```"),
        ("<pre><div>a</div><div>  <b>b</b></div></pre>", "```\na\n  b\n```"),
        ("<pre><code><span>a</span>\n<div>b\n</div></code></pre>", "```\na\nb\n```"),
        ("<h3>Set up<a class=hash-link href=#s>\u200b</a></h3>", "### Set up"),
        (
            "<p>So <math><msup><mi>x</mi><mn>2</mn></msup><mo>+</mo><mi>y</mi></math> is",
            "So x^2+y is",
        ),
        (
            '<p><math alttext="\\frac{a}{b}"><mfrac><mi>a</mi><mi>b</mi></mfrac></math>',
            "\\frac{a}{b}",
        ),
        ("<p><math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>", "a/b"),
        (
            "<p><span class=katex><span class=katex-mathml><math><semantics><mi>E</mi><annotation "
            'encoding="application/x-tex">E = mc^2</annotation></semantics></math></span>'
            "<span class=katex-html aria-hidden=true>Emc2</span></span>",
            "E = mc^2",
        ),
        ('<p>If <script type="math/tex">a \\ne b</script> then', "If a \\ne b then"),
        ("<h2>Foxes<span class=mw-editsection>[edit]</span></h2>", "## Foxes"),
        ("<h2>Foxes [edit]</h2><h3>Sea ¶</h3><h4>C#</h4>", "## Foxes\n\n### Sea\n\n#### C#"),
        (
            "<table><tr><th colspan=2>Name<th>Age<tr><td rowspan=2>a<td>b<td>1<tr><td>c<td>2</table>",
            "| Name | Name | Age |\n| --- | --- | --- |\n| a | b | 1 |\n| a | c | 2 |",
        ),
        ("<table><tr><td colspan=99999999>a<td rowspan=x>b</table>", "| a | b |\n| --- | --- |"),
    ],
)
def test_what_stands_above_below_and_across(markup, expected):
    assert text(markup) == expected


def test_lists_of_links_are_left_out_but_not_what_is_all_there_is():
    links = "<ul>" + "".join(f"<li><a href=/{n}>Story number {n}</a>" for n in range(5)) + "</ul>"
    assert text(f"<p>The fox is red.{links}") == "The fox is red."
    assert text(links).startswith("- Story number 0")
    page = (
        f"<h1>Foxes</h1><h2>See also</h2>{links}<h2>Food</h2>{links}<p>Mice.<h2>Links</h2>{links}"
    )
    assert text(page) == "# Foxes\n\n## Food\n\nMice."
    assert text(f"<h1>More</h1>{links}<h2>Food</h2><p>Mice.") == "# More\n\n## Food\n\nMice."
    told = "<ul>" + "".join(
        f"<li><a href=/{n}>Fox</a>: what foxes do in month {n}" for n in range(5)
    )
    assert "month 4" in text(f"<p>The fox.{told}</ul>")


def test_a_main_that_waits_for_a_program_does_not_hide_the_page():
    article = "<article>" + "<p>The fox is red and the sea is blue." * 20 + "</article>"
    assert "sea is blue" in text(f"<main>Loading...</main>{article}")


@pytest.mark.parametrize("tag", ["ul", "math", "sup", "table", "pre", "msup", "td rowspan=50"])
def test_what_is_nested_deep_is_read_in_time(tag):
    assert text("<p>Text</p><math>" + f"<{tag}>x<a>" * 3000).startswith("Text")
