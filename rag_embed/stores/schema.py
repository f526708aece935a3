"""Columns of the LanceDB tables, and the way from chunks to them and back.

Table ``chunks`` has one row per chunk and one fixed-size-list column ``v_{space}`` per space;
``documents`` one row per document, with its whole text; ``settings`` JSON values by key.
A declared field ``year`` is the column ``f_year``; ``has_f_year`` says whether there is a value,
because SQL's three-valued logic would otherwise let ``NOT`` lose rows. Lists of strings are one
string with a separator around every element, which makes membership an exact substring test; so are
the groups in ``reader_ids``, which is empty, and never null, where there are none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rag_embed.analysis import Analyzer
from rag_embed.fields import READERS, SEPARATOR, Fields
from rag_embed.stores.checks import lexical_texts, to_json
from rag_embed.stores.sparse_rows import sparse_columns, sparse_values
from rag_embed.types import Audience, Chunk, ChunkRows, Document, SparseVector, TokenBits, Vectors
from rag_embed.values import moment_of

_ARROW = {
    "str": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "list[str]": pa.string(),
    "datetime": pa.timestamp("us", tz="UTC"),
    "date": pa.timestamp("us", tz="UTC"),
}

CHUNK_COLUMNS = ["id", "doc_id", "user_id", "ordinal", "text", "title", "headings", "start", "end"]
CHUNK_COLUMNS += ["metadata_json", READERS]
"""What a `Chunk` is read from."""

TEXTS = ("lexical_text", "private_text")
"""What lexical search reads of chunks that are for everybody, and of others."""

WORDS = ("words", "private_words")
"""The words of these texts as `Analyzer.words` gives them, each with a space behind it; the full-text index
is of the first, so that it knows nothing of what is not for everybody."""


def chunk_schema(
    spaces: Mapping[str, int],
    fields: Fields,
    tokens: Sequence[str] = (),
    sparse: Sequence[str] = (),
) -> pa.Schema:
    """Schema of the ``chunks`` table."""
    columns = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("doc_hash", pa.string(), nullable=False),
        pa.field("user_id", pa.string()),
        pa.field("has_user_id", pa.bool_(), nullable=False),
        pa.field(READERS, pa.string(), nullable=False),
        pa.field("ordinal", pa.int32()),
        pa.field("text", pa.string()),
        *(pa.field(name, pa.string()) for name in (*TEXTS, *WORDS)),
        pa.field("title", pa.string()),
        pa.field("headings", pa.list_(pa.string())),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
        pa.field("metadata_json", pa.string()),
    ]
    columns += declared_columns(fields)
    return pa.schema(columns + space_columns(spaces, tokens, sparse))


def declared_columns(fields: Fields, *, later: bool = False) -> list[pa.Field]:
    """Columns of declared fields.

    Args:
        fields: The fields.
        later: Whether they come to a table that has rows: a null says that a row is still to be looked at.
    """
    columns = []
    for name, kind in fields.types.items():
        value, has = field_columns(name)
        columns += [pa.field(value, _ARROW[kind]), pa.field(has, pa.bool_(), nullable=later)]
    return columns


def space_columns(
    spaces: Mapping[str, int], tokens: Sequence[str], sparse: Sequence[str] = ()
) -> list[pa.Field]:
    """Columns of spaces, of tokens (ids in 4 bytes each, little-endian, and sign bits), of sparse spaces.

    A null says that a space was added after the chunk, and its value is still to be computed.
    """
    columns = [pa.field(f"v_{name}", pa.list_(pa.float32(), dim)) for name, dim in spaces.items()]
    columns += [pa.field(column, pa.binary()) for s in tokens for column in token_columns(s)]
    return columns + [pa.field(column, pa.binary()) for s in sparse for column in sparse_columns(s)]


DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("hash", pa.string(), nullable=False),
        pa.field("user_id", pa.string()),
        pa.field(READERS, pa.string(), nullable=False),
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
    rows: ChunkRows,
    hashes: Mapping[str, str],
    values: Sequence[Mapping[str, Any]],
    fields: Fields,
    analyzer: Analyzer,
) -> pa.Table:
    """Rows of the ``chunks`` table.

    Args:
        schema: Of the table.
        rows: The chunks.
        hashes: Content hash of each document.
        values: What filters see of each chunk; see `checks.row_values`.
        fields: The declared fields.
        analyzer: Settings of lexical search.
    """
    chunks, lexical = rows.chunks, lexical_texts(rows)
    open_ = [chunk.audience.everybody for chunk in chunks]
    shared = [text if one else None for one, text in zip(open_, lexical, strict=True)]
    private = [None if one else text for one, text in zip(open_, lexical, strict=True)]
    columns: dict[str, Any] = {
        "id": [c.id for c in chunks],
        "doc_id": [c.doc_id for c in chunks],
        "doc_hash": [hashes[c.doc_id] for c in chunks],
        "user_id": [c.user for c in chunks],
        "has_user_id": [c.user is not None for c in chunks],
        READERS: [_groups(c.readers) for c in chunks],
        "ordinal": [c.ordinal for c in chunks],
        "text": [c.text for c in chunks],
        **dict(zip(TEXTS, (shared, private), strict=True)),
        **dict(zip(WORDS, (analysed(shared, analyzer), analysed(private, analyzer)), strict=True)),
        "title": [c.title for c in chunks],
        "headings": [list(c.headings) for c in chunks],
        "start": [c.start for c in chunks],
        "end": [c.end for c in chunks],
        "metadata_json": _jsons(chunks),
    }
    columns |= declared_values(values, fields)
    columns |= space_values(rows.vectors, rows.tokens, rows.sparse)
    return pa.table({field.name: columns[field.name] for field in schema}, schema=schema)


def declared_values(values: Sequence[Mapping[str, Any]], fields: Fields) -> dict[str, list[Any]]:
    """Values of `declared_columns`, of rows with what `Fields.values` gave."""
    columns = {}
    for name, kind in fields.types.items():
        column = [row[name] for row in values]
        value, has = field_columns(name)
        columns[has] = [one is not None for one in column]
        if kind == "list[str]":
            column = [None if one is None else packed(one) for one in column]
        columns[value] = column
    return columns


def analysed(texts: Iterable[str | None], analyzer: Analyzer) -> list[str | None]:
    """The words of texts as they are stored; None where there is no text.

    Examples:
        >>> analysed(["Red foxes", None], Analyzer())
        ['red fox ', None]
    """
    return [
        None if text is None else "".join(f"{word} " for word in analyzer.words(text))
        for text in texts
    ]


def space_values(
    vectors: Mapping[str, Vectors],
    tokens: Mapping[str, Sequence[TokenBits]],
    sparse: Mapping[str, Sequence[SparseVector]],
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
    for name, terms in sparse.items():
        columns |= sparse_values(name, terms)
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
            READERS: _groups(document.audience.readers),
            "title": document.title,
            "text": document.text,
            "metadata_json": to_json(document.id, document.metadata),
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
        readers=unpacked(row[READERS]),
    )


def document_of(row: Mapping[str, Any]) -> Document:
    """A document from a row of ``documents``."""
    metadata = json.loads(row["metadata_json"])
    readers = unpacked(row[READERS]) or None
    return Document(row["id"], row["text"], row["title"], metadata, row["user_id"], readers)


def audience_of(user: str | None, readers: str) -> Audience:
    """Who may read what a row holds: its ``user_id`` and ``reader_ids``."""
    return Audience(user, unpacked(readers))


def _jsons(chunks: Sequence[Chunk]) -> list[str]:
    """The metadata of each chunk; most share that of their document, and only pages have their own."""
    found: dict[int, str] = {}
    for chunk in chunks:
        if id(chunk.metadata) not in found:
            found[id(chunk.metadata)] = to_json(chunk.doc_id, chunk.metadata)
    return [found[id(chunk.metadata)] for chunk in chunks]


def field_columns(name: str) -> list[str]:
    """The columns of a declared field: its value, and whether there is one."""
    return [f"f_{name}", f"has_f_{name}"]


def packed(elements: Sequence[str]) -> str:
    """A list of strings as one; an element is in it with a separator on both sides."""
    return SEPARATOR + "".join(element + SEPARATOR for element in elements)


def _groups(readers: Sequence[str]) -> str:
    return packed(readers) if readers else ""


def unpacked(text: str) -> tuple[str, ...]:
    """The strings that were `packed`."""
    return tuple(text.split(SEPARATOR)[1:-1])


def field_values(table: pa.Table, name: str, kind: str) -> list[Any]:
    """The values of a declared field as `Fields.values` gave them, one per row."""
    column, has = (table[one] for one in field_columns(name))
    if kind in ("datetime", "date"):
        column = column.cast(pa.int64())
    found = [_unpacked(value, kind) for value in column.to_pylist()]
    return [value if there else None for value, there in zip(found, has.to_pylist(), strict=True)]


def _unpacked(value: Any, kind: str) -> Any:  # noqa: ANN401
    if value is None:
        return None
    if kind in ("datetime", "date"):
        return moment_of(value)
    return list(unpacked(value)) if kind == "list[str]" else value
