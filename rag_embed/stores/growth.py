"""Adding spaces to a LanceDB index that holds chunks: nullable columns, filled bit by bit.

The settings say which columns are searched (live) and which are being filled. A process that
opened the index before a space was added writes nulls where it knows of nothing, so that a chunk
never keeps the values of a text that it no longer has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import pyarrow as pa

from rag_embed.errors import StoreError
from rag_embed.fields import Fields
from rag_embed.protocols.storing import NONE
from rag_embed.stores.checks import (
    check_filled,
    check_known,
    check_new,
    check_tokens,
    check_vectors,
)
from rag_embed.stores.lance_settings import LanceSettings
from rag_embed.stores.locks import turn
from rag_embed.stores.rereading import reread
from rag_embed.stores.schema import declared_columns, space_columns, space_values
from rag_embed.stores.sparse_rows import check_sparse
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import narrow
from rag_embed.types import SparseVector, TokenBits, Vectors

_PREFIXES = ("v_", "token_ids_", "token_bits_", "sparse_ids_", "sparse_weights_")

GROWING = "growing"
"""Key of the settings that names what is being filled."""


class LanceGrowth:
    """Gives a `LanceStore` new spaces and takes some away.

    Args:
        uri: Of the index.
        chunks: The table.
        settings: Of the index.
    """

    def __init__(self, uri: str, chunks: Any, settings: LanceSettings) -> None:  # noqa: ANN401
        self._uri = uri
        self._chunks = chunks
        self._settings = settings

    def grow(
        self, spaces: Mapping[str, int], tokens: Sequence[str], sparse: Mapping[str, int]
    ) -> None:
        """See `protocols.Store`."""
        wanted = {"spaces": dict(spaces), "tokens": list(tokens), "sparse": dict(sparse)}
        with explained("add a space to the index", self._uri), turn(self._uri):
            own = self._settings.own()
            grown(self._chunks, own, wanted)
            self._settings.put({"store": {**own, GROWING: wanted}})

    def lacking(self) -> list[str]:
        """See `protocols.Store`."""
        with explained("read the index", self._uri):
            return reread(lambda: lacking(self._chunks))

    def fill(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, Vectors],
        tokens: Mapping[str, Sequence[TokenBits]],
        sparse: Mapping[str, Sequence[SparseVector]],
    ) -> None:
        """See `protocols.Store`."""
        with explained("write to the index", self._uri), turn(self._uri):
            all_of_it = adopted(self._settings.own())
            dims = all_of_it["spaces"]
            check_vectors(vectors, {name: dims.get(name, 0) for name in vectors}, len(ids))
            check_tokens(tokens, [n for n in tokens if n in all_of_it["tokens"]], dims, len(ids))
            check_sparse(sparse, {n: all_of_it["sparse"].get(n, 0) for n in sparse}, len(ids))
            if ids:
                fill(self._chunks, ids, vectors, tokens, sparse)

    def adopt(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """See `protocols.Store`; returns the store's settings now."""
        check_filled(self.lacking())
        with explained("add a space to the index", self._uri), turn(self._uri):
            own = adopted(self._settings.own())
            self._settings.put({"store": own, **settings})
        return own

    def drop(
        self, space: str, settings: Mapping[str, Any], know: Callable[[dict[str, Any]], None]
    ) -> None:
        """See `protocols.Store`.

        Args:
            space: The space.
            settings: Stored in the same commit.
            know: Is told the store's settings before the columns go.
        """
        with explained("drop a space of the index", self._uri), turn(self._uri):
            own = self._settings.own()
            check_known(space, own["spaces"], own.get("sparse", NONE))
            gone = {column.name for column in space_columns({space: 1}, [space], [space])}
            own = dropped(own, space)
            self._settings.put({"store": own, **settings})
            know(own)
            drop_columns(self._chunks, sorted(gone))


