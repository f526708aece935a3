"""A certificate of forgetting: what was erased, what was scanned afterwards, and that nothing was found.

It holds no text of the user who is forgotten: what was looked for stands in it as digests.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from rag_embed.filters import field
from rag_embed.indexing.personalisation import events_of
from rag_embed.indexing.settings import read
from rag_embed.protocols import ChunkEncoder, Store
from rag_embed.stores.traces import NOT_COVERED, Scan, scanned, versions
from rag_embed.types import DENSE

SHORTEST = 8
"""Bytes that a trace has at least: shorter ones occur by chance."""

MOST = 400
"""Traces that are looked for at most, evenly spaced among all there are."""

_PIECE = 48
_OF_OTHERS = ("chunks", "documents", "events")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What `certified` did and saw.

    Attributes:
        user: Who was forgotten.
        index: Place of the index.
        time: When, ISO, UTC.
        erased: How many documents, events and tuned weights there were.
        learned: What had been learned for the user alone, such as ``"weights"``.
        traces: SHA-256 of each string of bytes that was looked for.
        traces_in_all: How many there were before `MOST` were chosen.
        said_by_others: How many were not looked for in files, since others' rows hold them too.
        before: Versions of each table before.
        scan: What was read afterwards.
        left: Places that hold a trace; none, or forgetting has failed.
    """

    user: str
    index: str
    time: str
    erased: int
    learned: tuple[str, ...]
    traces: tuple[str, ...]
    traces_in_all: int
    said_by_others: int
    before: Mapping[str, tuple[int, ...]]
    scan: Scan
    left: tuple[str, ...]

    @property
    def shown(self) -> dict[str, Any]:
        """All of it for a JSON document."""
        before = self.before
        return {
            "user": self.user,
            "index": self.index,
            "time": self.time,
            "rag_embed": importlib.metadata.version("rag-embed"),
            "erased": self.erased,
            "learned": list(self.learned),
            "looked_for": {
                "sha256": list(self.traces),
                "of": self.traces_in_all,
                "said_by_others_too": self.said_by_others,
            },
            "tables": [
                {
                    "name": one.name,
                    "rows": one.rows[-1] if one.rows else 0,
                    "versions_before": list(before.get(one.name, ())),
                    "versions_after": list(one.versions),
                }
                for one in self.scan.tables
            ],
            "files": [asdict(one) for one in self.scan.files],
            "not_covered": list(NOT_COVERED),
            "found": list(self.left),
        }


def certified(
    place: str, store: Store, space: ChunkEncoder, user: str, forget: Callable[[], int]
) -> Certificate:
    """Forget a user, then look through everything for what there was.

    Looked for are the user's id, the ids, titles, texts and vectors of the documents, and the texts of the
    events, as they are in the newest version. What was learned for the user alone is named.

    Args:
        place: Folder of the index, or its URI.
        store: Of the index.
        space: Its space.
        user: Who is forgotten.
        forget: Forgets the user, and says how many documents, events and weights there were.

    Raises:
        StoreError: It could not be finished, or something to erase is out of reach.
    """
    every = list(dict.fromkeys(one for one in _traces(store, space, user) if len(one) >= SHORTEST))
    step = max(1, -(-len(every) // MOST))
    traces, before, beside = every[::step], versions(place), read(store).contexts
    learned = _learned(store, user)
    erased = forget()
    scan = scanned(place, traces, beside)
    rows = {one.trace for one in scan.found if one.where.startswith(_OF_OTHERS) and one.column}
    theirs = rows - {one.trace for one in scan.found if one.column == "user_id"}
    left = []
    if next(_traces(store, space, user, named=False), None) is not None:
        theirs, left = set(), ["rows of the user"]
    left += [f"{what} of the user" for what in _learned(store, user)]
    left += [f"{one.where} {one.column}".strip() for one in scan.found if one.trace not in theirs]
    return Certificate(
        user,
        place,
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
        erased,
        learned,
        tuple(hashlib.sha256(one).hexdigest() for one in traces),
        len(every),
        len(theirs),
        before,
        scan,
        tuple(dict.fromkeys(left)),
    )


def _learned(store: Store, user: str) -> tuple[str, ...]:
    return ("weights",) if user in read(store).own_weights else ()


def _traces(store: Store, space: ChunkEncoder, user: str, *, named: bool = True) -> Iterator[bytes]:
    """What there is of a user, with or without the name."""
    if named:
        yield user.encode()
    view = store.view()
    for document in view.documents(view.matching(field("user_id") == user)):
        yield document.id.encode()
        yield from _pieces(document.title)
        yield from _pieces(document.text)
        ids = [chunk.id for chunk in view.document_chunks(document.id)]
        yield from (row.tobytes() for row in view.vectors(DENSE, ids))
    if (known := events_of(store, space)) is not None:
        history = known.history(user)
        yield from (row.tobytes() for row in (*history.keys, *history.values))
        for event in history.events:
            yield from _pieces(event.text)
            yield from _pieces(event.outcome)


def _pieces(text: str) -> Sequence[bytes]:
    """Whole lines are told apart badly by their beginnings, so a long text is looked for in parts."""
    whole = text.encode("utf-8", "surrogatepass")
    return [whole[at : at + _PIECE] for at in range(0, len(whole), _PIECE)]
