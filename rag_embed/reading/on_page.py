"""Where on the pages of a PDF a passage stands (extra ``pdf``), computed from the file when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from rag_embed.errors import BadInput, MissingExtra
from rag_embed.reading.apart import gathered

_Placed: TypeAlias = tuple[int, float, float, float, float]
"""What a `Box` is made of."""


class Box(NamedTuple):
    """A rectangle on a page, in points (1/72 inch) from the page's lower left corner.

    Attributes:
        page: From 1.
        left: Of its left edge.
        bottom: Of its lower edge.
        right: Of its right edge.
        top: Of its upper edge.
    """

    page: int
    left: float
    bottom: float
    right: float
    top: float


def boxes(path: str | os.PathLike[str], page: int, text: str) -> list[Box]:
    """The boxes of a passage, about one a line, in reading order.

    Nothing is stored with an index: the passage is looked for on its page, on those behind it where it goes
    on, and on those before it where it begins there, by its visible characters.

    Args:
        path: The PDF file as it was indexed.
        page: A page that the passage is on, from 1; ``hit.page``.
        text: The passage; ``hit.text``.

    Returns:
        Empty where the page does not say this.

    Raises:
        BadInput: The file cannot be read as a PDF, or has no such page.
        MissingExtra: pypdfium2 is not installed.
    """
    if find_spec("pypdfium2") is None:
        raise MissingExtra("pypdfium2", "pdf", "Looking for a passage in PDF files")
    found, ended = gathered(placed, Path(path), page, text)
    if ended:
        raise BadInput(f"{os.fspath(path)!r}: {ended}")
    return [Box(*one) for one in found]


def placed(path: str, page: int, text: str) -> Iterator[_Placed]:
    """What `boxes` gives, as plain numbers."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(Path(path).read_bytes())
    except pypdfium2.PdfiumError as error:
        raise BadInput("broken or encrypted PDF") from error
    if not 1 <= page <= len(pdf):
        raise BadInput(f"there is no page {page}; it has {len(pdf)}")
    wanted = "".join(filter(str.isalnum, text))
    texts = _Texts(pdf)
    found, whole = _from(texts, page, wanted)
    first = page
    while not whole and first > 1 and (first == page or texts.said(first) in wanted):
        first -= 1
        before, whole = _from(texts, first, wanted)
        if whole and before[-1][0] >= page:
            found = before
    yield from found


class _Texts:
    """The pages of a PDF, each read once."""

    def __init__(self, pdf: Any) -> None:  # noqa: ANN401
        self._pdf = pdf
        self.count = len(pdf)
        self._known: dict[int, tuple[Any, list[tuple[int, str]]]] = {}

    def of(self, number: int) -> tuple[Any, list[tuple[int, str]]]:
        """The text of a page, from 1, and its visible characters by their places."""
        if number not in self._known:
            lines = self._pdf[number - 1].get_textpage()
            signs = [(i, one) for i, one in enumerate(lines.get_text_range()) if one.isalnum()]
            self._known[number] = lines, signs
        return self._known[number]

    def said(self, number: int) -> str:
        """Its visible characters."""
        return "".join(one for _, one in self.of(number)[1])


def _from(texts: _Texts, page: int, wanted: str) -> tuple[list[_Placed], bool]:
    """The boxes of a passage that begins on a page, and whether all of it was found."""
    found: list[_Placed] = []
    for number in range(page, texts.count + 1):
        lines, signs = texts.of(number)
        said = texts.said(number)
        if not said and number > page:
            continue
        start, size = _common(said, wanted, number == page)
        if not size:
            break
        first, last = signs[start][0], signs[start + size - 1][0]
        for nth in range(lines.count_rects(first, last - first + 1)):
            found.append((number, *lines.get_rect(nth)))
        wanted = wanted[size:]
        if not wanted:
            return found, True
    return found, False


def _common(said: str, wanted: str, anywhere: bool) -> tuple[int, int]:
    """Where a passage starts on a page, and how much of it is there: all, or what the page ends with."""
    if not anywhere:
        size = min(len(said), len(wanted))
        return 0, size if said[:size] == wanted[:size] else 0
    start = said.find(wanted)
    if start >= 0:
        return start, len(wanted)
    for size in range(min(len(said), len(wanted)), 0, -1):
        if said.endswith(wanted[:size]):
            return len(said) - size, size
    return 0, 0
