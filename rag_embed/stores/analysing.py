"""Chunks that are there already, analysed anew: an index keeps what lexical search reads of each."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from rag_embed.analysis import Analyzer
from rag_embed.stores.schema import TEXTS, WORDS, analysed

_BATCH = 10_000
"""Rows that are written in one commit."""


def analyse(chunks: Any, analyzer: Analyzer) -> None:  # noqa: ANN401
    """Write the words of all chunks.

    Args:
        chunks: The table, for whoever holds the lock.
        analyzer: Settings of lexical search.
    """
    texts = chunks.search().select(["id", *TEXTS]).to_arrow()
    for start in range(0, len(texts), _BATCH):
        some = texts.slice(start, _BATCH)
        words = [analysed(some[name].to_pylist(), analyzer) for name in TEXTS]
        rows = {"id": some["id"], **dict(zip(WORDS, words, strict=True))}
        columns = [pa.field("id", pa.string(), nullable=False)]
        columns += [pa.field(name, pa.string()) for name in WORDS]
        chunks.merge_insert("id").when_matched_update_all().execute(
            pa.table(rows, schema=pa.schema(columns))
        )
