"""Values for chunks that were stored before a space, or its tokens, were wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rag_embed.arguments import check_calls
from rag_embed.indexing.batches import Batches, in_growing_batches
from rag_embed.protocols import ChunkEncoder, Store, View
from rag_embed.situated.tokens import encoded
from rag_embed.types import (
    Chunk,
    Cut,
    OnProgress,
    Progress,
    SparseVector,
    TokenBits,
    Vectors,
    doc_id_of,
)

Values = tuple[
    Mapping[str, Vectors],
    Mapping[str, Sequence[TokenBits]],
    Mapping[str, Sequence[SparseVector]],
]
"""What `protocols.Store.fill` is given of some chunks: vectors, tokens, sparse vectors."""


def backfill(
    store: Store,
    compute: Callable[[Sequence[Cut]], Values],
    settings: Mapping[str, Any],
    progress: OnProgress | None = None,
) -> int:
    """Fill what `protocols.Store.grow` made room for, then have it searched.

    Every batch is one commit, so that a run that was killed goes on where it stopped. Documents may
    be added meanwhile, also by another process: what they lack is filled before the switch, and
    what is written during the switch after it.

    Args:
        store: Where room was made.
        compute: Gives values of all chunks of some documents, in order.
        settings: Stored in the commit that makes the values live.
        progress: Told how far it is.

    Returns:
        How many chunks were filled.
    """
    check_calls("progress", progress, needed=False)

    def fill() -> int:
        left = store.lacking()
        done = 0
        view = store.view()
        for cuts in _batches(view, left):
            ids = [chunk.id for _, chunks in cuts for chunk in chunks]
            store.fill(ids, *compute(cuts))
            done += len(ids)
            if progress is not None:
                progress(Progress(done, len(left)))
        return done

    total = 0
    while done := fill():
        total += done
    store.adopt(settings)
    return total + fill()


def of_space(name: str, space: ChunkEncoder, *, vectors: bool) -> Callable[[Sequence[Cut]], Values]:
    """Computes the values of a space, with tokens if it keeps them.

    Args:
        name: The space.
        space: Encodes its chunks.
        vectors: Whether vectors are wanted, too.
    """

    def compute(cuts: Sequence[Cut]) -> Values:
        rows, kept = encoded(space, cuts)
        return {name: rows} if vectors else {}, {} if kept is None else {name: kept}, {}

    return compute


def _batches(view: View, chunk_ids: Sequence[str]) -> Iterator[list[Cut]]:
    """Documents with their chunks, so many that a batch is worth a commit."""
    members: dict[str, list[str]] = {}
    for id in chunk_ids:
        members.setdefault(doc_id_of(id), []).append(id)
    batch: list[Cut] = []
    batches = Batches()
    for some in in_growing_batches(members):
        documents = view.documents(some)
        chunks: dict[str, list[Chunk]] = {id: [] for id in some}
        for chunk in view.chunks([id for one in some for id in members[one]]):
            chunks[chunk.doc_id].append(chunk)
        for document in documents:
            own = sorted(chunks[document.id], key=lambda chunk: chunk.ordinal)
            batch.append(Cut(document, own))
            if batches.full_after(batch[-1]):
                yield batch
                batch = []
    if batch:
        yield batch
