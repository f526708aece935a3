"""Search in a sparse space: from postings in memory, or where these are too many, by reading all chunks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Protocol

import numpy as np
import pyarrow as pa

from rag_embed.filters import Filter
from rag_embed.maths.inverted import Inverted, dot_products, joined
from rag_embed.maths.vectors import contenders, first
from rag_embed.stores.growing import Growing
from rag_embed.stores.resident import Resident
from rag_embed.stores.roster import Mask, Rows, room
from rag_embed.stores.snapshot import Snapshot
from rag_embed.stores.sparse_rows import flat, sparse_columns
from rag_embed.types import Scores, SparseVector

_SAMPLE = 512

_HELD = 6 / 4
"""Bytes a term in memory, by its bytes in the column of terms."""


class HeldSparse:
    """A sparse space's postings by slot, in parts that are joined as they pile up; see `resident`.

    Args:
        space: The space.
        only: Terms that are kept; all by default.
    """

    def __init__(self, space: str, only: Collection[int] | None = None) -> None:
        self.sources = sparse_columns(space)
        self.filled = Growing(np.bool_)
        self.most = None
        self._only = None if only is None else np.array(sorted(only), dtype=np.int32)
        self._parts: list[Inverted] = []
        self._lock = Lock()

    def put(self, slots: Rows, table: pa.Table) -> None:
        """See `roster.Column`."""
        size = room(self.filled, slots)
        ids, counts = flat(table[self.sources[0]], "<i4")
        weights, _ = flat(table[self.sources[1]], "<f2")
        rows = np.repeat(slots.astype(np.int32), counts)
        if self._only is not None:
            kept = np.isin(ids, self._only)
            ids, rows, weights = ids[kept], rows[kept], weights[kept]
        with self._lock:
            self._parts = joined(self._parts, Inverted.weighted(ids, rows, weights))
            self.filled.upto(size)[slots] = table[self.sources[0]].is_valid().to_numpy()

    def products(self, query: SparseVector, size: int) -> Scores:
        """Dot products of a query with each of the first slots."""
        with self._lock:
            parts = tuple(self._parts)
        return dot_products(query, parts, size)


class Sparse(Protocol):
    """Finds chunks in a sparse space, and judges them."""

    def find(
        self, queries: Sequence[SparseVector], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View.weighed`; the filter is resolved."""
        ...

    def scores(
        self, queries: Sequence[SparseVector], ids: Sequence[Sequence[str]], /
    ) -> list[Scores]:
        """See `protocols.View.weighed_scores`."""
        ...


def sparse_search(snapshot: Snapshot, space: str, cache_bytes: int) -> Sparse:
    """Search in a sparse space of a version.

    Args:
        snapshot: The chunks.
        space: The space.
        cache_bytes: Postings are held in memory up to this size.
    """
    resident = snapshot.resident
    if resident is None:
        return _Read(snapshot, space)
    if not resident.known(("sparse", space)):
        kept = snapshot.mean_bytes(sparse_columns(space)[0], _SAMPLE)
        if len(snapshot) * _HELD * kept > cache_bytes:
            return _Read(snapshot, space)
    return _Resident(snapshot, resident, space)


@dataclass(frozen=True, eq=False)
class _Resident:
    snapshot: Snapshot
    resident: Resident
    space: str

    @property
    def _held(self) -> HeldSparse:
        return self.resident.filled(("sparse", self.space), partial(HeldSparse, self.space))

    def find(
        self, queries: Sequence[SparseVector], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        version, held = self.resident, self._held
        among = version.live if where is None else self.snapshot.mask(where, version)
        ids = version.roster.ids
        return [_best(held.products(one, version.size), n, among, ids) for one in queries]

    def scores(
        self, queries: Sequence[SparseVector], ids: Sequence[Sequence[str]], /
    ) -> list[Scores]:
        found, held = [], self._held
        for query, some in zip(queries, ids, strict=True):
            products = np.append(held.products(query, self.resident.size), np.float32(0))
            found.append(
                products[self.resident.places(some)]
            )  # the last is of chunks that are not there
        return found


@dataclass(frozen=True, eq=False)
class _Read:
    snapshot: Snapshot
    space: str

    def find(
        self, queries: Sequence[SparseVector], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        passing = None if where is None else set(self.snapshot.passing(where))
        parts: list[list[tuple[list[str], Scores]]] = [[] for _ in queries]
        for ids, held in self._parts(queries):
            among = np.array([passing is None or id in passing for id in ids], dtype=np.bool_)
            for part, query in zip(parts, queries, strict=True):
                part.append(_best(held.products(query, len(ids)), n, among, ids))
        return [
            first(
                [id for ids, _ in part for id in ids],
                np.concatenate([np.empty(0, np.float32), *(scores for _, scores in part)]),
                n,
            )
            for part in parts
        ]

    def scores(
        self, queries: Sequence[SparseVector], ids: Sequence[Sequence[str]], /
    ) -> list[Scores]:
        known: list[dict[str, np.float32]] = [{} for _ in queries]
        wanted = [set(some) for some in ids]
        for there, held in self._parts(queries):
            for query, scores, some in zip(queries, known, wanted, strict=True):
                products = held.products(query, len(there))
                scores.update((id, products[i]) for i, id in enumerate(there) if id in some)
        return [
            np.array([scores.get(id, np.float32(0)) for id in some], dtype=np.float32)
            for scores, some in zip(known, ids, strict=True)
        ]

    def _parts(self, queries: Sequence[SparseVector]) -> Iterator[tuple[list[str], HeldSparse]]:
        """All chunks, some at a time, as far as they concern some queries."""
        asked = {id for query in queries for id in query.ids.tolist()}
        for table in self.snapshot.stream(["id", *sparse_columns(self.space)]):
            held = HeldSparse(self.space, asked)
            held.put(np.arange(len(table)), table)
            yield table["id"].to_pylist(), held


def _best(scores: Scores, n: int, among: Mask, ids: Sequence[str]) -> tuple[list[str], Scores]:
    """The ``n`` best of a mask with a product above 0."""
    hits = np.flatnonzero((scores > 0) & among)
    hits = hits[contenders(scores[hits], n)]
    return first([ids[slot] for slot in hits.tolist()], scores[hits], n)
