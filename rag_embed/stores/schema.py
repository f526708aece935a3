"""Columns of the LanceDB tables, and the way from chunks and filters to them and back.

Table ``chunks`` has one row per chunk and one fixed-size-list column ``v_{space}`` per space;
``documents`` one row per document, with its whole text; ``settings`` JSON values by key.
A declared field ``year`` is the column ``f_year``; ``has_f_year`` says whether there is a value,
because SQL's three-valued logic would otherwise let ``NOT`` lose rows. Lists of strings are one
string with a separator around every element, which makes membership an exact substring test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from lancedb.expr import Expr, col, lit

from rag_embed.errors import BadInput
from rag_embed.fields import Fields
from rag_embed.filters import And, Compare, Contains, Filter, Has, In, Missing, Not, Or
from rag_embed.stores.checks import to_json
from rag_embed.types import Chunk, Document, TokenBits, Vectors

_ARROW = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
_ARROW["list[str]"] = pa.string()
_SEPARATOR = "\x1f"

CHUNK_COLUMNS = ["id", "doc_id", "user_id", "ordinal", "text", "title", "headings", "start", "end"]
CHUNK_COLUMNS += ["metadata_json"]
"""What a `Chunk` is read from."""


def chunk_schema(
    spaces: Mapping[str, int], fields: Fields, tokens: Sequence[str] = ()
) -> pa.Schema:
    """Schema of the ``chunks`` table."""
    columns = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("doc_hash", pa.string(), nullable=False),
        pa.field("user_id", pa.string()),
        pa.field("has_user_id", pa.bool_(), nullable=False),
        pa.field("ordinal", pa.int32()),
        pa.field("text", pa.string()),
        pa.field("lexical_text", pa.string()),  # of shared chunks, see `owned`
        pa.field("private_text", pa.string()),  # of owned ones
        pa.field("title", pa.string()),
        pa.field("headings", pa.list_(pa.string())),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
        pa.field("metadata_json", pa.string()),
    ]
    for name, kind in fields.types.items():
        columns.append(pa.field(f"f_{name}", _ARROW[kind]))
        columns.append(pa.field(f"has_f_{name}", pa.bool_(), nullable=False))
    return pa.schema(columns + space_columns(spaces, tokens))


def space_columns(spaces: Mapping[str, int], tokens: Sequence[str]) -> list[pa.Field]:
    """Columns of spaces, and of tokens: ids in 4 bytes each, little-endian, and sign bits.

    A null says that a space was added after the chunk, and its value is still to be computed.
    """
    columns = [pa.field(f"v_{name}", pa.list_(pa.float32(), dim)) for name, dim in spaces.items()]
    return columns + [pa.field(column, pa.binary()) for s in tokens for column in token_columns(s)]


DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("hash", pa.string(), nullable=False),
        pa.field("user_id", pa.string()),
        pa.field("title", pa.string()),
        pa.field("text", pa.string()),
        pa.field("metadata_json", pa.string()),
        pa.field("chunks", pa.int64(), nullable=False),
    ]
)

SETTINGS_SCHEMA = pa.schema(
    [pa.field("key", pa.string(), nullable=False), pa.field("value_json", pa.string())]
)


def chunk_table(
    schema: pa.Schema,
    chunks: Sequence[Chunk],
    hashes: Mapping[str, str],
    values: Sequence[Mapping[str, Any]],
    vectors: Mapping[str, Vectors],
    tokens: Mapping[str, Sequence[TokenBits]],
    lexical: Sequence[str],
    fields: Fields,
) -> pa.Table:
    """Rows of the ``chunks`` table."""
    metadata = _json_by_document(chunks)
    columns: dict[str, Any] = {
        "id": [c.id for c in chunks],
        "doc_id": [c.doc_id for c in chunks],
        "doc_hash": [hashes[c.doc_id] for c in chunks],
        "user_id": [c.user for c in chunks],
        "has_user_id": [c.user is not None for c in chunks],
        "ordinal": [c.ordinal for c in chunks],
        "text": [c.text for c in chunks],
        "lexical_text": [
            t if c.user is None else None for c, t in zip(chunks, lexical, strict=True)
        ],
        "private_text": [
            None if c.user is None else t for c, t in zip(chunks, lexical, strict=True)
        ],
        "title": [c.title for c in chunks],
        "headings": [list(c.headings) for c in chunks],
        "start": [c.start for c in chunks],
        "end": [c.end for c in chunks],
        "metadata_json": [metadata[c.doc_id] for c in chunks],
    }
    for name, kind in fields.types.items():
        column = [row[name] for row in values]
        columns[f"has_f_{name}"] = [value is not None for value in column]
        columns[f"f_{name}"] = [_packed(v) for v in column] if kind == "list[str]" else column
    columns |= space_values(vectors, tokens)
    return pa.table({field.name: columns[field.name] for field in schema}, schema=schema)


def space_values(
    vectors: Mapping[str, Vectors], tokens: Mapping[str, Sequence[TokenBits]]
) -> dict[str, Any]:
    """Values of `space_columns`, one per row."""
    columns: dict[str, Any] = {}
    for name, rows in vectors.items():
        flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).ravel())
        columns[f"v_{name}"] = pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
    for name, some in tokens.items():
        ids, bits = token_columns(name)
        columns[ids] = [one.ids.astype("<i4").tobytes() for one in some]
        columns[bits] = [one.bits.tobytes() for one in some]
    return columns


def document_table(
    documents: Sequence[tuple[Document, str]], counts: Mapping[str, int]
) -> pa.Table:
    """Rows of the ``documents`` table; ``counts`` holds each document's number of chunks."""
    rows = [
        {
            "id": document.id,
            "hash": digest,
            "user_id": document.user,
            "title": document.title,
            "text": document.text,
            "metadata_json": to_json(document),
            "chunks": counts.get(document.id, 0),
        }
        for document, digest in documents
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENT_SCHEMA)


