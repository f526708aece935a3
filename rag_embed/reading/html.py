# ruff: noqa: SIM905 - lists of tags read best as text
"""HTML files, by Beautiful Soup (extra ``html``): what is to be read becomes Markdown."""

from __future__ import annotations

import re
import warnings
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rag_embed.errors import BadInput, MissingExtra
from rag_embed.reading.base import made
from rag_embed.reading.decoding import decode
from rag_embed.reading.markup import Writer
from rag_embed.reading.titles import first_heading, usable
from rag_embed.types import Document, Skipped

if TYPE_CHECKING:
    from bs4 import PageElement, Tag

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=[\s\"']*([\w.:-]+)", re.IGNORECASE)
_HEAD = 4096
_UNSEEN = frozenset(
    "script style noscript template svg iframe object canvas title "
    "button select input textarea dialog nav".split()
)
_AROUND = frozenset({"footer", "aside"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_ROLES = frozenset({"navigation", "contentinfo", "search"})
_KEEPS = frozenset({"main", "article", "blockquote"})
_UNCLOSED = (
    (re.compile(r"<(?=!--)"), re.compile(r"--\s*!?>")),
    (
        re.compile(r"<(?=!\[(?:cdata|rcdata|temp|ignore|include)\b)", re.IGNORECASE),
        re.compile(r"\]\s*\]\s*>"),
    ),
    (re.compile(r"<"), re.compile(r">")),
)
"""What begins something, and what must follow to end it."""

_PERMALINKS = frozenset({"", "#", "¶", "§", "🔗"})
_INVISIBLE = " \t\n\u00a0\u200b\u2060\ufeff"
"""What a link holds that is drawn by a style."""
_CLASSES = frozenset(
    {"mw-editsection", "headerlink", "linenos", "lineno", "gutter", "anchorjs-link"}
)
_LINKS = 4
"""Links that a list has at least that leads away, and says nothing."""
_SHORT = 200
"""Characters of a ``<main>`` that may be a notice that the content is still to come."""


def read_html(path: Path, name: str) -> Iterator[Document | Skipped]:
    """Headings, paragraphs, lists, tables and code of a page as Markdown; ``format`` is ``"html"``.

    Left out: scripts, styles, form controls, hidden elements, navigation, and footers and asides
    outside the content. A page with one ``<main>`` that has text is that element.

    Raises:
        MissingExtra: Beautiful Soup is not installed.
    """
    raw = path.read_bytes()
    charset = _CHARSET.search(raw[:_HEAD])
    decoded = decode(raw, charset.group(1).decode("ascii", "replace") if charset else None)
    if decoded is None:
        yield Skipped(name, "binary, or damaged text")
        return
    try:
        title, text = html_text(decoded.text)
    except BadInput as error:
        yield Skipped(name, str(error))
        return
    read = decoded._replace(text=text)
    yield made(path, name, read, usable(title) or first_heading(text), format="html")


def html_text(markup: str) -> tuple[str, str]:
    r"""Title and Markdown of a page.

    Raises:
        BadInput: The parser refuses the page.
        MissingExtra: Beautiful Soup is not installed.

    Examples:
        >>> html_text("<title>T</title><h2>Go</h2><ul><li>a<li><a href=x>b</a></ul><nav>no</nav>")
        ('T', '## Go\n\n- a\n- b')
    """
    try:
        import bs4
        from bs4.builder import ParserRejectedMarkup
    except ImportError as error:
        raise MissingExtra("beautifulsoup4", "html", "Reading HTML files") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it guesses that short texts are file names
        try:
            soup = bs4.BeautifulSoup(_closed(markup), "html.parser")
        except (ParserRejectedMarkup, AssertionError, ValueError) as error:
            raise BadInput(f"Broken HTML: {' '.join(str(error).split())}") from error
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    _strip(soup)
    lists = _leading_away(soup)
    mains = soup.find_all("main")
    text = _content(soup, mains, lists)
    return title, text if text or not lists else _content(soup, mains, set())


def _closed(markup: str) -> str:
    r"""The same page, in which text is written as text where it only looks like what is never closed.

    The parser takes it for text too, but looks for an end of each such place in all that follows.

    Examples:
        >>> _closed("<!-- a --><b>1 <!-- 2</b> <c")
        '<!-- a --><b>1 &lt;!-- 2</b> &lt;c'
    """
    for opening, closing in _UNCLOSED:
        end = 0
        for found in closing.finditer(markup):
            end = found.end()
        markup = markup[:end] + opening.sub("&lt;", markup[end:])
    return markup


def _content(soup: Tag, mains: Sequence[Tag], left_out: Container[int]) -> str:
    """The Markdown of a page, or of its only ``<main>``, if that has the content."""
    text = _converted(mains[0], left_out) if len(mains) == 1 else ""
    if len(text) >= _SHORT:
        return text
    whole = _converted(soup, left_out)
    return text if text and len(whole) < 10 * len(text) + _SHORT else whole


def _leading_away(soup: Tag) -> set[int]:
    """Lists (by ``id``) that are made of links with nothing said of them, each node looked at once."""
    import bs4

    counts: dict[int, list[int]] = {}  # of outermost lists: links, their characters, all characters
    waiting: list[tuple[PageElement, int | None, bool]] = [(soup, None, False)]
    while waiting:
        node, inside, linked = waiting.pop()
        if isinstance(node, bs4.Tag):
            if inside is None and node.name in ("ul", "ol"):
                inside = id(node)
                counts[inside] = [0, 0, 0]
            if inside is not None and node.name == "a":
                counts[inside][0] += 1
                linked = True
            waiting.extend((child, inside, linked) for child in node.contents)
        elif inside is not None and type(node) is bs4.NavigableString:
            size = len("".join(str(node).split()))
            counts[inside][1] += size if linked else 0
            counts[inside][2] += size
    return {
        which
        for which, (links, linked_size, size) in counts.items()
        if links >= _LINKS and linked_size > 0.9 * size and size < 60 * links
    }


def _strip(soup: Tag) -> None:
    """Remove what nobody reads the page for; one walk, however deep the elements are nested."""
    import bs4

    doomed: list[Tag] = []
    waiting: list[tuple[Tag, bool, bool, bool]] = [(soup, False, False, False)]
    while waiting:
        above, content, heading, linked = waiting.pop()
        for tag in above.contents:
            if not isinstance(tag, bs4.Tag):
                continue
            if _unwanted(tag, content, heading and not linked):
                doomed.append(tag)
            else:
                inside = content or tag.name in _KEEPS, heading or tag.name in _HEADINGS
                waiting.append((tag, *inside, linked or (heading and tag.name == "a")))
    for tag in doomed:
        tag.extract()


def _unwanted(tag: Tag, content: bool, heading: bool) -> bool:
    """Whether an element goes, given whether it lies inside the content, and in a heading but no link of it."""
    if tag.name == "script" and str(tag.get("type", "")).startswith("math/tex"):
        return False
    if tag.name in _UNSEEN or tag.get("role") in _ROLES:
        return True
    if not _CLASSES.isdisjoint(tag.get("class") or ()):
        return True
    if tag.has_attr("hidden") or tag.get("aria-hidden") == "true":
        return True
    if tag.name in _AROUND:
        return not content
    return heading and tag.name == "a" and tag.get_text().strip(_INVISIBLE) in _PERMALINKS


def _converted(root: Tag, without: Container[int]) -> str:
    """Walk without recursion, past some elements (by ``id``): pages may be nested thousands deep."""
    import bs4

    writer = Writer(root)
    waiting: list[tuple[PageElement, bool]] = [(root, True)]
    while waiting:
        node, entering = waiting.pop()
        if id(node) in without:
            writer.left_out()
            continue
        if type(node) is bs4.NavigableString or isinstance(node, bs4.element.Script):
            writer.text(str(node))
        elif isinstance(node, bs4.Tag):
            if not entering:
                writer.leave(node.name)
            elif writer.enter(node):
                waiting.append((node, False))
                waiting.extend((child, True) for child in reversed(node.contents))
    return writer.finish()
