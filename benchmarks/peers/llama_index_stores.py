"""Vector stores of LlamaIndex under one suite; pytest collects it for `benchmarks.suites.frameworks`.

``SimpleVectorStore`` keeps no text and no file by design: cases that need them do not speak against it.
The LanceDB store gets ``flat_metadata=False``, which it needs for lists and nested values; its kind of
search is fixed when it is made, here to its default, by vector.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.retrievers.rag_embed import RagEmbedVectorStore
from llama_index.vector_stores.lancedb import LanceDBVectorStore

_ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(_ROOT / "integrations" / "llama-index-retrievers-rag-embed" / "tests"))

from conformance import VectorStoreConformance  # noqa: E402


class TestRagEmbedVectorStore(VectorStoreConformance):
    def make(self, place: Path) -> Any:
        return RagEmbedVectorStore(place)


class TestLanceDBVectorStore(VectorStoreConformance):
    patience = 3.0

    def make(self, place: Path) -> Any:
        return LanceDBVectorStore(uri=str(place), flat_metadata=False)


class TestSimpleVectorStore(VectorStoreConformance):
    patience = 3.0

    def make(self, place: Path) -> Any:
        return SimpleVectorStore()
