"""The part of the conformance suite about filters and queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conformance_data import (
    FLAG_OPERATORS,
    FLAGS,
    NESTED,
    OPERATORS,
    asked,
    filters,
    library,
    node,
    vector,
    where,
)
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    VectorStoreQuery,
    VectorStoreQueryMode,
)


class SearchConformance:
    """What a search finds; see `conformance.VectorStoreConformance`."""

    def make(self, place: Path) -> BasePydanticVectorStore:
        raise NotImplementedError

    @pytest.fixture
    def empty(self, tmp_path: Path) -> BasePydanticVectorStore:
        return self.make(tmp_path / "store")

    @pytest.fixture
    def store(self, empty: BasePydanticVectorStore) -> BasePydanticVectorStore:
        empty.add(library())
        return empty

    def ids(self, store: BasePydanticVectorStore, **options: Any) -> list[str]:
        return list(store.query(asked(**options)).ids or [])

    # filters

    @pytest.mark.parametrize(("key", "operator", "value", "expected"), OPERATORS)
    def test_operator(self, store, key, operator, value, expected) -> None:
        found = self.ids(store, filters=filters(where(key, operator, value)))
        assert sorted(found) == list(expected)

    @pytest.mark.parametrize(("key", "operator", "value", "expected"), FLAG_OPERATORS)
    def test_operator_on_truth_values(self, empty, key, operator, value, expected) -> None:
        empty.add(FLAGS)
        found = self.ids(empty, filters=filters(where(key, operator, value)))
        assert sorted(found) == list(expected)

    @pytest.mark.parametrize(("some", "expected"), NESTED)
    def test_nested_conditions(self, store, some, expected) -> None:
        assert sorted(self.ids(store, filters=some)) == list(expected)

    @pytest.mark.parametrize("key", ["a key", "it's", "a.b", 'say "x"', "schlüssel", "metadata"])
    def test_odd_keys(self, empty, key) -> None:
        empty.add([node("a", "red fox", **{key: "v"}), node("b", "blue sea", **{key: "w"})])
        assert self.ids(empty, filters=filters(where(key, "==", "v"))) == ["a"]

    def test_filters_restrict_before_the_best_are_taken(self, store) -> None:
        found = self.ids(store, text="red fox", k=1, filters=filters(where("lang", "==", "de")))
        assert found == ["b"]

    # queries

    def test_default_mode_is_in_order(self, store) -> None:
        result = store.query(asked("the blue sea", k=3))
        assert result.ids[0] == "b"
        assert len(result.ids) == 3
        assert result.similarities == sorted(result.similarities, reverse=True)

    def test_fewer_results_are_a_prefix(self, store) -> None:
        assert self.ids(store, k=4)[:2] == self.ids(store, k=2)

    @pytest.mark.parametrize("mode", ["text_search", "sparse"])
    def test_lexical_modes_find_words(self, store, mode) -> None:
        result = store.query(
            VectorStoreQuery(query_str="wolf", similarity_top_k=4, mode=VectorStoreQueryMode(mode))
        )
        assert list(result.ids) == ["c"]

    def test_lexical_mode_obeys_filters(self, store) -> None:
        mode = VectorStoreQueryMode.TEXT_SEARCH
        only = filters(where("lang", "==", "Fr"))
        assert self.ids(store, text="sea", mode=mode, filters=only) == ["d"]

    @pytest.mark.parametrize(("alpha", "first"), [(1.0, "a"), (0.0, "c")])
    def test_hybrid_obeys_alpha(self, store, alpha, first) -> None:
        query = VectorStoreQuery(
            query_str="wolf",
            query_embedding=vector("red fox"),
            similarity_top_k=2,
            mode=VectorStoreQueryMode.HYBRID,
            alpha=alpha,
        )
        assert store.query(query).ids[0] == first

    def test_hybrid_finds_what_either_side_finds(self, store) -> None:
        query = VectorStoreQuery(
            query_str="wolf",
            query_embedding=vector("red fox"),
            similarity_top_k=2,
            mode=VectorStoreQueryMode.HYBRID,
        )
        result = store.query(query)
        assert sorted(result.ids) == ["a", "c"]
        assert result.similarities == sorted(result.similarities, reverse=True)

    def test_hybrid_top_k(self, store) -> None:
        mode = VectorStoreQueryMode.HYBRID
        assert len(self.ids(store, k=4, mode=mode, hybrid_top_k=1)) == 1

    def test_mmr_prefers_difference(self, empty) -> None:
        empty.add([node("a", "red fox"), node("b", "red fox"), node("c", "red sea")])
        mmr = VectorStoreQueryMode.MMR
        assert self.ids(empty, text="red fox", k=2, mode=mmr, mmr_threshold=0.3)[1] == "c"

    def test_an_unsupported_mode_is_refused(self, store) -> None:
        with pytest.raises((ValueError, NotImplementedError)):
            store.query(asked(mode=VectorStoreQueryMode.SVM))

    def test_node_ids(self, store) -> None:
        assert sorted(self.ids(store, node_ids=["a", "c", "unknown"])) == ["a", "c"]

    def test_doc_ids(self, store) -> None:
        assert sorted(self.ids(store, doc_ids=["two"])) == ["c", "d"]

    def test_empty_id_lists_restrict_nothing(self, store) -> None:
        assert sorted(self.ids(store, node_ids=[], doc_ids=[])) == list("abcd")
