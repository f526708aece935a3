"""The LanceDB store: writing, maintenance, versions. Reading is in `lance_view`.

What it guards against, each one a regression test:

- concurrent upserts of one id would duplicate it: the id is the declared primary key;
- a stale handle writes nothing and reports success: every handle re-reads the version first;
- the metric is not part of a table: it is always named;
- a filter on an approximate index loses rows: see `lance_view._EXACT_BELOW`;
- one huge batch scans slowly: at most `_BATCH` rows are written at a time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from threading import Lock
from typing import Any

import pyarrow as pa
from lancedb.expr import col, lit
from lancedb.index import IvfRq

from rag_embed.analysis import Analyzer
from rag_embed.errors import NoIndex, StoreError
from rag_embed.fields import Fields
from rag_embed.protocols import HalfLife
from rag_embed.stores.checks import (
    check_filled,
    check_known,
    check_owners,
    check_tokens,
    check_vectors,
    row_values,
)
from rag_embed.stores.erasing import MARK, begin, end, erase
from rag_embed.stores.events import LanceEvents
from rag_embed.stores.files import FILES, LanceFiles
from rag_embed.stores.growth import (
    GROWING,
    adopted,
    drop_columns,
    dropped,
    fill,
    grown,
    in_step,
    lacking,
)
from rag_embed.stores.held import held_at
from rag_embed.stores.lance_view import LanceView
from rag_embed.stores.locks import turn
from rag_embed.stores.places import local, place
from rag_embed.stores.schema import (
    chunk_schema,
    chunk_table,
    document_table,
    field_columns,
    space_columns,
)
from rag_embed.stores.snapshot import Snapshot, among
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import (
    check_none,
    connect,
    create_tables,
    finished_settings,
    names_of,
    opened,
    optimized,
    put,
    read_all,
    read_analyzer,
    settings_of,
    size_on_disk,
    stored_settings,
    upsert,
)
from rag_embed.types import ChunkRows, Document, Signature, TokenBits, Vectors

FORMAT = 1
_BATCH = 10_000
_INDEX_FROM = 100_000


class LanceStore:
    """A `protocols.Store` in one folder (or object-store URI). Use `create` or `open`.

    Attributes:
        spaces: Name and dimension of each vector space.
        fields: The declared filter columns.
        analyzer: Settings of the full-text index.
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
        self._options = storage_options
        self._reopen = partial(LanceStore.open, uri, storage_options=storage_options)
        self.fields = Fields(settings["fields"])
        self.analyzer = read_analyzer(settings["analyzer"])
        self.cache_bytes = 512 * 2**20
        self.index_from = _INDEX_FROM
        self.files = LanceFiles(uri, database)
        self._database = database
        self._chunks = database.open_table("chunks")
        self._documents = database.open_table("documents")
        self._settings = database.open_table("settings")
        self._read: tuple[int, dict[str, Any]] | None = None
        self._lock = Lock()
        self._latest: tuple[tuple[int, int], LanceView] | None = None
        self._know(settings)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as its place: whoever unpickles it opens the index there."""
        return self._reopen, (), {"cache_bytes": self.cache_bytes, "index_from": self.index_from}

    def _know(self, own: Mapping[str, Any]) -> None:
        """Take over the store's settings."""
        with self._lock:
            self.spaces: dict[str, int] = dict(own["spaces"])
            self.token_spaces: tuple[str, ...] = tuple(own["tokens"])
            self._latest = None

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
        storage_options: Mapping[str, str] | None = None,
    ) -> LanceStore:
        """Make an empty index.

        The settings are written last, in one commit: what was left by a process that died before
        is no index and is made anew.

        Args:
            uri: A folder, or ``s3://``, ``gs://``, ``az://``.
            spaces: Name and dimension of each vector space.
            fields: Metadata that filters may use.
            analyzer: Settings of the full-text index.
            tokens: Spaces that keep the tokens of their chunks.
            settings: What `settings` gives back from the start; see `configure`.
            files: What `files` holds from the start.
            storage_options: Credentials and region of an object store.

        Raises:
            BadInput: The path is empty.
            IndexExists: There is an index already.
            StoreError: The place cannot be written.
        """
        uri, fields, analyzer = place(uri), fields or Fields({}), analyzer or Analyzer()
        database = connect(uri, storage_options)
        with explained("create the index", uri):
            check_none(finished_settings(database, uri), uri)
        with explained("create the index", uri), turn(uri):
            check_none(stored_settings(database), uri)
            own = create_tables(database, uri, spaces, fields, analyzer, tokens, FORMAT)
            if files:
                LanceFiles(uri, database).write(files)
            put(database.open_table("settings"), {"store": own, **(settings or {})})
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
        if (folder := local(uri)) is not None and not folder.is_dir():
            raise NoIndex(f"There is no index at {uri!r}; create one first.")
        database = connect(uri, storage_options)
        with explained("open the index", uri):
            settings = finished_settings(database, uri)
        if not settings:
            raise NoIndex(
                f"{uri!r} holds no rag_embed index, or one whose creation was "
                "interrupted; create it first."
            )
        if settings["format"] != FORMAT:
            raise StoreError(
                f"The index has format {settings['format']}, this version reads {FORMAT}. "
                "Upgrade rag_embed, or build the index again."
            )
        with explained("open the index", uri):
            store = cls(uri, database, settings, storage_options)
            if MARK in names_of(database):
                with turn(store.uri):
                    store._erase()
        return store

    def settings(self) -> dict[str, Any]:
        """See `protocols.Store`; read again when they changed."""
        with explained("read the index", self.uri):
            version = self._settings.version
            if self._read is None or self._read[0] != version:
                self._read = version, read_all(self._settings)
            return deepcopy(self._read[1])

    def configure(self, values: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        with explained("write settings", self.uri), turn(self.uri):
            put(self._settings, values)

    def revise(self, change: Callable[[dict[str, Any]], Mapping[str, Any]], /) -> None:
        """See `protocols.Store`."""
        with explained("write settings", self.uri), turn(self.uri):
            if values := change(read_all(self._settings)):
                put(self._settings, values)

    def events(self, signature: Signature, half_life: HalfLife = "stored", /) -> LanceEvents:
        """See `protocols.Store`."""
        return LanceEvents(self.uri, signature, half_life=half_life, storage_options=self._options)

    def view(self) -> LanceView:
        """See `protocols.Store`."""
        with self._lock, explained("read the index", self.uri):
            versions = (self._chunks.version, self._documents.version)
            if self._latest is None or self._latest[0] != versions:
                chunks, documents = versions
                smallest = min(self.spaces.values(), default=1)
                snapshot = Snapshot(
                    self.uri,
                    opened(self._database, "chunks", chunks),
                    chunks,
                    self.fields,
                    partial(opened, self._database, "chunks"),
                    held_at(self.uri, self._options),
                    self.cache_bytes // (4 * smallest),
                )
                self._latest = (
                    versions,
                    LanceView(
                        snapshot,
                        partial(opened, self._database, "documents", documents),
                        self.spaces,
                        self.token_spaces,
                        self.analyzer,
                        self.cache_bytes,
                    ),
                )
            return self._latest[1]

    def known(self, ids: Sequence[str], /) -> dict[str, tuple[str, str | None]]:
        """See `protocols.Store`.

        The hash counts when as many chunks with it are stored as the document's row says: a write
        that was killed half-way has none, and is done again.
        """
        if not ids:
            return {}
        with explained("read the index", self.uri):
            columns = ["id", "hash", "user_id", "chunks"]
            documents = self._documents.search().where(among(ids)).select(columns).to_list()
            search = self._chunks.search().where(among(ids, "doc_id"))
            rows = search.select(["doc_id", "doc_hash"]).to_arrow()
        stored = Counter(zip(*(column.to_pylist() for column in rows.columns), strict=True))
        total = Counter(rows["doc_id"].to_pylist())
        complete = {
            d["id"]
            for d in documents
            if stored[d["id"], d["hash"]] == d["chunks"] == total[d["id"]]
        }
        return {
            d["id"]: (d["hash"] if d["id"] in complete else "", d["user_id"]) for d in documents
        }

    def replace(self, documents: Sequence[tuple[Document, str]], rows: ChunkRows, /) -> None:
        """See `protocols.Store`.

        One commit swaps all old chunks of these documents for the new ones. Owners are looked at
        under the lock, since another process may have added the same id a moment ago.
        """
        if not documents:
            return
        values = row_values(documents, rows, self.spaces, self.token_spaces, self.fields)
        hashes = {document.id: digest for document, digest in documents}
        schema = chunk_schema(self.spaces, self.fields, self.token_spaces)
        table = chunk_table(schema, rows, hashes, values, self.fields)
        stored = document_table(documents, Counter(chunk.doc_id for chunk in rows.chunks))
        with explained("write to the index", self.uri), turn(self.uri):
            check_owners([document for document, _ in documents], self._owners(list(hashes)))
            if set(self._chunks.schema.names) != set(schema.names):
                table = in_step(table, self._chunks, self._own(), self.uri)
            merge = self._chunks.merge_insert("id")
            merge = merge.when_matched_update_all().when_not_matched_insert_all()
            merge = merge.when_not_matched_by_source_delete(col("doc_id").isin(list(hashes)))
            batches = pa.Table.from_batches(table.to_batches(_BATCH), table.schema)
            merge.execute(batches, on_bad_vectors="null")  # a null: a value still to be computed
            upsert(self._documents, "id", stored)

    def _owners(self, ids: Sequence[str]) -> dict[str, str | None]:
        stored = self._documents.search().where(col("id").isin(ids)).select(["id", "user_id"])
        return {row["id"]: row["user_id"] for row in stored.to_list()}

    def delete(self, doc_ids: Sequence[str], /) -> int:
        """See `protocols.Store`."""
        if not doc_ids:
            return 0
        with explained("delete from the index", self.uri), turn(self.uri):
            self._chunks.delete(among(doc_ids, "doc_id"))
            result = self._documents.delete(among(doc_ids))
        return int(result.num_deleted_rows)

    def forget(self, user: str, /) -> int:
        """See `protocols.Store`; see `erasing` for how.

        Raises:
            StoreError: The index cannot be written. What is left is erased when it is next opened.
        """
        with explained("forget a user", self.uri), turn(self.uri):
            mine = col("user_id") == lit(user)
            count = int(self._documents.count_rows(mine.to_sql()))
            begin(self._database)
            self._chunks.delete(mine)
            self._documents.delete(mine)
            self._erase()
        self.optimize()
        return count

    def _erase(self) -> None:
        for name, table in self._tables().items():
            erase(name, table, local(self.uri) is not None)
        end(self._database)
        with self._lock:
            self._latest = None

    def _tables(self) -> dict[str, Any]:
        known = {"chunks": self._chunks, "documents": self._documents, "settings": self._settings}
        files = self.files.table
        return known if files is None else {**known, FILES: files}

    def document_ids(self) -> Iterable[str]:
        """See `protocols.Store`."""
        with explained("read the index", self.uri):
            rows = self._documents.search().select(["id"]).to_arrow()
        ids: list[str] = rows["id"].to_pylist()
        return ids

    def grow(self, spaces: Mapping[str, int], tokens: Sequence[str], /) -> None:
        """See `protocols.Store`."""
        wanted = {"spaces": dict(spaces), "tokens": list(tokens)}
        with explained("add a space to the index", self.uri), turn(self.uri):
            own = self._own()
            grown(self._chunks, own, wanted)
            put(self._settings, {"store": {**own, GROWING: wanted}})

    def lacking(self) -> list[str]:
        """See `protocols.Store`."""
        with explained("read the index", self.uri):
            return lacking(self._chunks)

    def fill(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, Vectors],
        tokens: Mapping[str, Sequence[TokenBits]],
        /,
    ) -> None:
        """See `protocols.Store`."""
        with explained("write to the index", self.uri), turn(self.uri):
            all_of_it = adopted(own) if GROWING in (own := self._own()) else own
            dims = all_of_it["spaces"]
            check_vectors(vectors, {name: dims.get(name, 0) for name in vectors}, len(ids))
            check_tokens(tokens, [n for n in tokens if n in all_of_it["tokens"]], dims, len(ids))
            if ids:
                fill(self._chunks, ids, vectors, tokens)

    def adopt(self, settings: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        check_filled(self.lacking())
        with explained("add a space to the index", self.uri), turn(self.uri):
            own = adopted(self._own())
            put(self._settings, {"store": own, **settings})
        self._know(own)

    def drop(self, space: str, settings: Mapping[str, Any], /) -> None:
        """See `protocols.Store`."""
        with explained("drop a space of the index", self.uri), turn(self.uri):
            own = self._own()
            check_known(space, own["spaces"])
            gone = {column.name for column in space_columns({space: 1}, [space])}
            own = dropped(own, space)
            put(self._settings, {"store": own, **settings})
            self._know(own)
            drop_columns(self._chunks, sorted(gone))

    def _own(self) -> dict[str, Any]:
        """The store's settings as they are now; other processes may have changed them."""
        return settings_of(read_all(self._settings))

    def optimize(self) -> None:
        """See `protocols.Store`.

        Merges small files, brings full-text and vector indexes up to date, and drops versions
        older than a week. From `index_from` rows that do not fit into memory it builds a
        compressed (RaBitQ) vector index; below, a scan is faster than an index.
        """
        with explained("optimize the index", self.uri), turn(self.uri):
            rows = self._chunks.count_rows()
            named = {index.name for index in self._chunks.list_indices()}
            for name, dim in self.spaces.items():
                large = rows >= self.index_from and rows * dim * 4 > self.cache_bytes
                if large and f"v_{name}_idx" not in named:
                    config = IvfRq(distance_type="dot", num_partitions=int(rows**0.5), num_bits=1)
                    self._chunks.create_index(f"v_{name}", config=config)
            for table in self._tables().values():
                optimized(table)

    def stats(self) -> dict[str, object]:
        """See `protocols.Store`."""
        with explained("read the index", self.uri):
            return {
                "documents": self._documents.count_rows(),
                "chunks": self._chunks.count_rows(),
                "spaces": dict(self.spaces),
                "fields": dict(self.fields.types),
                "filled": {name: self._filled(name) for name in self.fields.types},
                "versions": len(self._chunks.list_versions()),
                "bytes": size_on_disk(self.uri),
            }

    def _filled(self, name: str) -> int:
        """Chunks with a value in a declared field."""
        return int(self._chunks.count_rows((col(field_columns(name)[1]) == lit(True)).to_sql()))
