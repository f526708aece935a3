"""Reading one version of a LanceDB index."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.expr import Expr, col, lit
from lancedb.query import MatchQuery

from rag_embed.analysis import Analyzer
from rag_embed.errors import BadInput
from rag_embed.fields import Fields, reads_metadata
from rag_embed.filters import Filter
from rag_embed.maths.bm25 import Counts
from rag_embed.maths.frequencies import Frequencies
from rag_embed.maths.moments import Moments
from rag_embed.maths.vectors import best
from rag_embed.stores.explained import explained
from rag_embed.stores.held_tokens import HeldTokens
from rag_embed.stores.owned import Owned
from rag_embed.stores.scanned import SCANNED_COLUMNS, Scanned
from rag_embed.stores.schema import (
    CHUNK_COLUMNS,
    chunk_of,
    compiled,
    document_of,
    token_columns,
    tokens_of,
)
from rag_embed.types import Chunk, Document, Scores, TokenBits, Vectors, doc_id_of

T = TypeVar("T")
Sum = TypeVar("Sum", Moments, Frequencies)

SAMPLE = 65_536
"""Rows that moments are taken over when the vectors are not held in memory: mean scores are then
known to about 1/256 of a standard deviation."""

TOKEN_SAMPLE = 4096
"""Chunks that tokens are counted in: a rarer token weighs as much as one that occurs nowhere."""

_EXACT_BELOW = 0.05
"""Share of rows under which a filtered search skips the vector index: an index probes a bounded
number of partitions and would return too few of the rows that pass."""

_REFINE = 10
_MASKS = 64
_TIES = 32
"""Rows asked for beyond ``n``, so that copies of one text at the edge are ordered by id."""

_OWNED = col("has_user_id") == lit(True)
_SHARED = col("has_user_id") == lit(False)
_USERS = 64
"""Users whose statistics are remembered; those of shared chunks are a megabyte for 384 dimensions."""

_FEW = 1000
"""Chunk ids that a full-text search is given as a filter; of more, it finds all and drops some."""

_THREADS = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1), thread_name_prefix="lance")


@dataclass(frozen=True, slots=True, eq=False)
class Resident:
    """A space's vectors held in memory.

    Attributes:
        ids: ``(n,)`` chunk ids.
        position: id -> row.
        row_ids: ``(n,)`` LanceDB's own row numbers, valid in this version.
        matrix: ``(n, dim)`` float32.
    """

    ids: Sequence[str]
    position: Mapping[str, int]
    row_ids: Sequence[int]
    matrix: Vectors


@dataclass(eq=False)
class LanceView:
    """One version of a `LanceStore`; both handles are checked out and never move.

    Attributes:
        uri: Where the index is, for error messages.
        table: ``chunks`` at a fixed version.
        document_table: ``documents`` at a fixed version.
        spaces: Name and dimension of each space.
        token_spaces: Those that keep tokens.
        fields: The declared fields.
        analyzer: Settings of lexical search.
        cache_bytes: Vectors of a space are held in memory up to this size, and its tokens.
    """

    uri: str
    table: Any
    document_table: Any
    spaces: Mapping[str, int]
    token_spaces: Sequence[str]
    fields: Fields
    analyzer: Analyzer
    cache_bytes: int
    _resident: dict[str, Resident] = field(default_factory=dict)
    _moments: dict[tuple[str, str | None], Moments] = field(default_factory=dict)
    _frequencies: dict[tuple[str, str | None], Frequencies] = field(default_factory=dict)
    _sizes: dict[str, float] = field(default_factory=dict)
    _holding: dict[str, int] = field(default_factory=dict)
    _owners: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    _tokens: dict[str, HeldTokens] = field(default_factory=dict)
    _masks: dict[str, npt.NDArray[np.intp]] = field(default_factory=dict)
    _passing: dict[str, list[str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __len__(self) -> int:
        return self._count

    @cached_property
    def _count(self) -> int:
        return self._count_rows(None)

    @cached_property
    def private(self) -> bool:
        """See `protocols.View`."""
        return bool(self._count_rows(_OWNED))

    def nearest(
        self, space: str, vectors: Vectors, n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View`."""
        where = self.fields.resolved(where)
        n = min(n, len(self))
        if n == 0 or len(vectors) == 0:
            return [([], np.empty(0, np.float32)) for _ in vectors]
        resident = self._load(space)
        if resident is None:
            return self._nearest_on_disk(space, vectors, n, self._condition(where))
        allowed = self._allowed(resident, where)
        found = []
        for scores in vectors @ resident.matrix.T:
            if allowed is None:
                order = best(resident.ids, scores, n)
            else:
                order = allowed[best([resident.ids[i] for i in allowed], scores[allowed], n)]
            found.append(([resident.ids[i] for i in order], scores[order]))
        return found

    def lexical(
        self, texts: Sequence[str], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View`."""
        where = self.fields.resolved(where)
        n = min(n, len(self))
        among = set(self._scan(where)) if reads_metadata(where) else None
        sifted = among is not None and len(among) > _FEW
        condition = None if sifted else self._condition(where)

        def one(text: str) -> tuple[list[str], Scores]:
            if n == 0 or not text.strip():
                return [], np.empty(0, np.float32)
            search = self._full_text(text, condition).select(["id", "_score"])
            found = self._read(search.limit(len(self) if sifted else min(len(self), n + _TIES)))
            if sifted:
                found = found.filter(pc.is_in(found["id"], pa.array(sorted(among or ()))))
            return _ranked(found["id"].to_pylist(), found["_score"].to_numpy(), n)

        shared = list(_THREADS.map(one, texts))
        return self._with_owned(texts, shared, n, where) if self.private else shared

    def _with_owned(
        self,
        texts: Sequence[str],
        shared: Sequence[tuple[list[str], Scores]],
        n: int,
        where: Filter | None,
    ) -> list[tuple[list[str], Scores]]:
        allowed = _remembered(self._owners, where, lambda: self._owned_by(where))
        if not allowed:
            return list(shared)
        with self._lock:
            self._owned.load(list(allowed))
            found = [self._owned.scores(text, allowed, self._shared(text)) for text in texts]
        return [
            _ranked([*ids, *mine], np.concatenate([scores, own]), n)
            for (ids, scores), (mine, own) in zip(shared, found, strict=True)
        ]

    def _owned_by(self, where: Filter | None) -> dict[str, list[str]]:
        """Owner -> chunks that pass."""
        condition = self._condition(where)
        passing = _OWNED if condition is None else condition & _OWNED
        found = self._read(self.table.search().where(passing).select(["id", "user_id"]))
        owners: dict[str, list[str]] = {}
        for id, owner in zip(*(column.to_pylist() for column in found.columns), strict=True):
            owners.setdefault(owner, []).append(id)
        return owners

    @cached_property
    def _owned(self) -> Owned:
        def read(owners: Sequence[str]) -> pa.Table:
            search = self.table.search().where(col("user_id").isin(list(owners)))
            return self._read(search.select(["id", "user_id", "private_text"]))

        return Owned(self.analyzer, read)

    def _shared(self, text: str) -> Counts:
        """What BM25 of owned chunks must know of the shared ones."""
        pairs = self.analyzer.pairs(text)
        for said, word in pairs:
            if word not in self._holding:
                search = self._full_text(said, None).select(["id", "_score"]).limit(max(len(self), 1))
                self._holding[word] = len(self._read(search))
        count, mean = self._shared_lengths
        return Counts(count, mean, {word: self._holding[word] for _, word in pairs})

    @cached_property
    def _shared_lengths(self) -> tuple[int, float]:
        """Number of shared chunks, and their mean length in words, over `TOKEN_SAMPLE` of them."""
        texts = self._evenly(TOKEN_SAMPLE, "lexical_text", _SHARED)["lexical_text"].to_pylist()
        lengths = [len(self.analyzer.words(text)) for text in texts]
        return self._count_rows(_SHARED), float(np.mean(lengths)) if lengths else 0.0

    def _full_text(self, text: str, condition: Expr | None) -> Any:  # noqa: ANN401
        return _where(
            self.table.search(MatchQuery(text, "lexical_text"), query_type="fts"), condition
        )

    def vectors(self, space: str, ids: Sequence[str], /) -> Vectors:
        """See `protocols.View`."""
        resident = self._load(space)
        position: Mapping[str, int]
        if resident is None:
            found = self._by_id(ids, ["id", f"v_{space}"])
            position = {id: i for i, id in enumerate(found["id"].to_pylist())}
            matrix = _matrix(found[f"v_{space}"], self.spaces[space])
        else:
            position, matrix = resident.position, resident.matrix
        missing = [id for id in ids if id not in position]
        if missing:
            raise BadInput(f"Unknown chunk ids: {missing[:3]}.")
        return matrix[[position[id] for id in ids]]

    def tokens(self, space: str, ids: Sequence[str], /) -> list[TokenBits]:
        """See `protocols.View`."""
        held = self._held_tokens(space)
        if held is None:
            found = self._by_id(list(dict.fromkeys(ids)), ["id", *token_columns(space)])
            rows = tokens_of(found, space, self.spaces[space])
            kept: Mapping[str, TokenBits] = dict(zip(found["id"].to_pylist(), rows, strict=True))
            missing = [id for id in ids if id not in kept]
        else:
            missing = [id for id in ids if id not in held.position]
        if missing:
            raise BadInput(f"Unknown chunk ids: {missing[:3]}.")
        return [(kept if held is None else held)[id] for id in ids]

    def frequencies(self, space: str, user: str | None = None, /) -> Frequencies:
        """See `protocols.View`; over `TOKEN_SAMPLE` evenly spaced chunks at most."""
        self._keeps_tokens(space)

        def counted(owner: str | None) -> Frequencies:
            column = f"token_ids_{space}"
            found = self._evenly(TOKEN_SAMPLE, column, self._of(owner))[column].to_pylist()
            return Frequencies.of([np.frombuffer(one or b"", dtype="<i4") for one in found])

        return self._seen(self._frequencies, space, user, counted)

    def _held_tokens(self, space: str) -> HeldTokens | None:
        """The space's tokens in memory, read at first use; None when they are too many."""
        self._keeps_tokens(space)
        width = -(-self.spaces[space] // 8)
        if len(self) * self._token_bytes(space) * (1 + width / 4) > self.cache_bytes:
            return None
        with self._lock:
            if space not in self._tokens:
                search = self.table.search().select(["id", *token_columns(space)])
                self._tokens[space] = HeldTokens.of(self._read(search), space, width)
            return self._tokens[space]

    def _token_bytes(self, space: str) -> float:
        """Mean bytes of token ids a chunk, over `TOKEN_SAMPLE` evenly spaced chunks at most."""
        column = f"token_ids_{space}"
        if column not in self._sizes:
            sizes = pc.binary_length(self._evenly(TOKEN_SAMPLE, column, None)[column])
            self._sizes[column] = pc.mean(sizes).as_py() or 0.0
        return self._sizes[column]

    def _keeps_tokens(self, space: str) -> None:
        if space not in self.token_spaces:
            raise BadInput(
                f"Space {space!r} keeps no tokens; those that do: {sorted(self.token_spaces)}."
            )

    def chunks(self, ids: Sequence[str], /) -> list[Chunk]:
        """See `protocols.View`."""
        rows = {row["id"]: chunk_of(row) for row in self._by_id(ids, CHUNK_COLUMNS).to_pylist()}
        return [rows[id] for id in ids if id in rows]

    def document_chunks(self, doc_id: str, /) -> list[Chunk]:
        """See `protocols.View`."""
        search = self.table.search().where(col("doc_id") == lit(doc_id)).select(CHUNK_COLUMNS)
        return sorted(map(chunk_of, search.to_arrow().to_pylist()), key=lambda chunk: chunk.ordinal)

    def documents(self, ids: Sequence[str], /) -> list[Document]:
        """See `protocols.View`."""
        if not ids:
            return []
        search = self.document_table.search().where(col("id").isin(list(ids)))
        rows = {row["id"]: row for row in self._read(search).to_pylist()}
        return [document_of(rows[id]) for id in ids if id in rows]

    def matching(self, where: Filter | None, /) -> list[str]:
        """See `protocols.View`."""
        where = self.fields.resolved(where)
        if reads_metadata(where):
            return sorted({doc_id_of(id) for id in self._scan(where)})
        search = _where(self.table.search(), self._condition(where)).select(["doc_id"])
        return sorted(set(self._read(search)["doc_id"].to_pylist()))

    def moments(self, space: str, user: str | None = None, /) -> Moments:
        """See `protocols.View`; over `SAMPLE` evenly spaced rows when not held in memory."""

        def measured(owner: str | None) -> Moments:
            held = self._load(space)
            if held is None:
                column = f"v_{space}"
                some = self._evenly(SAMPLE, column, self._of(owner))[column]
                return Moments.of(_matrix(some, self.spaces[space]))
            if (among := self._of(owner)) is None:
                return Moments.of(held.matrix)
            ids = self._read(self.table.search().where(among).select(["id"]))["id"].to_pylist()
            return Moments.of(held.matrix[sorted(held.position[id] for id in ids)])

        return self._seen(self._moments, space, user, measured)

    def _seen(
        self,
        known: dict[tuple[str, str | None], Sum],
        space: str,
        user: str | None,
        measured: Callable[[str | None], Sum],
    ) -> Sum:
        """A statistic of shared chunks, and of the user's own added to it; remembered."""
        if user is not None and not self.private:
            user = None
        if (space, user) not in known:
            if len(known) >= _USERS:
                known.clear()
            own = measured(user)
            known[space, user] = (
                own if user is None else self._seen(known, space, None, measured).plus(own)
            )
        return known[space, user]

    def _of(self, owner: str | None) -> Expr | None:
        """An owner's chunks, or the shared ones; None where that is all."""
        if not self.private:
            return None
        return _SHARED if owner is None else col("user_id") == lit(owner)

    def _evenly(self, rows: int, column: str, among: Expr | None) -> pa.Table:
        """A column of evenly spaced rows, of all if there are no more."""
        if among is None:
            step = max(1, -(-len(self) // rows))
            offsets = list(range(0, len(self), step))
            return self._read(self.table.take_offsets(offsets).select([column]))
        search = self.table.search().where(among).select(["id"]).with_row_id(True)
        row_ids = self._read(search)["_rowid"].to_pylist()
        step = max(1, -(-len(row_ids) // rows))
        return self._read(self.table.take_row_ids(row_ids[::step]).select([column]))

    def _load(self, space: str) -> Resident | None:
        """The space's vectors in memory, read at first use; None when they are too large."""
        if space not in self.spaces:
            raise BadInput(f"Unknown space {space!r}; this index has {sorted(self.spaces)}.")
        if len(self) * self.spaces[space] * 4 > self.cache_bytes:
            return None
        with self._lock:
            if space not in self._resident:
                search = self.table.search().select(["id", f"v_{space}"]).with_row_id(True)
                found = self._read(search)
                ids = found["id"].to_pylist()
                self._resident[space] = Resident(
                    ids,
                    {id: i for i, id in enumerate(ids)},
                    found["_rowid"].to_pylist(),
                    _matrix(found[f"v_{space}"], self.spaces[space]),
                )
            return self._resident[space]

    def _condition(self, where: Filter | None) -> Expr | None:
        """A resolved filter for LanceDB."""
        if where is None:
            return None
        if reads_metadata(where):
            return _among(self._scan(where))
        return compiled(where, self.fields)

    def _scan(self, where: Filter) -> list[str]:
        """Ids of the chunks whose metadata passes; remembered like masks."""
        return _remembered(self._passing, where, lambda: self._rows.passing(where))

    @cached_property
    def _rows(self) -> Scanned:
        return Scanned.of(self._read(self.table.search().select(SCANNED_COLUMNS)), self.fields)

    def _allowed(self, held: Resident, where: Filter | None) -> npt.NDArray[np.intp] | None:
        """Rows of the matrix that pass; remembered, since tenants and sections recur."""
        if where is None:
            return None

        def rows() -> npt.NDArray[np.intp]:
            if reads_metadata(where):
                ids = self._scan(where)
            else:
                search = self.table.search().where(self._condition(where)).select(["id"])
                ids = self._read(search)["id"].to_pylist()
            return np.array(sorted(held.position[id] for id in ids), dtype=np.intp)

        return _remembered(self._masks, where, rows)

    def _nearest_on_disk(
        self, space: str, vectors: Vectors, n: int, condition: Expr | None
    ) -> list[tuple[list[str], Scores]]:
        search = self.table.search(vectors, vector_column_name=f"v_{space}").distance_type("dot")
        if condition is None:
            search = search.refine_factor(_REFINE)
        elif self._count_rows(condition) < _EXACT_BELOW * len(self):
            search = search.bypass_vector_index()
        else:
            search = search.minimum_nprobes(20).maximum_nprobes(0).refine_factor(_REFINE)
        search = _where(search, condition).select(["id", "_distance"])
        found = self._read(search.limit(min(len(self), n + _TIES)))
        if len(vectors) == 1 and "query_index" not in found.column_names:
            return [_nearest(found, n)]
        parts = []
        for i in range(len(vectors)):
            parts.append(_nearest(found.filter(pc.equal(found["query_index"], i)), n))
        return parts

    def _by_id(self, ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        held = next(iter(self._resident.values()), None)
        if held is None:
            search = self.table.search().where(_among(ids))
        else:  # half the time of a search by id
            rows = [held.row_ids[held.position[id]] for id in ids if id in held.position]
            search = self.table.take_row_ids(rows)
        return self._read(search.select(list(columns)))

    def _read(self, search: Any) -> pa.Table:  # noqa: ANN401
        with explained("read the index", self.uri):
            return search.to_arrow()

    def _count_rows(self, condition: Expr | None) -> int:
        with explained("read the index", self.uri):
            return int(
                self.table.count_rows(condition if condition is None else condition.to_sql())
            )


def _remembered(known: dict[str, T], where: Filter | None, found: Callable[[], T]) -> T:
    """Look a filter up by its text: as keys of a dict, ``x == 1`` and ``x == True`` are one."""
    key = repr(where)
    if key not in known:
        if len(known) >= _MASKS:
            known.clear()
        known[key] = found()
    return known[key]


def _among(ids: Sequence[str]) -> Expr:
    return col("id").isin(list(ids)) if ids else lit(False)


def _where(search: Any, condition: Expr | None) -> Any:  # noqa: ANN401
    return search if condition is None else search.where(condition, prefilter=True)


def _ranked(
    ids: Sequence[str], scores: npt.NDArray[np.floating], n: int
) -> tuple[list[str], Scores]:
    order = best(ids, scores, n)
    return [ids[i] for i in order], scores[order].astype(np.float32)


def _nearest(found: pa.Table, n: int) -> tuple[list[str], Scores]:
    return _ranked(found["id"].to_pylist(), 1.0 - found["_distance"].to_numpy(), n)


def _matrix(column: pa.ChunkedArray, dim: int) -> Vectors:
    """The rows of a vector column; a row still to be computed is 0, like nothing that is asked."""
    if column.null_count:
        rows = np.zeros((len(column), dim), dtype=np.float32)
        rows[column.is_valid().to_numpy()] = _matrix(column.drop_null(), dim)
        return rows
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    flat = np.concatenate(parts) if parts else np.empty(0, np.float32)
    return np.ascontiguousarray(flat.reshape(-1, dim), dtype=np.float32)
