"""Everything in memory, nothing approximated: what other stores are tested against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from threading import RLock
from typing import Any

import numpy as np

from rag_embed.analysis import Analyzer
from rag_embed.fields import Fields, FieldTypes
from rag_embed.processes import PerProcess
from rag_embed.protocols import HalfLife
from rag_embed.protocols.storing import NONE
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
from rag_embed.stores.copied import copied
from rag_embed.stores.event_rows import check_events
from rag_embed.stores.memory_events import MemoryEvents
from rag_embed.stores.memory_files import MemoryFiles
from rag_embed.stores.memory_growth import Growth
from rag_embed.stores.memory_turns import one_at_a_time
from rag_embed.stores.memory_view import MemoryView
from rag_embed.stores.sparse_rows import check_sparse, halved
from rag_embed.types import (
    Audience,
    ChunkRows,
    Document,
    Signature,
    Skipped,
    SparseVector,
    TokenBits,
    Vectors,
)


class MemoryStore:
    """A `protocols.Store` that forgets everything when the process ends.

    Safe to use from several threads: writers take turns, and a view never changes.

    Examples:
        >>> from rag_embed import Chunk, Document
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
        self.sparse_spaces: dict[str, int] = {}
        empty = {name: np.zeros((0, dim), dtype=np.float32) for name, dim in spaces.items()}
        kept: dict[str, dict[str, TokenBits]] = {name: {} for name in self.token_spaces}
        self._view = MemoryView.of(self.analyzer, self.fields, {}, {}, {}, empty, kept, {}, {})

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

    def known(self, ids: Sequence[str], /) -> dict[str, tuple[str, Audience]]:
        """See `protocols.Store`."""
        documents = self._view.stored
        return {id: (documents[id][1], documents[id][0].audience) for id in ids if id in documents}

    def audiences(self, ids: Sequence[str], /) -> dict[str, Audience]:
        """See `protocols.Store`."""
        return {id: audience for id, (_, audience) in self.known(ids).items()}

    @one_at_a_time
    def replace(self, documents: Sequence[tuple[Document, str]], rows: ChunkRows, /) -> None:
        """See `protocols.Store`."""
        documents, chunks = copied(documents, rows.chunks)
        values = row_values(documents, rows, self.spaces, self.token_spaces, self.fields)
        check_sparse(rows.sparse, self.sparse_spaces, len(chunks))
        texts = lexical_texts(rows)
        replaced = {document.id for document, _ in documents}
        check_owners([document for document, _ in documents], self.audiences(list(replaced)))
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
        weighed = {
            name: {old[i].id: self._view.weights[name][old[i].id] for i in kept}
            | {chunk.id: halved(one) for chunk, one in zip(chunks, some, strict=True)}
            for name, some in rows.sparse.items()
        }
        self._view = MemoryView.of(
            self.analyzer, self.fields, by_id, filters, known, matrix, kept_tokens, weighed, words
        )

    @one_at_a_time
    def delete(self, doc_ids: Sequence[str], /) -> int:
        """See `protocols.Store`."""
        gone = set(doc_ids) & self._view.stored.keys()
        self._forget(gone)
        keep = [i for i, c in enumerate(self._view.chunks_by_id.values()) if c.doc_id not in gone]
        ids = [self._view.ids[i] for i in keep]
        self._view = MemoryView.of(
            self.analyzer,
            self.fields,
            {id: self._view.chunks_by_id[id] for id in ids},
            {id: self._view.rows[id] for id in ids},
            {id: value for id, value in self._view.stored.items() if id not in gone},
            {name: matrix[keep] for name, matrix in self._view.matrix.items()},
            {name: {id: some[id] for id in ids} for name, some in self._view.kept.items()},
            {name: {id: some[id] for id in ids} for name, some in self._view.weights.items()},
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
    def declare(self, fields: Fields, /) -> list[Skipped]:
        """See `protocols.Store`."""
        wanted, new = self.fields.joined(fields), fields.besides(self.fields)
        told: list[Skipped] = []
        found: dict[str, Mapping[str, Any]] = {}
        for id, (document, _) in self._view.stored.items():
            found[id], reasons = new.fitting(document)
            told += [Skipped(id, reason, partly=True) for reason in reasons]
        self._view = self._view.declared(wanted, found)
        self.fields = wanted
        return told

    @one_at_a_time
    def grow(
        self,
        spaces: Mapping[str, int],
        tokens: Sequence[str],
        sparse: Mapping[str, int] = NONE,
        /,
    ) -> None:
        """See `protocols.Store`."""
        there = {**self.spaces, **self.sparse_spaces}
        check_new(spaces, tokens, there, self.token_spaces, sparse)
        wanted = Growth(dict(spaces), tuple(tokens), dict(sparse))
        if not self._growth.same(wanted):
            self._growth = wanted

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
        sparse: Mapping[str, Sequence[SparseVector]] = NONE,
        /,
    ) -> None:
        """See `protocols.Store`."""
        growth = self._growth
        dims = {**self.spaces, **growth.spaces}
        check_vectors(vectors, {name: growth.spaces.get(name, 0) for name in vectors}, len(ids))
        check_tokens(tokens, [name for name in tokens if name in growth.tokens], dims, len(ids))
        check_sparse(sparse, {name: growth.sparse.get(name, 0) for name in sparse}, len(ids))
        growth.fill(ids, vectors, tokens, sparse)

    @one_at_a_time
    def adopt(self, settings: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        check_filled(self.lacking())
        self._settle(
            {**self.spaces, **self._growth.spaces},
            (*self.token_spaces, *self._growth.tokens),
            {**self.sparse_spaces, **self._growth.sparse},
            self._growth.added(self._view),
            settings,
        )
        self._growth = Growth({}, ())

    @one_at_a_time
    def drop(self, space: str, settings: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        check_known(space, self.spaces, self.sparse_spaces)
        self._settle(
            {name: dim for name, dim in self.spaces.items() if name != space},
            tuple(name for name in self.token_spaces if name != space),
            {name: terms for name, terms in self.sparse_spaces.items() if name != space},
            self._view.without(space),
            settings,
        )

    def _settle(
        self,
        spaces: dict[str, int],
        tokens: tuple[str, ...],
        sparse: dict[str, int],
        view: MemoryView,
        settings: Mapping[str, Any],
    ) -> None:
        self.spaces, self.token_spaces, self.sparse_spaces = spaces, tokens, sparse
        self._view = view
        self._settings = {**self._settings, **settings}

    def _forget(self, doc_ids: set[str]) -> None:
        """What was computed for chunks of these documents holds no more."""
        gone = {c.id for c in self._view.chunks_by_id.values() if c.doc_id in doc_ids}
        if gone:
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
