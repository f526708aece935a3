"""One version of a `MemoryStore`: everything compared with everything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rag_embed.analysis import Analyzer
from rag_embed.errors import BadInput
from rag_embed.fields import Fields
from rag_embed.filters import METADATA, Filter
from rag_embed.maths.bm25 import Postings
from rag_embed.maths.frequencies import Frequencies
from rag_embed.maths.inverted import Inverted, dot_products
from rag_embed.maths.moments import Moments
from rag_embed.maths.vectors import best
from rag_embed.stores.judging import Judge, remembered
from rag_embed.stores.sorted_columns import Metadata, present
from rag_embed.stores.sparse_rows import check_space
from rag_embed.types import (
    EVERYBODY,
    STRANGER,
    Audience,
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
from rag_embed.values import since_1970

Rows: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class MemoryView:
    """One version of a `MemoryStore`; never changes."""

    chunks_by_id: Mapping[str, Chunk]
    rows: Mapping[str, Mapping[str, Any]]
    stored: Mapping[str, tuple[Document, str]]
    matrix: Mapping[str, Vectors]
    postings: Mapping[Audience, tuple[Postings, Rows]]
    analyzer: Analyzer
    fields: Fields
    kept: Mapping[str, Mapping[str, TokenBits]]
    weights: Mapping[str, Mapping[str, SparseVector]]
    words: Mapping[str, Sequence[str]]
    position: Mapping[str, int] = field(init=False)
    ids: Sequence[str] = field(init=False)
    judge: Judge = field(init=False)
    known_rows: dict[Filter | None, Rows] = field(init=False, default_factory=dict)
    known_moments: dict[tuple[str, Principal], Moments] = field(default_factory=dict)
    known_weights: dict[str, Inverted] = field(default_factory=dict)
    known_metadata: list[Metadata] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        analyzer: Analyzer,
        fields: Fields,
        by_id: Mapping[str, Chunk],
        rows: Mapping[str, Mapping[str, Any]],
        documents: Mapping[str, tuple[Document, str]],
        matrix: Mapping[str, Vectors],
        kept: Mapping[str, Mapping[str, TokenBits]],
        weights: Mapping[str, Mapping[str, SparseVector]],
        words: Mapping[str, Sequence[str]],
    ) -> MemoryView:
        """A version.

        Args:
            analyzer: Settings of lexical search.
            fields: The declared fields.
            by_id: The chunks.
            rows: What filters see of each.
            documents: Documents with their content hashes.
            matrix: Space -> a row per chunk.
            kept: Space -> tokens by chunk.
            weights: Sparse space -> vectors by chunk.
            words: What lexical search reads, by chunk.
        """
        audiences: dict[Audience, list[int]] = {EVERYBODY: []}
        for i, chunk in enumerate(by_id.values()):
            audiences.setdefault(chunk.audience, []).append(i)
        ids = list(by_id)
        postings = {
            audience: (Postings.of([words[ids[i]] for i in some]), np.array(some, dtype=np.intp))
            for audience, some in audiences.items()
        }
        return cls(by_id, rows, documents, matrix, postings, analyzer, fields, kept, weights, words)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", list(self.chunks_by_id))
        object.__setattr__(self, "position", {id: i for i, id in enumerate(self.ids)})
        object.__setattr__(self, "judge", Judge(len(self.ids), self._column))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def private(self) -> bool:
        """See `protocols.View`."""
        return any(not audience.everybody for audience in self.postings)

    @property
    def grouped(self) -> bool:
        """See `protocols.View`."""
        return any(audience.readers for audience in self.postings)

    def count(self, whom: Principal = STRANGER, /) -> int:
        """See `protocols.View`."""
        return len(self._seen(whom))

    def nearest(
        self, space: str, vectors: Vectors, n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View`."""
        matrix, allowed = self._matrix(space), self._allowed(where)
        return [self._best(matrix @ row, allowed, n) for row in vectors]

    def lexical(
        self, texts: Sequence[str], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View`."""
        allowed = self._allowed(where)
        found = []
        for text in texts:
            scores = self._bm25(self.analyzer.asked(text))
            found.append(self._best(scores, allowed[scores[allowed] > 0], n))
        return found

    def lexical_scores(self, texts: Sequence[str], ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `protocols.View`."""
        found = []
        for text, some in zip(texts, ids, strict=True):
            scores = np.append(self._bm25(self.analyzer.asked(text)), np.float32(0))
            found.append(scores[[self.position.get(id, -1) for id in some]])
        return found

    def holding(self, words: Sequence[str], ids: Sequence[str], /) -> npt.NDArray[np.bool_]:
        """See `protocols.View`."""
        places = np.array([self.position.get(id, -1) for id in ids], dtype=np.intp)
        found = np.zeros((len(words), len(ids)), dtype=np.bool_)
        held = np.zeros(len(self) + 1, dtype=np.bool_)
        for i, word in enumerate(words):
            said = [
                rows[own.words[word][0]]
                for own, rows in self.postings.values()
                if word in own.words
            ]
            for some in said:
                held[some] = True
            found[i] = held[places]
            for some in said:
                held[some] = False
        return found

    def _bm25(self, words: Sequence[str]) -> Scores:
        """Of every chunk, judged by what all of its audience see: shared chunks and those of the audience."""
        scores = np.zeros(len(self), dtype=np.float32)
        shared, rows = self.postings[EVERYBODY]
        scores[rows] = shared.scores(words)
        beside = shared.counts(words)
        for audience, (own, rows) in self.postings.items():
            if not audience.everybody:
                scores[rows] = own.scores(words, beside.plus(own.counts(words)))
        return scores

    def weighed(
        self, space: str, queries: Sequence[SparseVector], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View`."""
        allowed = self._allowed(where)
        products = [self._products(space, query) for query in queries]
        return [self._best(scores, allowed[scores[allowed] > 0], n) for scores in products]

    def weighed_scores(
        self, space: str, queries: Sequence[SparseVector], ids: Sequence[Sequence[str]], /
    ) -> list[Scores]:
        """See `protocols.View`."""
        found = []
        for query, some in zip(queries, ids, strict=True):
            scores = np.append(self._products(space, query), np.float32(0))
            found.append(scores[[self.position.get(id, -1) for id in some]])
        return found

    def _products(self, space: str, query: SparseVector) -> Scores:
        check_space(space, self.weights)
        if space not in self.known_weights:
            rows = [self.weights[space][id] for id in self.ids]
            none = SparseVector(np.empty(0, np.int32), np.empty(0, np.float32))
            self.known_weights[space] = Inverted.weighted(
                np.concatenate([one.ids for one in (none, *rows)]),
                np.repeat(np.arange(len(rows), dtype=np.int32), [len(one.ids) for one in rows]),
                np.concatenate([one.weights for one in (none, *rows)]).astype(np.float16),
            )
        return dot_products(query, [self.known_weights[space]], len(self))

    def sparse(self, space: str, ids: Sequence[str], /) -> list[SparseVector]:
        """See `protocols.View`."""
        check_space(space, self.weights)
        self._check_there(ids)
        return [self.weights[space][id] for id in ids]

    def without(self, space: str) -> MemoryView:
        """The same chunks without a space of either kind."""
        return replace(
            self,
            matrix={name: rows for name, rows in self.matrix.items() if name != space},
            kept={name: some for name, some in self.kept.items() if name != space},
            weights={name: some for name, some in self.weights.items() if name != space},
            known_weights={},
            known_moments={},
        )

    def declared(self, fields: Fields, values: Mapping[str, Mapping[str, Any]]) -> MemoryView:
        """The same chunks, of which filters know more.

        Args:
            fields: All declared fields.
            values: What is new of each document.
        """
        rows = {id: {**row, **values[row["doc_id"]]} for id, row in self.rows.items()}
        return replace(self, fields=fields, rows=rows)

    def _check_there(self, ids: Sequence[str]) -> None:
        missing = [id for id in ids if id not in self.position]
        if missing:
            raise BadInput(f"Unknown chunk ids: {missing[:3]}.")

    def vectors(self, space: str, ids: Sequence[str], /) -> Vectors:
        """See `protocols.View`."""
        self._check_there(ids)
        return self._matrix(space)[[self.position[id] for id in ids]]

    def tokens(self, space: str, ids: Sequence[str], /) -> list[TokenBits]:
        """See `protocols.View`."""
        if space not in self.kept:
            raise BadInput(f"Space {space!r} keeps no tokens; those that do: {sorted(self.kept)}.")
        self._check_there(ids)
        return [self.kept[space][id] for id in ids]

    def frequencies(self, space: str, whom: Principal = STRANGER, /) -> Frequencies:
        """See `protocols.View`; over all of these chunks."""
        seen = [self.ids[i] for i in self._seen(whom)]
        return Frequencies.of([one.ids for one in self.tokens(space, seen)])

    def chunks(self, ids: Sequence[str], /) -> list[Chunk]:
        """See `protocols.View`."""
        return [self.chunks_by_id[id] for id in ids if id in self.chunks_by_id]

    def dates(self, name: str, ids: Sequence[str], /) -> Seconds:
        """See `protocols.View`."""
        self.fields.check_dates(name)
        moments = (self.rows[id][name] if id in self.rows else None for id in ids)
        seconds = [math.nan if one is None else since_1970(one) / 1e6 for one in moments]
        return np.array(seconds, np.float64)

    def document_chunks(self, doc_id: str, /) -> list[Chunk]:
        """See `protocols.View`."""
        return [chunk for chunk in self.chunks_by_id.values() if chunk.doc_id == doc_id]

    def documents(self, ids: Sequence[str], /) -> list[Document]:
        """See `protocols.View`."""
        return [self.stored[id][0] for id in ids if id in self.stored]

    def passing(self, where: Filter | None, /) -> list[str]:
        """See `protocols.View`."""
        return sorted((self.ids[i] for i in self._allowed(where)), key=place_of)

    def matching(self, where: Filter | None, /) -> list[str]:
        """See `protocols.View`."""
        return list(dict.fromkeys(map(doc_id_of, self.passing(where))))

    def moments(self, space: str, whom: Principal = STRANGER, /) -> Moments:
        """See `protocols.View`."""
        key = space, whom
        if key not in self.known_moments:
            self.known_moments[key] = Moments.of(self._matrix(space)[self._seen(whom)])
        return self.known_moments[key]

    def _seen(self, whom: Principal) -> Rows:
        """The rows that somebody may read, in order."""
        some = [rows for audience, (_, rows) in self.postings.items() if whom.sees(audience)]
        return np.sort(np.concatenate(some))

    def _matrix(self, space: str) -> Vectors:
        if space not in self.matrix:
            raise BadInput(f"Unknown space {space!r}; this index has {sorted(self.matrix)}.")
        return self.matrix[space]

    def _allowed(self, where: Filter | None) -> Rows:
        def rows() -> Rows:
            resolved = self.fields.resolved(where)
            return np.arange(len(self)) if resolved is None else self.judge.rows(resolved)

        return remembered(self.known_rows, where, rows)

    def _column(self, name: str) -> Mapping[int, object]:
        if name.startswith(METADATA):
            if not self.known_metadata:
                self.known_metadata.append(Metadata([self.rows[id]["metadata"] for id in self.ids]))
            return self.known_metadata[0].values(name)
        return present(self.rows[id][name] for id in self.ids)

    def _best(self, scores: Scores, allowed: Rows, n: int) -> tuple[list[str], Scores]:
        order = allowed[best([self.ids[i] for i in allowed], scores[allowed], n)]
        return [self.ids[i] for i in order], scores[order]
