"""Where on the pages of a PDF a passage stands (extra ``pdf``), computed from the file when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from rag_embed.errors import BadInput, MissingExtra
from rag_embed.reading.apart import gathered


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

    Nothing is stored with an index: the passage is looked for on its page, and on those behind it where it
    goes on, by its visible characters.

    Args:
        path: The PDF file as it was indexed.
        page: The page that the passage starts on, from 1; ``hit.page``.
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


def placed(path: str, page: int, text: str) -> Iterator[tuple[int, float, float, float, float]]:
    """What `boxes` gives, as plain numbers."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(Path(path).read_bytes())
    except pypdfium2.PdfiumError as error:
        raise BadInput("broken or encrypted PDF") from error
    if not 1 <= page <= len(pdf):
        raise BadInput(f"there is no page {page}; it has {len(pdf)}")
    wanted = "".join(filter(str.isalnum, text))
    for number in range(page, len(pdf) + 1):
        lines = pdf[number - 1].get_textpage()
        signs = [(i, one) for i, one in enumerate(lines.get_text_range()) if one.isalnum()]
        said = "".join(one for _, one in signs)
        if not said and number > page:
            continue
        start, size = _common(said, wanted, number == page)
        if not size:
            return
        first, last = signs[start][0], signs[start + size - 1][0]
        for nth in range(lines.count_rects(first, last - first + 1)):
            yield (number, *lines.get_rect(nth))
        wanted = wanted[size:]
        if not wanted:
            return


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
