"""LanceDB by hand: its vector search, and its own hybrid of that and full text by reciprocal ranks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
from lancedb.index import FTS
from lancedb.rerankers import RRFReranker

from benchmarks.peers.search import Corpus, K, Search

PACKAGES = ("lancedb",)
STEP = 10_000
"""Rows a write: LanceDB scans a batch of more rows half as fast."""


def table(corpus: Corpus, folder: Path) -> Any:
    """The chunks as most would store them."""
    made = None
    dim = corpus.vectors.shape[1]
    for start in range(0, len(corpus.texts), STEP):
        some = corpus.vectors[start : start + STEP]
        flat = pa.array(some.ravel(), pa.float32())
        rows = pa.table(
            {
                "id": corpus.ids[start : start + STEP],
                "text": list(corpus.texts[start : start + STEP]),
                "vector": pa.FixedSizeListArray.from_arrays(flat, dim),
            }
        )
        if made is None:
            made = lancedb.connect(folder / "lancedb").create_table("chunks", rows)
        else:
            made.add(rows)
    assert made is not None
    return made


def with_words(corpus: Corpus, folder: Path) -> Any:
    """Likewise, with a full-text index."""
    chunks = table(corpus, folder)
    chunks.create_index("text", config=FTS())
    return chunks


def systems(corpus: Corpus, folder: Path) -> Mapping[str, Search]:
    chunks = with_words(corpus, folder)
    reranker = RRFReranker()

    def dense(text: str) -> Any:
        return chunks.search(corpus.query(text)).distance_type("dot").limit(K).to_list()

    def hybrid(text: str) -> Any:
        search = chunks.search(query_type="hybrid").vector(corpus.query(text)).text(text)
        return search.distance_type("dot").rerank(reranker).limit(K).to_list()

    return {"LanceDB by hand, dense": dense, "LanceDB by hand, hybrid": hybrid}