def token_columns(space: str) -> list[str]:
    """Columns that hold a space's tokens."""
    return [f"token_ids_{space}", f"token_bits_{space}"]


def tokens_of(table: pa.Table, space: str, dim: int) -> list[TokenBits]:
    """The tokens of each row, in order; none where they are still to be computed."""
    found = []
    columns = [table[name].to_pylist() for name in token_columns(space)]
    for ids, bits in zip(*columns, strict=True):
        ids, bits = ids or b"", bits or b""
        rows = np.frombuffer(bits, dtype=np.uint8).reshape(-1, -(-dim // 8))
        found.append(TokenBits(np.frombuffer(ids, dtype="<i4"), rows))
    return found


def chunk_of(row: Mapping[str, Any]) -> Chunk:
    """A chunk from a row with `CHUNK_COLUMNS`."""
    return Chunk(
        id=row["id"],
        doc_id=row["doc_id"],
        text=row["text"],
        start=row["start"],
        end=row["end"],
        ordinal=row["ordinal"],
        title=row["title"],
        headings=tuple(row["headings"]),
        metadata=json.loads(row["metadata_json"]),
        user=row["user_id"],
    )


def document_of(row: Mapping[str, Any]) -> Document:
    """A document from a row of ``documents``."""
    metadata = json.loads(row["metadata_json"])
    return Document(row["id"], row["text"], row["title"], metadata, row["user_id"])


def _json_by_document(chunks: Sequence[Chunk]) -> dict[str, str]:
    found: dict[str, str] = {}
    for chunk in chunks:
        if chunk.doc_id not in found:
            found[chunk.doc_id] = to_json(chunk)
    return found


def _packed(values: Sequence[str] | None) -> str | None:
    if values is None:
        return None
    if any(_SEPARATOR in value for value in values):
        raise BadInput("A list[str] field cannot hold the control character U+001F.")
    return _SEPARATOR + "".join(value + _SEPARATOR for value in values)


def compiled(where: Filter, fields: Fields) -> Expr:
    """A filter as a LanceDB expression; values are literals of the expression, never SQL text."""
    match where:
        case And(()) | Or(()):
            return lit(isinstance(where, And))
        case And(parts):
            return _joined(parts, fields, Expr.__and__)
        case Or(parts):
            return _joined(parts, fields, Expr.__or__)
        case Not(part):
            return ~compiled(part, fields)
        case Missing(name):
            column = _column(name, fields)
            return ~_present(column) if column in _nullable(fields) else lit(False)
        case _:
            column = _column(where.field, fields)
            test = _test(where, col(column))
            return _present(column) & test if column in _nullable(fields) else test


def _test(leaf: Compare | In | Has | Contains, column: Expr) -> Expr:
    match leaf:
        case Contains(_, text, ignore_case):
            return column.lower().contains(text.lower()) if ignore_case else column.contains(text)
        case In(_, values):
            return column.isin(list(values)) if values else lit(False)
        case Has(_, value):
            return column.contains(lit(f"{_SEPARATOR}{value}{_SEPARATOR}"))
        case Compare(_, op, value):
            operators = {"==": column.eq, "!=": column.ne, "<": column.lt}
            operators |= {"<=": column.lte, ">": column.gt, ">=": column.gte}
            return operators[op](lit(value))


def _joined(parts: Sequence[Filter], fields: Fields, join: Any) -> Expr:  # noqa: ANN401
    joined = compiled(parts[0], fields)
    for part in parts[1:]:
        joined = join(joined, compiled(part, fields))
    return joined


def _present(column: str) -> Expr:
    return col(f"has_{column}") == lit(True)


def _column(name: str, fields: Fields) -> str:
    return f"f_{name}" if name in fields.types else name


def _nullable(fields: Fields) -> set[str]:
    return {"user_id", *(f"f_{name}" for name in fields.types)}