def grown(table: Any, own: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Give the table the columns of `wanted`; columns left by another growth go.

    Args:
        table: ``chunks``.
        own: The store's settings.
        wanted: ``spaces`` and ``tokens``, as in the settings.
    """
    there = {**own["spaces"], **own.get("sparse", NONE)}
    check_new(wanted["spaces"], wanted["tokens"], there, own["tokens"], wanted["sparse"])
    new = space_columns({**own["spaces"], **wanted["spaces"]}, wanted["tokens"], wanted["sparse"])
    new = [column for column in new if column.name not in _live(own)]
    resumed = {column.name for column in new} if own.get(GROWING) == wanted else set()
    left = {name for name in table.schema.names if name.startswith(_PREFIXES)} - _live(own)
    drop_columns(table, sorted(left - resumed))
    missing = [column for column in new if column.name not in left & resumed]
    if missing:
        mark = {"grown": uuid4().hex}  # tells readers apart what was dropped and what is there now
        table.add_columns(pa.schema([column.with_metadata(mark) for column in missing]))


def adopted(own: Mapping[str, Any]) -> dict[str, Any]:
    """The store's settings when what was grown is live, if anything was."""
    growing = own.get(GROWING, {"spaces": {}, "tokens": []})
    spaces = {**own["spaces"], **growing["spaces"]}
    tokens = [*own["tokens"], *growing["tokens"]]
    sparse = {**own.get("sparse", NONE), **growing.get("sparse", NONE)}
    kept = {key: value for key, value in own.items() if key != GROWING}
    return {**kept, "spaces": spaces, "tokens": tokens, "sparse": sparse}


def dropped(own: Mapping[str, Any], space: str) -> dict[str, Any]:
    """The store's settings without a space."""
    spaces = {name: dim for name, dim in own["spaces"].items() if name != space}
    sparse = {name: terms for name, terms in own.get("sparse", NONE).items() if name != space}
    tokens = [name for name in own["tokens"] if name != space]
    return {**own, "spaces": spaces, "tokens": tokens, "sparse": sparse}


def drop_columns(table: Any, names: Sequence[str]) -> None:  # noqa: ANN401
    """Remove those columns that exist."""
    there = [name for name in names if name in table.schema.names]
    if there:
        table.drop_columns(there)


def lacking(table: Any) -> list[str]:  # noqa: ANN401
    """Ids of the chunks with a null where a space has its values, sorted."""
    names = [name for name in table.schema.names if name.startswith(_PREFIXES)]
    missing = " OR ".join(f"{name} IS NULL" for name in names)
    return sorted(narrow(table.search().where(missing).select(["id"]))["id"].to_pylist())


def fill(
    table: Any,  # noqa: ANN401
    ids: Sequence[str],
    vectors: Mapping[str, Vectors],
    tokens: Mapping[str, Sequence[TokenBits]],
    sparse: Mapping[str, Sequence[SparseVector]],
) -> None:
    """Write values of chunks that are still there; the other columns stay."""
    columns = [pa.field("id", pa.string(), nullable=False)]
    dims = {name: rows.shape[1] for name, rows in vectors.items()}
    columns += space_columns(dims, list(tokens), list(sparse))
    values = {"id": list(ids), **space_values(vectors, tokens, sparse)}
    table.merge_insert("id").when_matched_update_all().execute(
        pa.table(values, schema=pa.schema(columns))
    )


def in_step(rows: pa.Table, table: Any, own: Mapping[str, Any], uri: str) -> pa.Table:  # noqa: ANN401
    """Rows with a null in every column that this process does not know of.

    Args:
        rows: With the columns known to this process.
        table: ``chunks``.
        own: The store's settings.
        uri: For the message.

    Raises:
        StoreError: Spaces were added or dropped since this process opened the index, or fields declared.
    """
    known = set(rows.schema.names)
    if {name for name in known if name.startswith(_PREFIXES)} != _live(own):
        spaces = sorted({**own["spaces"], **own.get("sparse", NONE)})
        raise _out_of_step("spaces", uri, spaces)
    if not known.issuperset(column.name for column in declared_columns(Fields(own["fields"]))):
        raise _out_of_step("declared fields", uri, sorted(own["fields"]))
    for column in table.schema:
        if column.name not in rows.schema.names:
            rows = rows.append_column(column, pa.nulls(len(rows), column.type))
    return rows.select(table.schema.names)


def _out_of_step(what: str, uri: str, now: Sequence[str]) -> StoreError:
    return StoreError(
        f"The {what} of the index at {uri!r} changed since it was opened: it has {now} now. Open it "
        "again, then write."
    )


def _live(own: Mapping[str, Any]) -> set[str]:
    columns = space_columns(own["spaces"], own["tokens"], list(own.get("sparse", NONE)))
    return {column.name for column in columns}
