"""Documents of an index that say the same, or nearly: what doubles its size and fills its hits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from rag_embed.maths.resemblance import Runs, buckets
from rag_embed.protocols import Store, View
from rag_embed.ranking.grouping import ALIKE
from rag_embed.stores.rereading import with_view
from rag_embed.types import Audience, Document

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Copies:
    """Documents with nearly the same text that the same people may read.

    Attributes:
        ids: At least two, sorted.
        user: Their owner; None for shared ones.
        least: Resemblance of the first of them and the one that is least like it; 1 for the same text.
        chunks: Chunks of all but the one that has the fewest: what they cost.
        characters: Of the same documents.
    """

    ids: tuple[str, ...]
    user: str | None
    least: float
    chunks: int
    characters: int


def copies(store: Store, least: float = ALIKE) -> list[Copies]:
    """The groups of documents that resemble each other, as chunks do for ``group_by="text"``.

    Documents that others may read are never compared: who may see the one may not see the other, so none
    can be left out for the other. Texts that may be alike are found by their `maths.resemblance.buckets`, and
    then compared.

    Args:
        store: Of the index.
        least: Resemblance from which on two texts are copies.

    Returns:
        Those that cost most first.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> texts = {"a": "The fox is red.", "b": "The  fox is RED.", "c": "The sea is blue."}
        >>> index.add(Document(id, text) for id, text in texts.items()).added
        3
        >>> [one.ids for one in copies(index.store)]
        [('a', 'b')]
    """
    ids = sorted(store.document_ids())
    return with_view(store, lambda view: _groups(view, ids, least))


def _groups(view: View, ids: list[str], least: float) -> list[Copies]:
    leading: dict[tuple[Audience, int], list[str]] = {}
    groups: dict[str, list[tuple[Document, float]]] = {}
    for document in _read(view, ids):
        if not document.text.strip():
            continue
        runs, places = Runs.of(document.text), buckets(document.text)
        near = dict.fromkeys(
            id for place in places for id in leading.get((document.audience, place), ())
        )
        for leader in view.documents(list(near)):
            other = Runs.of(leader.text)
            if runs.alike(other, least):
                groups.setdefault(leader.id, [(leader, 1.0)]).append(
                    (document, runs.resemblance(other))
                )
                break
        else:
            for place in places:
                leading.setdefault((document.audience, place), []).append(document.id)
    found = [_copies(view, group) for group in groups.values()]
    return sorted(found, key=lambda one: (-one.chunks, -one.characters, one.ids))


def _read(view: View, ids: list[str]) -> Iterator[Document]:
    rest = iter(ids)
    while batch := list(islice(rest, _BATCH)):
        yield from view.documents(batch)


def _copies(view: View, group: list[tuple[Document, float]]) -> Copies:
    sizes = sorted((len(view.document_chunks(one.id)), len(one.text)) for one, _ in group)
    return Copies(
        tuple(sorted(one.id for one, _ in group)),
        group[0][0].user,
        min(alike for _, alike in group),
        sum(chunks for chunks, _ in sizes[1:]),
        sum(characters for _, characters in sizes[1:]),
    )
