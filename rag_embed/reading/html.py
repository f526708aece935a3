# ruff: noqa: SIM905 - lists of tags read best as text
"""HTML files, by Beautiful Soup (extra ``html``): what is to be read becomes Markdown."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
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
    "script style noscript template svg math iframe object canvas title "
    "button select input textarea dialog nav".split()
)
_AROUND = frozenset({"footer", "aside"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_ROLES = frozenset({"navigation", "contentinfo", "search"})
_KEEPS = frozenset({"main", "article", "blockquote"})
_PERMALINKS = frozenset({"", "#", "¶", "§", "🔗"})


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
            soup = bs4.BeautifulSoup(markup, "html.parser")
        except (ParserRejectedMarkup, AssertionError, ValueError) as error:
            raise BadInput(f"Broken HTML: {' '.join(str(error).split())}") from error
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    _strip(soup)
    mains = soup.find_all("main")
    text = _converted(mains[0]) if len(mains) == 1 else ""
    return title, text or _converted(soup)


def _strip(soup: Tag) -> None:
    """Remove what nobody reads the page for; one walk, however deep the elements are nested."""
    import bs4

    doomed: list[Tag] = []
    waiting: list[tuple[Tag, bool, bool]] = [(soup, False, False)]
    while waiting:
        above, content, heading = waiting.pop()
        for tag in above.contents:
            if not isinstance(tag, bs4.Tag):
                continue
            if _unwanted(tag, content, heading):
                doomed.append(tag)
            else:
                inside = content or tag.name in _KEEPS, heading or tag.name in _HEADINGS
                waiting.append((tag, *inside))
    for tag in doomed:
        tag.extract()


def _unwanted(tag: Tag, content: bool, heading: bool) -> bool:
    """Whether an element goes, given whether it lies inside the content, and in a heading."""
    if tag.name in _UNSEEN or tag.get("role") in _ROLES:
        return True
    if tag.has_attr("hidden") or tag.get("aria-hidden") == "true":
        return True
    if tag.name in _AROUND:
        return not content
    return heading and tag.name == "a" and tag.get_text() in _PERMALINKS


def _converted(root: Tag) -> str:
    """Walk without recursion: pages may be nested thousands deep."""
    import bs4

    writer = Writer(root)
    waiting: list[tuple[PageElement, bool]] = [(root, True)]
    while waiting:
        node, entering = waiting.pop()
        if type(node) is bs4.NavigableString:
            writer.text(str(node))
        elif isinstance(node, bs4.Tag):
            if not entering:
                writer.leave(node.name)
            elif writer.enter(node):
                waiting.append((node, False))
                waiting.extend((child, True) for child in reversed(node.contents))
    return writer.finish()
