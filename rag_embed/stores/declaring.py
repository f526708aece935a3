"""Declaring fields of a LanceDB index that holds chunks: two columns each, filled from stored metadata.

Filters know of the fields when all rows are filled and the settings name them: a process that is killed before
leaves columns that nobody asks, which the next declaration takes away. In a folder the lock is held from the
first to the last. On an object store, which has none, a process that opened the index before may add
chunks meanwhile; it knows of no such columns, so that theirs are null, and they are filled too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pyarrow as pa

from rag_embed.errors import StoreError
from rag_embed.fields import Fields
from rag_embed.stores.lance_settings import LanceSettings
from rag_embed.stores.locks import turn
from rag_embed.stores.places import local
from rag_embed.stores.schema import declared_columns, declared_values, field_columns
from rag_embed.stores.snapshot import among
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import settings_of
from rag_embed.types import Document, Skipped

DECLARING = "declaring"
"""Key of the store's settings that names what is being declared."""

_PREFIXES = tuple(field_columns(""))
_PART = 8192
"""Rows that are filled in one commit."""

_KEY = ["id", "doc_hash"]
"""A chunk that was replaced meanwhile has its id, and not its hash."""


class LanceDeclaring:
    """Declares fields of a `LanceStore`.

    Args:
        uri: Of the index.
        chunks: The table.
        documents: The table.
        settings: Of the index.
    """

    def __init__(self, uri: str, chunks: Any, documents: Any, settings: LanceSettings) -> None:  # noqa: ANN401
        self._uri = uri
        self._chunks = chunks
        self._documents = documents
        self._settings = settings
        self._alone = local(uri) is not None

    def declare(self, fields: Fields) -> tuple[dict[str, Any], list[Skipped]]:
        """See `protocols.Store`; returns the store's settings now, too."""
        with explained("declare fields of the index", self._uri), turn(self._uri):
            known = Fields(self._settings.own()["fields"])
            known.joined(fields)
            told = self._declared(fields) if fields.besides(known).types else []
            own = self._settings.own()
            known = Fields(own["fields"])
            add_lacking(self._chunks, known, uuid4().hex)
            return own, told + self._filled(known)

    def unfinished(self) -> list[str]:
        """The fields of a declaration that goes on, or whose process died."""
        return list(self._settings.all()["store"].get(DECLARING, {"fields": ()})["fields"])

    def _declared(self, fields: Fields) -> list[Skipped]:
        mark = uuid4().hex
        known, begun = Fields({}), {"fields": dict[str, str](), "mark": mark}

        def begin(values: dict[str, Any]) -> dict[str, Any]:
            nonlocal known
            known = Fields(settings_of(values)["fields"])
            known.joined(fields)
            begun["fields"] = dict(fields.besides(known).types)
            return {"store": {**settings_of(values), DECLARING: begun}}

        def finish(values: dict[str, Any]) -> dict[str, Any]:
            own = settings_of(values)
            self._check_latest(own, begun)
            own.pop(DECLARING)
            return {"store": {**own, "fields": {**own["fields"], **new.types}}}

        self._settings.change(begin)
        new = fields.besides(known)
        try:
            self._make_columns(known, new, begun, mark)
            told = self._filled(new)
        except Exception:
            self._check_latest(self._settings.own(), begun)
            raise
        self._settings.change(finish)
        return told

    def _make_columns(
        self, known: Fields, new: Fields, begun: Mapping[str, Any], mark: str
    ) -> None:
        """Columns of new fields, and none of what others left; those of who began later are not left."""
        there = [name for name in self._chunks.schema.names if name.startswith(_PREFIXES)]
        self._check_latest(self._settings.own(), begun)
        live = {column.name for column in declared_columns(known)}
        if left := sorted(set(there) - live):
            self._chunks.drop_columns(left)
        add_lacking(self._chunks, new, mark)

    def _check_latest(self, own: Mapping[str, Any], begun: Mapping[str, Any]) -> None:
        """Raise where another process began to declare since: it takes the columns away.

        Raises:
            StoreError: One did.
        """
        if own.get(DECLARING) != begun:
            raise StoreError(
                f"Another process declared fields of the index at {self._uri!r} meanwhile. Declare again "
                "what is lacking."
            )

    def _filled(self, fields: Fields) -> list[Skipped]:
        return fill(self._chunks, self._documents, fields, self._alone)


