"""Everything in memory, nothing approximated: what other stores are tested against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import replace
from threading import RLock
from typing import Any

import numpy as np

from rag_embed.analysis import Analyzer
from rag_embed.fields import Fields, FieldTypes
from rag_embed.maths.bm25 import Postings
from rag_embed.processes import PerProcess
from rag_embed.protocols import HalfLife
from rag_embed.stores.checks import (
    check_filled,
    check_known,
    check_new,
    check_owners,
    check_tokens,
    check_vectors,
    lexical_texts,
    row_values,
)
from rag_embed.stores.event_rows import check_events
from rag_embed.stores.memory_events import MemoryEvents
from rag_embed.stores.memory_files import MemoryFiles
from rag_embed.stores.memory_growth import Growth
from rag_embed.stores.memory_turns import one_at_a_time
from rag_embed.stores.memory_view import MemoryView
from rag_embed.types import Chunk, ChunkRows, Document, Signature, TokenBits, Vectors
from rag_embed.values import plain


class MemoryStore:
    """A `protocols.Store` that forgets everything when the process ends.

    Safe to use from several threads: writers take turns, and a view never changes.

    Examples:
        >>> from rag_embed import Document
        >>> from rag_embed.types import ChunkRows
        >>> store = MemoryStore({"dense": 2})
        >>> chunk = Chunk.of(Document("d", "red fox"), 0, 7)
        >>> rows = ChunkRows([chunk], {"dense": np.eye(1, 2)})
        >>> store.replace([(Document("d", "red fox"), "hash")], rows)
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
        self._turn = PerProcess(RLock)
        self.spaces = dict(spaces)
        self.token_spaces = tuple(tokens)
        self.fields = Fields.of(fields or {})
        self.analyzer = analyzer or Analyzer()
        self.files = MemoryFiles()
        self._events: tuple[Signature, MemoryEvents] | None = None
        self._settings: dict[str, Any] = {}
        self._growth = Growth({}, ())
        empty = {name: np.zeros((0, dim), dtype=np.float32) for name, dim in spaces.items()}
        self._view = self._built({}, {}, {}, empty, {name: {} for name in self.token_spaces}, {})

    @one_at_a_time
    def events(self, signature: Signature, half_life: HalfLife = "stored", /) -> MemoryEvents:
        """See `protocols.Store`."""
        known = self._events
        if known is None or not known[1].users():  # nothing is fixed before the first event
            kept = known[1].half_life if known else None
            fixed = kept if half_life == "stored" else half_life
            if known is None or (signature, fixed) != (known[0], kept):
                known = self._events = signature, MemoryEvents(signature.dim, half_life=fixed)
        check_events(known[0], known[1].half_life, signature, half_life, "in memory")
        return known[1]

    def view(self) -> MemoryView:
        """See `protocols.Store`."""
        return self._view

    def known(self, ids: Sequence[str], /) -> dict[str, tuple[str, str | None]]:
        """See `protocols.Store`."""
        documents = self._view.stored
        return {id: (documents[id][1], documents[id][0].user) for id in ids if id in documents}

    def owners(self, ids: Sequence[str], /) -> dict[str, str | None]:
        """See `protocols.Store`."""
        return {id: owner for id, (_, owner) in self.known(ids).items()}

    @one_at_a_time
    def replace(self, documents: Sequence[tuple[Document, str]], rows: ChunkRows, /) -> None:
        """See `protocols.Store`."""
        documents, chunks = _own(documents, rows.chunks)
        values = row_values(documents, rows, self.spaces, self.token_spaces, self.fields)
        texts = lexical_texts(rows)
        replaced = {document.id for document, _ in documents}
        check_owners([document for document, _ in documents], self.owners(list(replaced)))
        self._forget(replaced)
        kept = [
            i for i, c in enumerate(self._view.chunks_by_id.values()) if c.doc_id not in replaced
        ]
        old = list(self._view.chunks_by_id.values())
        by_id = {old[i].id: old[i] for i in kept} | {chunk.id: chunk for chunk in chunks}
        filters = {old[i].id: self._view.rows[old[i].id] for i in kept}
        filters |= {chunk.id: row for chunk, row in zip(chunks, values, strict=True)}
        matrix = {
            name: np.concatenate([self._view.matrix[name][kept], rows.vectors[name]]).astype(
                np.float32
            )
            for name in self.spaces
        }
        words = {old[i].id: self._view.words[old[i].id] for i in kept}
        words |= {c.id: self.analyzer.words(text) for c, text in zip(chunks, texts, strict=True)}
        known = {**self._view.stored, **{d.id: (d, digest) for d, digest in documents}}
        kept_tokens = {
            name: {old[i].id: self._view.kept[name][old[i].id] for i in kept}
            | {chunk.id: one for chunk, one in zip(chunks, some, strict=True)}
            for name, some in rows.tokens.items()
        }
        self._view = self._built(by_id, filters, known, matrix, kept_tokens, words)

    @one_at_a_time
    def delete(self, doc_ids: Sequence[str], /) -> int:
        """See `protocols.Store`."""
        gone = set(doc_ids) & self._view.stored.keys()
        self._forget(gone)
        keep = [i for i, c in enumerate(self._view.chunks_by_id.values()) if c.doc_id not in gone]
        ids = [self._view.ids[i] for i in keep]
        self._view = self._built(
            {id: self._view.chunks_by_id[id] for id in ids},
            {id: self._view.rows[id] for id in ids},
            {id: value for id, value in self._view.stored.items() if id not in gone},
            {name: matrix[keep] for name, matrix in self._view.matrix.items()},
            {name: {id: some[id] for id in ids} for name, some in self._view.kept.items()},
            {id: self._view.words[id] for id in ids},
        )
        return len(gone)

    @one_at_a_time
    def forget(self, user: str, /) -> int:
        """See `protocols.Store`."""
        return self.delete([id for id, (one, _) in self._view.stored.items() if one.user == user])

    def forgetting(self, user: str, /) -> AbstractContextManager[bool]:
        """See `protocols.Store`."""
        return nullcontext(False)

    def unforgotten(self) -> list[str]:
        """See `protocols.Store`."""
        return []

    def settings(self) -> dict[str, Any]:
        """See `protocols.Store`."""
        return deepcopy(self._settings)

    @one_at_a_time
    def configure(self, values: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        self._settings = {**self._settings, **values}

    @one_at_a_time
    def revise(self, change: Callable[[dict[str, Any]], Mapping[str, Any]], /) -> None:
        """See `protocols.Store`."""
        self._settings = {**self._settings, **change(deepcopy(self._settings))}

    def document_ids(self) -> Iterable[str]:
        """See `protocols.Store`."""
        return list(self._view.stored)

    @one_at_a_time
    def grow(self, spaces: Mapping[str, int], tokens: Sequence[str], /) -> None:
        """See `protocols.Store`."""
        check_new(spaces, tokens, self.spaces, self.token_spaces)
        if (dict(spaces), tuple(tokens)) != (self._growth.spaces, self._growth.tokens):
            self._growth = Growth(dict(spaces), tuple(tokens))

    @one_at_a_time
    def lacking(self) -> list[str]:
        """See `protocols.Store`."""
        return self._growth.lacking(self._view.ids)

    @one_at_a_time
    def fill(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, Vectors],
        tokens: Mapping[str, Sequence[TokenBits]],
        /,
    ) -> None:
        """See `protocols.Store`."""
        growth = self._growth
        dims = {**self.spaces, **growth.spaces}
        check_vectors(vectors, {name: growth.spaces.get(name, 0) for name in vectors}, len(ids))
        check_tokens(tokens, [name for name in tokens if name in growth.tokens], dims, len(ids))
        growth.fill(ids, vectors, tokens)

    @one_at_a_time
    def adopt(self, settings: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        check_filled(self.lacking())
        view, growth = self._view, self._growth
        matrix = {name: growth.matrix(name, view.ids) for name in growth.spaces}
        kept = {name: {id: growth.kept[name][id] for id in view.ids} for name in growth.tokens}
        self._settle(
            {**self.spaces, **growth.spaces},
            (*self.token_spaces, *growth.tokens),
            replace(view, matrix={**view.matrix, **matrix}, kept={**view.kept, **kept}),
            settings,
        )
        self._growth = Growth({}, ())

    @one_at_a_time
    def drop(self, space: str, settings: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        check_known(space, self.spaces)
        matrix = {name: rows for name, rows in self._view.matrix.items() if name != space}
        kept = {name: some for name, some in self._view.kept.items() if name != space}
        self._settle(
            {name: dim for name, dim in self.spaces.items() if name != space},
            tuple(name for name in self.token_spaces if name != space),
            replace(self._view, matrix=matrix, kept=kept),
            settings,
        )

    def _settle(
        self,
        spaces: dict[str, int],
        tokens: tuple[str, ...],
        view: MemoryView,
        settings: Mapping[str, Any],
    ) -> None:
        self.spaces, self.token_spaces, self._view = spaces, tokens, view
        self._settings = {**self._settings, **settings}

    def _forget(self, doc_ids: set[str]) -> None:
        """What was computed for chunks of these documents holds no more."""
        gone = {c.id for c in self._view.chunks_by_id.values() if c.doc_id in doc_ids}
        if gone and (self._growth.spaces or self._growth.tokens):
            self._growth = self._growth.without(gone)

    def tidy(self) -> None:
        """Nothing to do: every write leaves the store in its best state."""

    def optimize(self) -> None:
        """Nothing to do, as in `tidy`."""

    def stats(self) -> dict[str, object]:
        """See `protocols.Store`."""
        rows = self._view.rows.values()
        filled = {n: sum(row[n] is not None for row in rows) for n in self.fields.types}
        return {"documents": len(self._view.stored), "chunks": len(self._view), "filled": filled}

    def _built(
        self,
        by_id: Mapping[str, Chunk],
        rows: Mapping[str, Mapping[str, Any]],
        documents: Mapping[str, tuple[Document, str]],
        matrix: Mapping[str, Vectors],
        kept: Mapping[str, Mapping[str, TokenBits]],
        words: Mapping[str, Sequence[str]],
    ) -> MemoryView:
        owned: dict[str | None, list[int]] = {None: []}
        for i, chunk in enumerate(by_id.values()):
            owned.setdefault(chunk.user, []).append(i)
        ids = list(by_id)
        postings = {
            user: (Postings.of([words[ids[i]] for i in some]), np.array(some, dtype=np.intp))
            for user, some in owned.items()
        }
        return MemoryView(
            by_id, rows, documents, matrix, postings, self.analyzer, self.fields, kept, words
        )


def _own(
    documents: Sequence[tuple[Document, str]], chunks: Sequence[Chunk]
) -> tuple[list[tuple[Document, str]], list[Chunk]]:
    """Copies whose metadata nobody else can change, as JSON keeps it."""
    metadata = {d.id: plain(d.metadata, f"Document {d.id!r}") for d, _ in documents}
    parts = {id(c.metadata): plain(c.metadata, f"Document {c.doc_id!r}") for c in chunks}
    return (
        [(replace(document, metadata=metadata[document.id]), d) for document, d in documents],
        [replace(chunk, metadata=parts[id(chunk.metadata)]) for chunk in chunks],
    )
