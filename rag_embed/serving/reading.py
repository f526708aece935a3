"""The tool `read`: what stands around a passage, its section, or a range of its document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from rag_embed.serving.citations import CITED, citation, line, under
from rag_embed.serving.finding import where_to
from rag_embed.serving.lengths import fitting
from rag_embed.serving.library import Library, Shelf
from rag_embed.serving.parameters import Choice, Parameter, Refused, Text, Whole
from rag_embed.serving.tool import Answer, Tool
from rag_embed.text import printable
from rag_embed.types import Chunk, Document

_PASSAGE = re.compile(r"(.+)#(\d{1,12})-(\d{1,12})", re.DOTALL)
_FAR = 10**12

_ABOUT = (
    "Read on where search found something: the passage with its neighbours (the default for the id of "
    "a passage), its whole section, or the document (the default for the id of a document), from start "
    "to end if given. What does not fit the budget is left out, and the answer says where to go on."
)
_GIVES: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        **CITED,
        "text": {"type": "string"},
        "length": {"type": "integer", "description": "Characters of the whole document."},
        "next": {
            "type": ["integer", "null"],
            "description": "Where to go on reading, as start; null at the end.",
        },
    },
    "required": [*CITED, "text", "length", "next"],
}


def read_tool(library: Library) -> Tool:
    """`read` over a library."""
    takes: dict[str, Parameter] = {
        "id": Text("Id of a passage or document, as search or list gave it.", 4000, needed=True),
        "show": Choice("How much.", ("passage", "neighbours", "section", "document")),
        "before": Whole("Neighbours before the passage.", 0, 20, 1),
        "after": Whole("Neighbours after it.", 0, 20, 1),
        "start": Whole("First character of the document, to read a range.", 0, _FAR),
        "end": Whole("Character after the last one.", 0, _FAR),
        "budget": Whole("Length of the answer in tokens, at most.", 50, 50000, 2000),
        **where_to(library, "Where it is, as search said."),
    }
    return Tool("read", _ABOUT, takes, _GIVES, partial(_run, library))


def _run(library: Library, asked: Mapping[str, Any]) -> Answer:
    shelf, document, span = located(library, asked["id"], asked.get("collection", ""))
    show = asked["show"] or ("neighbours" if span else "document")
    start, end = asked["start"], asked["end"]
    if start is not None or end is not None:
        start, end = start or 0, len(document.text) if end is None else end
        if not start < min(end, len(document.text)):
            raise Refused(
                f"start and end are in order, and start before the end of the document: it has "
                f"{len(document.text)} characters."
            )
    elif show == "document":
        start, end = 0, len(document.text)
    elif span is None:
        raise Refused(f"{show} is shown around a passage; this is the id of a document.")
    else:
        chunks = shelf.chunks(document)
        start, end = _around(shelf, document, chunks, span, show, asked)
    return _told(library, shelf, document, start, min(end, len(document.text)), asked["budget"])


def located(
    library: Library, id: str, collection: str
) -> tuple[Shelf, Document, tuple[int, int] | None]:
    """Where an id stands: the document, and the range of a passage.

    Raises:
        Refused: There is none that the caller sees, or several collections have it.
    """
    found: list[tuple[Shelf, Document, tuple[int, int] | None]] = []
    passage = _PASSAGE.fullmatch(id)
    for shelf in library.asked(collection):
        document = shelf.document(id)
        if document is not None:
            found.append((shelf, document, None))
        elif passage is not None and (document := shelf.document(passage[1])) is not None:
            start, end = int(passage[2]), int(passage[3])
            if start < end <= len(document.text):
                found.append((shelf, document, (start, end)))
    if not found:
        raise Refused("There is no passage or document of this id. Take it from search or list.")
    if len(found) > 1:
        names = ", ".join(shelf.name for shelf, _, _ in found)
        raise Refused(f"{names} have this id; name the collection.")
    return found[0]


def _around(
    shelf: Shelf,
    document: Document,
    chunks: Sequence[Chunk],
    span: tuple[int, int],
    show: str,
    asked: Mapping[str, Any],
) -> tuple[int, int]:
    """The range that is shown around a passage; what is nearest to it, where not all fits."""
    inside = [i for i, one in enumerate(chunks) if one.start < span[1] and span[0] < one.end]
    if show == "passage" or not inside:
        return span
    first, last = inside[0], inside[-1]
    if show == "neighbours":
        low, high = first - asked["before"], last + asked["after"]
        low, high = max(low, 0), min(high, len(chunks) - 1)
    else:
        low, high = _section(chunks, first, last)
    start, end = span
    budget: int = asked["budget"]

    def fits(a: int, b: int) -> bool:
        return shelf.tokens(document.text[a:b]) <= budget

    while first > low or last < high:
        grown = False
        if last < high and fits(start, max(end, chunks[last + 1].end)):
            last, end, grown = last + 1, max(end, chunks[last + 1].end), True
        if first > low and fits(min(start, chunks[first - 1].start), end):
            first, start, grown = first - 1, min(start, chunks[first - 1].start), True
        if not grown:
            break
    return start, end


def _section(chunks: Sequence[Chunk], first: int, last: int) -> tuple[int, int]:
    """The run of chunks under the headings that all of a passage's chunks share."""
    shared = chunks[first].headings
    for one in chunks[first : last + 1]:
        same = [a == b for a, b in zip(shared, one.headings, strict=False)]
        shared = shared[: same.index(False) if False in same else len(same)]
    depth = len(shared)
    while first > 0 and chunks[first - 1].headings[:depth] == shared:
        first -= 1
    while last + 1 < len(chunks) and chunks[last + 1].headings[:depth] == shared:
        last += 1
    return first, last


def _told(
    library: Library, shelf: Shelf, document: Document, start: int, end: int, budget: int
) -> Answer:
    end = start + fitting(shelf, document.text[start:end], budget)
    chunk = Chunk.of(document, start, end)
    length = len(document.text)
    over = not document.text[end:].strip()
    several = len(library.shelves) > 1
    head = line(shelf, several, chunk.id, f"of {length} characters", under(chunk.title, ()))
    rest = [] if over else [f"[goes on: read with start={end}]"]
    said = {"text": chunk.text, "length": length, "next": None if over else end}
    text = "\n".join([head, printable(chunk.text), *rest])
    return Answer(text, {**citation(shelf, chunk), **said}, chunks=(chunk,))
