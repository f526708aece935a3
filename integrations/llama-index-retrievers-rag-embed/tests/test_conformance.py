"""`RagEmbedVectorStore` passes the suite, with and without declared fields."""

from __future__ import annotations

from conformance import VectorStoreConformance
from conformance_data import OPERATORS, asked, filters, library, where
from llama_index.retrievers.rag_embed import RagEmbedVectorStore


class TestVectorStore(VectorStoreConformance):
    def make(self, place):
        return RagEmbedVectorStore(place)


def test_operators_on_declared_fields(tmp_path) -> None:
    fields = {"year": int, "lang": str, "tags": list[str], "score": float, "note": str}
    store = RagEmbedVectorStore(tmp_path / "store", fields=fields)
    store.add(library())
    for key, operator, value, expected in OPERATORS:
        found = store.query(asked(filters=filters(where(key, operator, value)))).ids
        assert sorted(found) == list(expected), (key, operator, value)
