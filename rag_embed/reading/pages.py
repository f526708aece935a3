"""Documents that have pages, slides, sheets or cells: their text, and where each part starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rag_embed.reading.base import made
from rag_embed.reading.decoding import Decoded
from rag_embed.types import Document, Skipped


def paged(
    path: Path, name: str, texts: Sequence[str], title: str = "", *, kind: str, **metadata: object
) -> Document | Skipped:
    """The parts' texts, joined by an empty line.

    Args:
        path: The file.
        name: Its name in ids.
        texts: One per part, in order; empty ones count.
        title: The document's title.
        kind: What a part is called, such as ``"slide"``; kept as ``page_kind``.
        **metadata: What else is known of the document.
    """
    starts, at = [], 0
    for text in texts:
        starts.append(at)
        at += len(text) + 2
    joined = Decoded("\n\n".join(texts), "utf-8")
    return made(path, name, joined, title, page_starts=starts, page_kind=kind, **metadata)


def numbers(pages: Sequence[int]) -> str:
    """Numbers of pages for a message.

    Examples:
        >>> numbers([1, 2, 3, 7])
        '1-3, 7'
    """
    runs: list[list[int]] = []
    for page in pages:
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    return ", ".join(f"{a}-{b}" if b > a else str(a) for a, b in runs)
