"""Reading one version of a LanceDB index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from rag_embed.analysis import Analyzer
from rag_embed.errors import BadInput
from rag_embed.fields import Fields
from rag_embed.filters import Filter
from rag_embed.maths.frequencies import Frequencies
from rag_embed.maths.moments import Moments
from rag_embed.maths.vectors import first
from rag_embed.stores.chunk_rows import rows_of
from rag_embed.stores.columns import Matrix, matrix_of
from rag_embed.stores.dates import dates_of
from rag_embed.stores.disk_search import nearest_on_disk
from rag_embed.stores.held_tokens import Holding
from rag_embed.stores.lexical import Lexical, lexical_of
from rag_embed.stores.reading import each, known_places, statistic
from rag_embed.stores.resident import Resident
from rag_embed.stores.sampled_moments import SAMPLE
from rag_embed.stores.sampled_tokens import SAMPLE as SAMPLE_OF_TOKENS
from rag_embed.stores.sampled_tokens import SampledTokens
from rag_embed.stores.schema import (
    CHUNK_COLUMNS,
    chunk_of,
    document_of,
    token_columns,
    tokens_of,
)
from rag_embed.stores.snapshot import Snapshot, among
from rag_embed.stores.sparse_rows import check_space, sparse_columns, sparse_of
from rag_embed.stores.sparse_search import Sparse, sparse_search
from rag_embed.stores.store_errors import explained
from rag_embed.types import (
    STRANGER,
    Chunk,
    Document,
    Principal,
    Scores,
    Seconds,
    SparseVector,
    TokenBits,
    Vectors,
    doc_id_of,
    place_of,
)

Sum = TypeVar("Sum", Moments, Frequencies)

_READERS = 64
"""Those who ask whose statistics are remembered; one is a megabyte for 384 dimensions."""


@dataclass(eq=False)
class LanceView:
    """One version of a `LanceStore`; its handles are checked out and never move.

    Attributes:
        snapshot: ``chunks``.
        documents_at: Gives ``documents`` at the version of this view.
        spaces: Name and dimension of each space.
        token_spaces: Those that keep tokens.
        sparse_spaces: Name and terms of each sparse space.
        analyzer: Settings of lexical search.
        cache_bytes: Vectors of a space are held in memory up to this size, and words; for tokens see
            `held_tokens.Holding`, for texts `chunk_rows.rows_of`.
    """

    snapshot: Snapshot
    documents_at: Callable[[], Any]
    spaces: Mapping[str, int]
    token_spaces: Sequence[str]
    sparse_spaces: Mapping[str, int]
    analyzer: Analyzer
    cache_bytes: int
    _moments: dict[tuple[str, Principal], Moments] = field(default_factory=dict)
    _frequencies: dict[tuple[str, Principal], Frequencies] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.snapshot)

    @property
    def private(self) -> bool:
        """See `protocols.View`."""
        return self.snapshot.private

    @property
    def grouped(self) -> bool:
        """See `protocols.View`."""
        return self.snapshot.grouped

    def count(self, whom: Principal = STRANGER, /) -> int:
        """See `protocols.View`."""
        return self.snapshot.seen(whom)

    @property
    def fields(self) -> Fields:
        """The declared fields."""
        return self.snapshot.fields

    @property
    def table(self) -> Any:  # noqa: ANN401
        """The handle of ``chunks``."""
        return self.snapshot.table

    def nearest(
        self, space: str, vectors: Vectors, n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View`."""
        where = self.snapshot.resolved(where)
        n = min(n, len(self))
        if n == 0 or len(vectors) == 0:
            return [([], np.empty(0, np.float32)) for _ in vectors]
        held = self._matrix(space)
        if held is None:
            return nearest_on_disk(self.snapshot, space, vectors, n, where)
        resident, matrix = held
        allowed = resident.live if where is None else self.snapshot.mask(where, resident)
        ids, n = resident.roster.ids, min(n, int(np.count_nonzero(allowed)))
        found = matrix.nearest(vectors, allowed, n)
        return [first([ids[i] for i in slots.tolist()], scores, n) for slots, scores in found]

    def lexical(
        self, texts: Sequence[str], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View`."""
        return self._words.find(texts, min(n, len(self)), self.snapshot.resolved(where))

    def lexical_scores(self, texts: Sequence[str], ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `protocols.View`."""
        return self._words.scores(texts, ids)

    def holding(self, words: Sequence[str], ids: Sequence[str], /) -> npt.NDArray[np.bool_]:
        """See `protocols.View`."""
        return self._words.holding(words, ids)

    @cached_property
    def _words(self) -> Lexical:
        return lexical_of(self.snapshot, self.analyzer, self.cache_bytes)

    def weighed(
        self, space: str, queries: Sequence[SparseVector], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View`."""
        return self._sparse(space).find(queries, min(n, len(self)), self.snapshot.resolved(where))

    def weighed_scores(
        self, space: str, queries: Sequence[SparseVector], ids: Sequence[Sequence[str]], /
    ) -> list[Scores]:
        """See `protocols.View`."""
        return self._sparse(space).scores(queries, ids)

    def _sparse(self, space: str) -> Sparse:
        check_space(space, self.sparse_spaces)
        return sparse_search(self.snapshot, space, self.cache_bytes)

    def sparse(self, space: str, ids: Sequence[str], /) -> list[SparseVector]:
        """See `protocols.View`."""
        check_space(space, self.sparse_spaces)
        found = self.snapshot.by_id(list(dict.fromkeys(ids)), ["id", *sparse_columns(space)])
        rows = sparse_of(found, space)
        return each(ids, dict(zip(found["id"].to_pylist(), rows, strict=True)).get)

    def vectors(self, space: str, ids: Sequence[str], /) -> Vectors:
        """See `protocols.View`."""
        held = self._matrix(space)
        if held is None:
            found = self.snapshot.by_id(ids, ["id", f"v_{space}"])
            place = {id: i for i, id in enumerate(found["id"].to_pylist())}
            rows = matrix_of(found[f"v_{space}"], self.spaces[space])
            return rows[each(ids, place.get)]
        resident, matrix = held
        return matrix.upto(resident.size)[known_places(resident, ids)]

    def tokens(self, space: str, ids: Sequence[str], /) -> list[TokenBits]:
        """See `protocols.View`."""
        held = self._holding(space).wanted(len(ids))
        if held is not None:
            resident, tokens = held
            return tokens.at(known_places(resident, ids))
        found = self.snapshot.by_id(list(dict.fromkeys(ids)), ["id", *token_columns(space)])
        rows = tokens_of(found, space, self.spaces[space])
        return each(ids, dict(zip(found["id"].to_pylist(), rows, strict=True)).get)

    def frequencies(self, space: str, whom: Principal = STRANGER, /) -> Frequencies:
        """See `protocols.View`; over `sampled_tokens.SAMPLE` chunks at most when they are many."""
        held, resident = self._holding(space).small, self.snapshot.resident

        def counted(one: Principal | None) -> Frequencies:
            if held is not None:
                return statistic(held[0], held[1].frequencies, one)
            if resident is not None:
                return SampledTokens.of(resident, space).frequencies(resident, one)
            column = f"token_ids_{space}"
            found = self.snapshot.evenly(SAMPLE_OF_TOKENS, column, self.snapshot.of(one))[column]
            return Frequencies.of([np.frombuffer(one or b"", "<i4") for one in found.to_pylist()])

        return self._seen(self._frequencies, space, whom, counted)

    def _holding(self, space: str) -> Holding:
        self._keeps_tokens(space)
        return Holding(self.snapshot, space, self.spaces[space], self.cache_bytes)

    def _keeps_tokens(self, space: str) -> None:
        if space not in self.token_spaces:
            raise BadInput(
                f"Space {space!r} keeps no tokens; those that do: {sorted(self.token_spaces)}."
            )

    def chunks(self, ids: Sequence[str], /) -> list[Chunk]:
        """See `protocols.View`."""
        distinct = list(dict.fromkeys(ids))
        if (resident := self._begun) is not None:
            rows = rows_of(self.snapshot, resident, distinct, self.cache_bytes)
        else:
            rows = {
                row["id"]: row for row in self.snapshot.by_id(distinct, CHUNK_COLUMNS).to_pylist()
            }
        return [chunk_of(rows[id]) for id in ids if id in rows]

    def dates(self, name: str, ids: Sequence[str], /) -> Seconds:
        """See `protocols.View`."""
        return dates_of(self.snapshot, name, ids)

    def document_chunks(self, doc_id: str, /) -> list[Chunk]:
        """See `protocols.View`."""
        search = self.table.search().where(among([doc_id], "doc_id")).select(CHUNK_COLUMNS)
        rows = self.snapshot.read(search).to_pylist()
        return sorted(map(chunk_of, rows), key=lambda chunk: chunk.ordinal)

    def documents(self, ids: Sequence[str], /) -> list[Document]:
        """See `protocols.View`."""
        if not ids:
            return []
        search = self._documents.search().where(among(ids))
        rows = {row["id"]: row for row in self.snapshot.read(search).to_pylist()}
        return [document_of(rows[id]) for id in ids if id in rows]

    @cached_property
    def _documents(self) -> Any:  # noqa: ANN401
        with explained("read the index", self.snapshot.uri):
            return self.documents_at()

    def passing(self, where: Filter | None, /) -> list[str]:
        """See `protocols.View`."""
        return sorted(self.snapshot.passing(self.snapshot.resolved(where)), key=place_of)

    def matching(self, where: Filter | None, /) -> list[str]:
        """See `protocols.View`."""
        return list(dict.fromkeys(map(doc_id_of, self.passing(where))))

    def moments(self, space: str, whom: Principal = STRANGER, /) -> Moments:
        """See `protocols.View`; over `sampled_moments.SAMPLE` evenly spaced rows when not held in memory."""
        held = self._matrix(space)

        def sampled(one: Principal | None) -> Moments:
            column = f"v_{space}"
            some = self.snapshot.evenly(SAMPLE, column, self.snapshot.of(one))[column]
            return Moments.of(matrix_of(some, self.spaces[space]))

        def measured(one: Principal | None) -> Moments:
            if held is not None:
                return statistic(held[0], held[1].moments, one)
            if (
                one is not None or self.private
            ):  # nobody's rows say when those of others are counted
                return sampled(one)
            return self.snapshot.held.moments.of(self.snapshot, space, lambda: sampled(None))

        return self._seen(self._moments, space, whom, measured)

    def _seen(
        self,
        known: dict[tuple[str, Principal], Sum],
        space: str,
        whom: Principal,
        measured: Callable[[Principal | None], Sum],
    ) -> Sum:
        """A statistic of shared chunks, and of others that somebody may read added to it; remembered."""
        if whom != STRANGER and not self.private:
            whom = STRANGER
        if (space, whom) not in known:
            if len(known) >= _READERS:
                known.clear()
            if whom == STRANGER:
                known[space, whom] = measured(None)
            else:
                own = measured(whom)
                known[space, whom] = self._seen(known, space, STRANGER, measured).plus(own)
        return known[space, whom]

    def _matrix(self, space: str) -> tuple[Resident, Matrix] | None:
        """The space's vectors in memory, read at first use; None when they are too large."""
        if space not in self.spaces:
            raise BadInput(f"Unknown space {space!r}; this index has {sorted(self.spaces)}.")
        dim = self.spaces[space]
        resident = self.snapshot.resident
        if resident is None or len(self) * dim * 4 > self.cache_bytes:
            return None
        return resident, resident.filled(("vectors", space), partial(Matrix, space, dim))

    @property
    def _begun(self) -> Resident | None:
        """The chunks in memory, where that has been begun."""
        return self.snapshot.resident if self.snapshot.held.begun else None