def add_lacking(chunks: Any, fields: Fields, mark: str) -> None:  # noqa: ANN401
    """Give the table of chunks those columns of fields that it has not.

    Args:
        chunks: The table.
        fields: The fields.
        mark: Tells readers apart columns that were dropped and others of their name.
    """
    there = set(chunks.schema.names)
    columns = [one for one in declared_columns(fields, later=True) if one.name not in there]
    if columns:
        marked = [column.with_metadata({"declared": mark}) for column in columns]
        chunks.add_columns(pa.schema(marked))


def fill(chunks: Any, documents: Any, fields: Fields, alone: bool) -> list[Skipped]:  # noqa: ANN401
    """Fill rows that are still to be looked at from the metadata of their documents, some at a time.

    Args:
        chunks: The table.
        documents: The table.
        fields: Those that have columns.
        alone: Whether a lock guards writers; see `tables.upsert`.

    Returns:
        The values that do not fit.
    """
    told: dict[Skipped, None] = {}
    missing = " OR ".join(f"`{field_columns(name)[1]}` IS NULL" for name in fields.types)
    while missing:
        rows = chunks.search().where(missing).select([*_KEY, "doc_id"]).to_arrow()
        if not len(rows):
            break
        for start in range(0, len(rows), _PART):
            part = rows.slice(start, _PART).combine_chunks()
            values = _values(chunks, documents, part, fields, told)
            _write(chunks, part, values, fields, alone)
    return list(told)


def _values(
    chunks: Any,  # noqa: ANN401
    documents: Any,  # noqa: ANN401
    rows: pa.Table,
    fields: Fields,
    told: dict[Skipped, None],
) -> list[Mapping[str, Any]]:
    """What filters are to see of each row; values that do not fit are noted.

    Where a document is not the one that its chunks were made of, since somebody who holds no lock is between
    writing the two, the chunk's own metadata say it.
    """
    known: dict[tuple[str, str], Mapping[str, Any]] = {}

    def note(key: tuple[str, str], doc_id: str, metadata: str) -> None:
        document = Document(doc_id, "", metadata=json.loads(metadata))
        known[key], reasons = fields.fitting(document)
        told.update(dict.fromkeys(Skipped(doc_id, reason, partly=True) for reason in reasons))

    ids, doc_ids = rows["id"].to_pylist(), rows["doc_id"].to_pylist()
    keys = list(zip(doc_ids, rows["doc_hash"].to_pylist(), strict=True))
    wanted, columns = set(keys), ["id", "hash", "metadata_json"]
    for row in (
        documents.search().where(among(list(dict.fromkeys(doc_ids)))).select(columns).to_list()
    ):
        if (row["id"], row["hash"]) in wanted:
            note((row["id"], row["hash"]), row["id"], row["metadata_json"])
    if other := [id for id, key in zip(ids, keys, strict=True) if key not in known]:
        columns = ["doc_id", "doc_hash", "metadata_json"]
        for row in chunks.search().where(among(other)).select(columns).to_list():
            note((row["doc_id"], row["doc_hash"]), row["doc_id"], row["metadata_json"])
    nothing = dict.fromkeys(fields.types)
    return [known.get(key, nothing) for key in keys]


def _write(
    chunks: Any,  # noqa: ANN401
    rows: pa.Table,
    values: list[Mapping[str, Any]],
    fields: Fields,
    alone: bool,
) -> None:
    columns = [pa.field(name, pa.string(), nullable=False) for name in _KEY]
    schema = pa.schema([*columns, *declared_columns(fields, later=True)])
    filled = {**{name: rows[name] for name in _KEY}, **declared_values(values, fields)}
    merge = chunks.merge_insert(_KEY).when_matched_update_all().use_index(alone)
    merge.execute(pa.table(filled, schema=schema))
