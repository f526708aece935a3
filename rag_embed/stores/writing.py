"""Putting documents in the place of others: one commit, at the cost of what is written.

LanceDB swaps rows in one commit by a merge. With a clause that deletes what did not come it reads the
whole table, 0.1 s for 100,000 chunks, and notices whatever others wrote meanwhile: that is what stores
without a lock need. Where a lock guards writers, new documents are just added, and chunks of stored ones
are matched by document and place, which a search index finds. That leaves the clause to documents that
have fewer chunks than before.

The row of a new document is written before its chunks, and deleted after them, so that no search finds chunks
of a document that is none, whenever the process dies: such a document is incomplete, which `known` tells.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rag_embed.fields import READERS
from rag_embed.stores.schema import audience_of
from rag_embed.stores.settling import synced
from rag_embed.stores.snapshot import among
from rag_embed.stores.tables import upsert
from rag_embed.text import amount
from rag_embed.types import Audience

BATCH = 10_000
"""Rows that are written at a time: one huge batch scans slowly."""

_PLACE = ["doc_id", "ordinal"]
_ROOM = 2**17


class LanceWriter:
    """Writes documents with their chunks, and knows which are stored.

    Args:
        chunks: The table.
        documents: The table.
        folder: Where they lie, if it is a folder: then a lock guards writers, which the callers of `put`
            and `delete` hold.
    """

    def __init__(self, chunks: Any, documents: Any, folder: Path | None) -> None:  # noqa: ANN401
        self._chunks = chunks
        self._documents = documents
        self._folder = folder
        self._alone = folder is not None

    def known(self, ids: Sequence[str]) -> dict[str, tuple[str, Audience]]:
        """See `protocols.Store`.

        The hash counts when as many chunks with it are stored as the document's row says: a write
        that was killed half-way has none, and is done again.
        """
        columns = ["id", "hash", "user_id", READERS, "chunks"]
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
        return {d["id"]: (d["hash"] if d["id"] in complete else "", _whose(d)) for d in documents}

    def audiences(self, ids: Sequence[str]) -> dict[str, Audience]:
        """See `protocols.Store`."""
        stored = self._documents.search().where(among(ids)).select(["id", "user_id", READERS])
        return {row["id"]: _whose(row) for row in stored.to_list()}

    def put(self, rows: pa.Table, documents: pa.Table, stored: Collection[str]) -> bool:
        """Put documents in the place of those that have their ids; says whether chunks were only added.

        Args:
            rows: All chunks of the documents.
            documents: Their own rows.
            stored: Ids of those that are stored.
        """
        ids = documents["id"].to_pylist()
        self._check_room(rows.nbytes + documents.nbytes)
        new = pa.array([id not in stored for id in ids], pa.bool_())
        if new.true_count:
            self._announce(documents.filter(new))
            synced(self._documents)
        try:
            added = self._swap(rows, ids)
        except Exception as error:
            try:
                self._withdraw(left := documents.filter(new)["id"].to_pylist())
            except Exception:  # the first error says why
                raise OSError(
                    f"{error}. {amount(len(left), 'document')} without chunks, such as {left[0]!r}, could not "
                    "be taken back: add or delete again what is so"
                ) from error
            raise
        if new.true_count < len(ids):
            synced(self._chunks)
            upsert(self._documents, "id", documents.filter(pc.invert(new)), self._alone)
        return added

    def _announce(self, documents: pa.Table) -> None:
        if self._alone:
            self._documents.add(documents)
        else:
            upsert(self._documents, "id", documents, self._alone)

    def _withdraw(self, ids: Sequence[str]) -> None:
        """Remove documents that have no chunks, so that nobody takes them for whole."""
        if ids:
            self._documents.delete(among(ids))

    def _check_room(self, size: int) -> None:
        """Refuse a write that the disk has no room for, and to take it back, before it is half done."""
        if self._folder is not None and shutil.disk_usage(self._folder).free < 2 * size + _ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents; returns how many there were."""
        self._chunks.delete(among(ids, "doc_id"))
        synced(self._chunks)
        return int(self._documents.delete(among(ids)).num_deleted_rows)

    def _swap(self, rows: pa.Table, ids: Sequence[str]) -> bool:
        """Put chunks in the place of all chunks of some documents, in one commit."""
        table = pa.Table.from_batches(rows.to_batches(BATCH), rows.schema)
        if self._alone:
            old = self._chunks.search().where(among(ids, "doc_id")).select(_PLACE).to_arrow()
            if not len(old):
                if len(table):
                    self._chunks.add(table, on_bad_vectors="null")  # a null is still to be computed
                return True
            if self._swapped_cheaply(table, _places(old)):
                return False
        merge = self._chunks.merge_insert("id")
        merge = merge.when_matched_update_all().when_not_matched_insert_all()
        merge = merge.when_not_matched_by_source_delete(among(ids, "doc_id"))
        merge.execute(table, on_bad_vectors="null")
        return False

    def _swapped_cheaply(self, table: pa.Table, before: Sequence[tuple[str, int]]) -> bool:
        """Do so without reading the whole table, where no document has fewer chunks than before."""
        after = set(_places(table))
        if len(set(before)) < len(before) or not after >= set(before):
            return False
        merge = self._chunks.merge_insert(_PLACE)
        merge = merge.when_matched_update_all().when_not_matched_insert_all()
        merge.execute(table, on_bad_vectors="null")
        return True


def _whose(row: Mapping[str, Any]) -> Audience:
    return audience_of(row["user_id"], row[READERS])


def _places(rows: pa.Table) -> list[tuple[str, int]]:
    return list(zip(*(rows[name].to_pylist() for name in _PLACE), strict=True))
