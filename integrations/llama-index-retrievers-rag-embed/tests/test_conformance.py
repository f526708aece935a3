"""`RagEmbedVectorStore` passes the suite, with and without declared fields."""

from __future__ import annotations

import pytest
from conformance import VectorStoreConformance
from conformance_data import OPERATORS, asked, filters, library, node, where
from llama_index.retrievers.rag_embed import RagEmbedVectorStore

from rag_embed.errors import BadInput


class TestVectorStore(VectorStoreConformance):
    def make(self, place):
        return RagEmbedVectorStore(place)


def test_truth_values_in_declared_fields(tmp_path) -> None:
    """What is declared as a truth value is one, and what is declared as a number is one."""
    store = RagEmbedVectorStore(tmp_path / "store", fields={"draft": bool, "copies": int})
    store.add([node("a", "red", draft=True, copies=1), node("b", "blue", draft=False, copies=0)])
    for key in ("draft", "copies"):
        for value, expected in ((1, "a"), (0, "b")):
            found = store.query(asked(filters=filters(where(key, "==", value)))).ids
            assert found == [expected], (key, value)
    with pytest.raises(BadInput, match="draft"):
        store.query(asked(filters=filters(where("draft", "==", 2))))


def test_operators_on_declared_fields(tmp_path) -> None:
    fields = {"year": int, "lang": str, "tags": list[str], "score": float, "note": str}
    store = RagEmbedVectorStore(tmp_path / "store", fields=fields)
    store.add(library())
    for key, operator, value, expected in OPERATORS:
        found = store.query(asked(filters=filters(where(key, operator, value)))).ids
        assert sorted(found) == list(expected), (key, operator, value)
