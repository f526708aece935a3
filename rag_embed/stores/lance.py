"""The LanceDB store: writing, maintenance, versions. Reading is in `lance_view`.

What it guards against, each one a regression test:

- concurrent upserts of one id would duplicate it: writers take turns, and where they have no lock, each
  write notices all others, see `writing`;
- a stale handle writes nothing and reports success: every handle re-reads the version first;
- the metric is not part of a table: it is always named;
- a filter on an approximate index loses rows: see `disk_search`;
- one huge batch scans slowly: at most `writing.BATCH` rows are written at a time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from rag_embed.analysis import Analyzer
from rag_embed.fields import Fields
from rag_embed.protocols import HalfLife
from rag_embed.protocols.storing import NONE
from rag_embed.stores.checks import check_owners, row_values
from rag_embed.stores.declaring import LanceDeclaring
from rag_embed.stores.events import LanceEvents
from rag_embed.stores.files import FILES, LanceFiles
from rag_embed.stores.forgetting import LanceForgetting
from rag_embed.stores.growth import LanceGrowth, in_step
from rag_embed.stores.held import rows_held
from rag_embed.stores.lance_settings import LanceSettings
from rag_embed.stores.lance_view import LanceView
from rag_embed.stores.lexical import size_of_words
from rag_embed.stores.locks import turn
from rag_embed.stores.making import Shape, find, make
from rag_embed.stores.options import StorageOptions
from rag_embed.stores.places import local, place
from rag_embed.stores.rereading import reread
from rag_embed.stores.schema import WORDS, chunk_schema, chunk_table, document_table
from rag_embed.stores.settling import sync_from_now_on
from rag_embed.stores.sparse_rows import check_sparse
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import counted, latest, narrow, read_analyzer, size_on_disk
from rag_embed.stores.tending import LanceTending
from rag_embed.stores.viewing import LanceViewing
from rag_embed.stores.writing import LanceWriter
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


class LanceStore:
    """A `protocols.Store` in one folder (or object-store URI). Use `create` or `open`.

    Attributes:
        spaces: Name and dimension of each vector space.
        fields: The declared filter columns.
        analyzer: Settings of lexical search.
        files: Bytes by name, in a table of their own.
    """

    def __init__(
        self,
        uri: str,
        database: Any,  # noqa: ANN401
        settings: Mapping[str, Any],
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        self.uri = uri
        self._options = storage_options = storage_options and StorageOptions(storage_options)
        self._reopen = partial(LanceStore.open, uri, storage_options=storage_options)
        self.analyzer = read_analyzer(settings["analyzer"])
        self.cache_bytes = 512 * 2**20
        self.index_from = 100_000
        self._alone = local(uri) is not None
        if settings.get("durable"):
            sync_from_now_on(local(uri))
        self.files = LanceFiles(uri, database)
        self._database = database
        self._chunks = latest(database, "chunks")
        self._documents = latest(database, "documents")
        self._settings = latest(database, "settings")
        self._writer = LanceWriter(self._chunks, self._documents, local(uri))
        self._remembered = LanceSettings(uri, self._settings)
        self._growth = LanceGrowth(uri, self._chunks, self._remembered)
        self._declaring = LanceDeclaring(uri, self._chunks, self._documents, self._remembered)
        self._viewing = LanceViewing(uri, database, self.analyzer, storage_options)
        self._tending = LanceTending(uri, self._alone, self._tables, self._large, self._wordy)
        self._forgetting = LanceForgetting(uri, database, self._tables, self._viewing.let_go)
        self._know(settings)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as its place: whoever unpickles it opens the index there."""
        return self._reopen, (), {"cache_bytes": self.cache_bytes, "index_from": self.index_from}

    def _know(self, own: Mapping[str, Any]) -> None:
        """Take over the store's settings."""
        self.fields = Fields.of(own["fields"])
        self.spaces: dict[str, int] = dict(own["spaces"])
        self.token_spaces: tuple[str, ...] = tuple(own["tokens"])
        self.sparse_spaces: dict[str, int] = dict(own.get("sparse", NONE))

    @classmethod
    def create(
        cls,
        uri: str | os.PathLike[str],
        spaces: Mapping[str, int],
        *,
        fields: Fields | None = None,
        analyzer: Analyzer | None = None,
        tokens: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
        durable: bool = False,
        storage_options: Mapping[str, str] | None = None,
    ) -> LanceStore:
        """Make an empty index.

        Args:
            uri: A folder, or ``s3://``, ``gs://``, ``az://``.
            spaces: Name and dimension of each vector space.
            fields: Metadata that filters may use.
            analyzer: Settings of lexical search.
            tokens: Spaces that keep the tokens of their chunks.
            settings: What `settings` gives back from the start; see `configure`.
            files: What `files` holds from the start.
            durable: Whether a write is synced to the disk before it counts as done.
            storage_options: Credentials and region of an object store.

        Raises:
            BadInput: The path is empty, or a folder that holds files which are no index's.
            IndexExists: There is an index already.
            StoreError: The place cannot be written.
        """
        uri = place(uri)
        shape = Shape(spaces, fields or Fields({}), analyzer or Analyzer(), tokens, durable)
        database, own = make(uri, shape, settings or {}, files or {}, storage_options)
        with explained("open the index", uri):
            return cls(uri, database, own, storage_options)

    @classmethod
    def open(
        cls, uri: str | os.PathLike[str], *, storage_options: Mapping[str, str] | None = None
    ) -> LanceStore:
        """Open an index.

        Raises:
            NoIndex: There is none.
            StoreError: A newer version of rag_embed wrote it, or it is damaged.
        """
        uri = place(uri)
        database, settings = find(uri, storage_options)
        with explained("open the index", uri):
            store = cls(uri, database, settings, storage_options)
            store._forgetting.finish()
        return store

    def settings(self) -> dict[str, Any]:
        """See `protocols.Store`."""
        return self._remembered.all()

    def configure(self, values: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        self._remembered.revise(lambda _: values)

    def revise(self, change: Callable[[dict[str, Any]], Mapping[str, Any]], /) -> None:
        """See `protocols.Store`."""
        self._remembered.revise(change)

    def events(self, signature: Signature, half_life: HalfLife = "stored", /) -> LanceEvents:
        """See `protocols.Store`."""
        return LanceEvents(self.uri, signature, half_life=half_life, storage_options=self._options)

    def view(self) -> LanceView:
        """See `protocols.Store`."""
        spaces = self.spaces, self.token_spaces, self.sparse_spaces
        return self._viewing.latest(self.fields, *spaces, self.cache_bytes)

    def known(self, ids: Sequence[str], /) -> dict[str, tuple[str, Audience]]:
        """See `protocols.Store`."""
        with explained("read the index", self.uri):
            return reread(lambda: self._writer.known(ids)) if ids else {}

    def audiences(self, ids: Sequence[str], /) -> dict[str, Audience]:
        """See `protocols.Store`."""
        with explained("read the index", self.uri):
            return reread(lambda: self._writer.audiences(ids)) if ids else {}

    def replace(self, documents: Sequence[tuple[Document, str]], rows: ChunkRows, /) -> None:
        """See `protocols.Store`."""
        if not documents:
            return
        values = row_values(documents, rows, self.spaces, self.token_spaces, self.fields)
        hashes = {document.id: digest for document, digest in documents}
        check_sparse(rows.sparse, self.sparse_spaces, len(rows.chunks))
        columns = chunk_schema(self.spaces, self.fields, self.token_spaces, [*self.sparse_spaces])
        table = chunk_table(columns, rows, hashes, values, self.fields, self.analyzer)
        stored = document_table(documents, Counter(chunk.doc_id for chunk in rows.chunks))
        with explained("write to the index", self.uri), turn(self.uri):
            there = self._writer.audiences(list(hashes))  # another may just have added the same id
            check_owners([document for document, _ in documents], there)
            if set(self._chunks.schema.names) != set(columns.names):
                table = in_step(table, self._chunks, self._remembered.own(), self.uri)
            if self._writer.put(table, stored, there):
                self._viewing.wrote(table)

    def delete(self, doc_ids: Sequence[str], /) -> int:
        """See `protocols.Store`."""
        if not doc_ids:
            return 0
        with explained("delete from the index", self.uri), turn(self.uri):
            return self._writer.delete(doc_ids)

    def forget(self, user: str, /) -> int:
        """See `protocols.Store`; see `erasing` for how.

        Raises:
            StoreError: The index cannot be written. What is left is erased when it is next opened.
        """
        count = self._forgetting.forget(user)
        self.optimize()
        return count

    def forgetting(self, user: str, /) -> AbstractContextManager[bool]:
        """See `protocols.Store`."""
        return self._forgetting.forgetting(user)

    def unforgotten(self) -> list[str]:
        """See `protocols.Store`."""
        return self._forgetting.unforgotten()

    def _tables(self) -> dict[str, Any]:
        known = {"chunks": self._chunks, "documents": self._documents, "settings": self._settings}
        return known if (files := self.files.table) is None else {**known, FILES: files}

    def document_ids(self) -> Iterable[str]:
        """See `protocols.Store`."""
        with explained("read the index", self.uri):
            rows = reread(lambda: narrow(self._documents.search().select(["id"])))
        ids: list[str] = rows["id"].to_pylist()
        return ids

    def declare(self, fields: Fields, /) -> list[Skipped]:
        """See `protocols.Store`."""
        own, told = self._declaring.declare(fields)
        self._know(own)
        return told

    def grow(
        self,
        spaces: Mapping[str, int],
        tokens: Sequence[str],
        sparse: Mapping[str, int] = NONE,
        /,
    ) -> None:
        """See `protocols.Store`."""
        self._growth.grow(spaces, tokens, sparse)

    def lacking(self) -> list[str]:
        """See `protocols.Store`."""
        return self._growth.lacking()

    def fill(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, Vectors],
        tokens: Mapping[str, Sequence[TokenBits]],
        sparse: Mapping[str, Sequence[SparseVector]] = NONE,
        /,
    ) -> None:
        """See `protocols.Store`."""
        self._growth.fill(ids, vectors, tokens, sparse)

    def adopt(self, settings: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        self._know(self._growth.adopt(settings))

    def drop(self, space: str, settings: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        self._growth.drop(space, settings, self._know)

    def tidy(self) -> None:
        """See `protocols.Store`; see `upkeep` for when something is due."""
        self._tending.tidy()

    def optimize(self) -> None:
        """See `protocols.Store`.

        Merges all files, brings search indexes up to date, and drops old versions. Words that do not
        fit into memory get a full-text index. From `index_from` rows vectors that do not fit get a
        compressed (RaBitQ) index; below, a scan is faster than an index.
        """
        self._tending.optimize()

    def _large(self, rows: int) -> list[str]:
        """Columns that want a search index when there are so many rows."""
        found = [WORDS[0]] if rows > rows_held(self.spaces, self.cache_bytes) else []
        large = {name for name, dim in self.spaces.items() if rows * dim * 4 > self.cache_bytes}
        return found + [f"v_{name}" for name in sorted(large) if rows >= self.index_from]

    def _wordy(self) -> bool:
        """Whether the words of all chunks do not fit into memory, however few the chunks are."""
        return size_of_words(self._chunks) > self.cache_bytes

    def stats(self) -> dict[str, object]:
        """See `protocols.Store`."""
        with explained("read the index", self.uri):
            tables, spaces = (self._chunks, self._documents), {**self.spaces, **self.sparse_spaces}
            counts = reread(lambda: counted(*tables, spaces, self.fields))
            begun = self._declaring.unfinished()
            counts |= {"declaring": begun} if begun else {}
            return {**counts, "bytes": size_on_disk(self.uri)}
