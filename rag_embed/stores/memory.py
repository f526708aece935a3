"""Everything in memory, nothing approximated: what other stores are tested against."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rag_embed.analysis import Analyzer
from rag_embed.errors import BadInput
from rag_embed.fields import Fields, FieldTypes
from rag_embed.filters import Filter, matches
from rag_embed.maths.bm25 import Postings
from rag_embed.maths.frequencies import Frequencies
from rag_embed.maths.moments import Moments
from rag_embed.maths.vectors import best
from rag_embed.situated.titled import titled
from rag_embed.stores.rows import check_tokens, row_values, to_json
from rag_embed.types import Chunk, Document, Scores, TokenBits, Vectors, doc_id_of


@dataclass(frozen=True, slots=True, eq=False)
class MemoryView:
    """One version of a `MemoryStore`; never changes."""

    chunks_by_id: Mapping[str, Chunk]
    rows: Mapping[str, Mapping[str, Any]]
    stored: Mapping[str, tuple[Document, str]]
    matrix: Mapping[str, Vectors]
    postings: Postings
    analyzer: Analyzer
    fields: Fields
    kept: Mapping[str, Mapping[str, TokenBits]]
    position: Mapping[str, int] = field(init=False)
    ids: Sequence[str] = field(init=False)
    known_moments: dict[str, Moments] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", list(self.chunks_by_id))
        object.__setattr__(self, "position", {id: i for i, id in enumerate(self.ids)})

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def private(self) -> bool:
        """See `protocols.View`."""
        return any(chunk.user is not None for chunk in self.chunks_by_id.values())

    def nearest(
        self, space: str, vectors: Vectors, n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View`."""
        allowed = self._allowed(where)
        return [self._best(self.matrix[space] @ row, allowed, n) for row in vectors]

    def lexical(
        self, texts: Sequence[str], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View`."""
        allowed = self._allowed(where)
        found = []
        for text in texts:
            scores = self.postings.scores(self.analyzer.words(text))
            found.append(self._best(scores, allowed[scores[allowed] > 0], n))
        return found

    def vectors(self, space: str, ids: Sequence[str], /) -> Vectors:
        """See `protocols.View`."""
        missing = [id for id in ids if id not in self.position]
        if missing:
            raise BadInput(f"Unknown chunk ids: {missing[:3]}.")
        return self.matrix[space][[self.position[id] for id in ids]]

    def tokens(self, space: str, ids: Sequence[str], /) -> list[TokenBits]:
        """See `protocols.View`."""
        if space not in self.kept:
            raise BadInput(f"Space {space!r} keeps no tokens; those that do: {sorted(self.kept)}.")
        missing = [id for id in ids if id not in self.position]
        if missing:
            raise BadInput(f"Unknown chunk ids: {missing[:3]}.")
        return [self.kept[space][id] for id in ids]

    def frequencies(self, space: str, /) -> Frequencies:
        """See `protocols.View`; over all chunks."""
        return Frequencies.of([one.ids for one in self.tokens(space, self.ids)])

    def chunks(self, ids: Sequence[str], /) -> list[Chunk]:
        """See `protocols.View`."""
        return [self.chunks_by_id[id] for id in ids if id in self.chunks_by_id]

    def document_chunks(self, doc_id: str, /) -> list[Chunk]:
        """See `protocols.View`."""
        return [chunk for chunk in self.chunks_by_id.values() if chunk.doc_id == doc_id]

    def documents(self, ids: Sequence[str], /) -> list[Document]:
        """See `protocols.View`."""
        return [self.stored[id][0] for id in ids if id in self.stored]

    def matching(self, where: Filter | None, /) -> list[str]:
        """See `protocols.View`."""
        return sorted({doc_id_of(self.ids[i]) for i in self._allowed(where)})

    def moments(self, space: str, /) -> Moments:
        """See `protocols.View`."""
        if space not in self.known_moments:
            self.known_moments[space] = Moments.of(self.matrix[space])
        return self.known_moments[space]

    def _allowed(self, where: Filter | None) -> np.ndarray[Any, np.dtype[np.intp]]:
        where = self.fields.resolved(where)
        keep = [
            i for i, id in enumerate(self.ids) if where is None or matches(where, self.rows[id])
        ]
        return np.array(keep, dtype=np.intp)

    def _best(
        self, scores: Scores, allowed: np.ndarray[Any, np.dtype[np.intp]], n: int
    ) -> tuple[list[str], Scores]:
        order = allowed[best([self.ids[i] for i in allowed], scores[allowed], n)]
        return [self.ids[i] for i in order], scores[order]


class MemoryStore:
    """A `protocols.Store` that forgets everything when the process ends.

    Examples:
        >>> from rag_embed import Document
        >>> store = MemoryStore({"dense": 2})
        >>> chunk = Chunk.of(Document("d", "red fox"), 0, 7)
        >>> store.replace([(Document("d", "red fox"), "hash")], [chunk], {"dense": np.eye(1, 2)})
        >>> store.view().lexical(["foxes"], 3, None)[0][0]
        ['d#0-7']
    """

    def __init__(
        self,
        spaces: Mapping[str, int],
        *,
        fields: FieldTypes | None = None,
        analyzer: Analyzer | None = None,
        tokens: Sequence[str] = (),
    ) -> None:
        self.spaces = dict(spaces)
        self.token_spaces = tuple(tokens)
        self.fields = Fields.of(fields or {})
        self.analyzer = analyzer or Analyzer()
        self._settings: dict[str, Any] = {}
        empty = {name: np.zeros((0, dim), dtype=np.float32) for name, dim in spaces.items()}
        self._view = self._built({}, {}, {}, empty, {name: {} for name in self.token_spaces})

    def view(self) -> MemoryView:
        """See `protocols.Store`."""
        return self._view

    def known(self, ids: Sequence[str], /) -> dict[str, tuple[str, str | None]]:
        """See `protocols.Store`."""
        documents = self._view.stored
        return {id: (documents[id][1], documents[id][0].user) for id in ids if id in documents}

    def replace(
        self,
        documents: Sequence[tuple[Document, str]],
        chunks: Sequence[Chunk],
        vectors: Mapping[str, Vectors],
        tokens: Mapping[str, Sequence[TokenBits]] | None = None,
        /,
    ) -> None:
        """See `protocols.Store`."""
        documents, chunks = _own(documents, chunks)
        values = row_values(documents, chunks, vectors, self.spaces, self.fields)
        tokens = check_tokens(tokens, self.token_spaces, self.spaces, len(chunks))
        replaced = {document.id for document, _ in documents}
        kept = [
            i for i, c in enumerate(self._view.chunks_by_id.values()) if c.doc_id not in replaced
        ]
        old = list(self._view.chunks_by_id.values())
        by_id = {old[i].id: old[i] for i in kept} | {chunk.id: chunk for chunk in chunks}
        rows = {old[i].id: self._view.rows[old[i].id] for i in kept}
        rows |= {chunk.id: row for chunk, row in zip(chunks, values, strict=True)}
        matrix = {
            name: np.concatenate([self._view.matrix[name][kept], vectors[name]]).astype(np.float32)
            for name in self.spaces
        }
        known = {**self._view.stored, **{d.id: (d, digest) for d, digest in documents}}
        kept_tokens = {
            name: {old[i].id: self._view.kept[name][old[i].id] for i in kept}
            | {chunk.id: one for chunk, one in zip(chunks, some, strict=True)}
            for name, some in tokens.items()
        }
        self._view = self._built(by_id, rows, known, matrix, kept_tokens)

    def delete(self, doc_ids: Sequence[str], /) -> int:
        """See `protocols.Store`."""
        gone = set(doc_ids) & self._view.stored.keys()
        keep = [i for i, c in enumerate(self._view.chunks_by_id.values()) if c.doc_id not in gone]
        ids = [self._view.ids[i] for i in keep]
        self._view = self._built(
            {id: self._view.chunks_by_id[id] for id in ids},
            {id: self._view.rows[id] for id in ids},
            {id: value for id, value in self._view.stored.items() if id not in gone},
            {name: matrix[keep] for name, matrix in self._view.matrix.items()},
            {name: {id: some[id] for id in ids} for name, some in self._view.kept.items()},
        )
        return len(gone)

    def settings(self) -> dict[str, Any]:
        """See `protocols.Store`."""
        return dict(self._settings)

    def configure(self, values: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        self._settings.update(values)

    def document_ids(self) -> Iterable[str]:
        """See `protocols.Store`."""
        return list(self._view.stored)

    def optimize(self) -> None:
        """Nothing to do: every write leaves the store in its best state."""

    def stats(self) -> dict[str, object]:
        """See `protocols.Store`."""
        return {"documents": len(self._view.stored), "chunks": len(self._view)}

    def _built(
        self,
        by_id: Mapping[str, Chunk],
        rows: Mapping[str, Mapping[str, Any]],
        documents: Mapping[str, tuple[Document, str]],
        matrix: Mapping[str, Vectors],
        kept: Mapping[str, Mapping[str, TokenBits]],
    ) -> MemoryView:
        postings = Postings.of([self.analyzer.words(titled(c)) for c in by_id.values()])
        return MemoryView(
            by_id, rows, documents, matrix, postings, self.analyzer, self.fields, kept
        )


def _own(
    documents: Sequence[tuple[Document, str]], chunks: Sequence[Chunk]
) -> tuple[list[tuple[Document, str]], list[Chunk]]:
    """Copies whose metadata nobody else can change, as JSON keeps it."""
    metadata = {document.id: json.loads(to_json(document)) for document, _ in documents}
    return (
        [(replace(document, metadata=metadata[document.id]), d) for document, d in documents],
        [replace(chunk, metadata=metadata.get(chunk.doc_id, {})) for chunk in chunks],
    )
