"""Nodes, an embedding model and filters that the conformance suite works with."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)

DIM = 64


def vector(text: str) -> list[float]:
    """Texts that share words get similar vectors; unit length."""
    row = np.zeros(DIM)
    for word in text.lower().replace(".", " ").split():
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "big")
        row += np.random.default_rng(seed).standard_normal(DIM)
    return (row / (np.linalg.norm(row) or 1.0)).tolist()


class Words(BaseEmbedding):
    """`vector` as an embedding model."""

    def _get_query_embedding(self, query: str) -> list[float]:
        return vector(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return vector(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return vector(text)


class Meeting(TextNode):
    """A node whose text is read only when all who wait at the barrier are there."""

    _barrier: Any = PrivateAttr(default=None)

    def get_content(self, metadata_mode: MetadataMode = MetadataMode.NONE) -> str:
        barrier, self._barrier = self._barrier, None
        if barrier is not None:
            barrier.wait()
        return super().get_content(metadata_mode)


def node(id: str, text: str, source: str | None = None, **metadata: Any) -> TextNode:
    """A node with its embedding."""
    related = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)} if source else {}
    return TextNode(
        id_=id, text=text, metadata=metadata, embedding=vector(text), relationships=related
    )


def library() -> list[TextNode]:
    """Four nodes of two documents."""
    fox = {"year": 2018, "lang": "en", "tags": ["animal", "red"], "score": 0.5, "note": ""}
    sea = {"year": 2020, "lang": "de", "tags": ["water"], "score": 1.5, "note": "x"}
    wolf = {"year": 2022, "lang": "en", "tags": [], "score": 2.5}
    return [
        node("a", "The red fox runs.", "one", **fox),
        node("b", "The blue sea is deep.", "one", **sea),
        node("c", "A grey wolf howls.", "two", **wolf),
        node("d", "Ships cross the sea.", "two", lang="Fr"),
    ]


def where(key: str, operator: str, value: Any) -> MetadataFilter:
    """One condition."""
    return MetadataFilter(key=key, operator=FilterOperator(operator), value=value)


def filters(*some: Any, condition: str = "and") -> MetadataFilters:
    """Several conditions."""
    return MetadataFilters(filters=list(some), condition=FilterCondition(condition))


def asked(text: str = "fox sea wolf", k: int = 10, **options: Any) -> VectorStoreQuery:
    """A query with text and vector."""
    return VectorStoreQuery(
        query_str=text, query_embedding=vector(text), similarity_top_k=k, **options
    )


OPERATORS = [
    ("lang", "==", "en", "ac"),
    ("year", "==", 2020, "b"),
    ("lang", "!=", "en", "bd"),
    ("year", "!=", 2020, "acd"),
    ("year", ">", 2018, "bc"),
    ("score", ">", 0.6, "bc"),
    ("year", ">=", 2020, "bc"),
    ("year", "<", 2020, "a"),
    ("year", "<=", 2020, "ab"),
    ("lang", "in", ["en", "Fr"], "acd"),
    ("year", "in", [2018, 2022], "ac"),
    ("lang", "nin", ["en"], "bd"),
    ("year", "nin", [2018], "bcd"),
    ("tags", "any", ["red", "water"], "ab"),
    ("tags", "all", ["animal", "red"], "a"),
    ("tags", "contains", "water", "b"),
    ("lang", "text_match", "e", "abc"),
    ("lang", "text_match", "fr", ""),
    ("lang", "text_match_insensitive", "fr", "d"),
    ("year", "is_empty", None, "d"),
    ("tags", "is_empty", None, "cd"),
    ("note", "is_empty", None, "acd"),
    ("nowhere", "==", "x", ""),
    ("nowhere", "!=", "x", "abcd"),
    ("lang", "==", "' OR '1'='1", ""),
]

NESTED = [
    (filters(where("lang", "==", "en"), where("year", ">", 2018)), "c"),
    (filters(where("lang", "==", "de"), where("year", "==", 2022), condition="or"), "bc"),
    (filters(where("lang", "==", "en"), condition="not"), "bd"),
    (filters(where("lang", "==", "en"), where("year", "==", 2020), condition="not"), "d"),
    (
        filters(
            where("lang", "==", "en"),
            filters(where("year", "==", 2018), where("year", "==", 2020), condition="or"),
        ),
        "a",
    ),
    (
        filters(
            filters(where("year", ">=", 2020), where("lang", "==", "en")),
            filters(where("lang", "==", "en"), where("lang", "==", "de"), condition="not"),
            condition="or",
        ),
        "cd",
    ),
    (filters(), "abcd"),
]

FLAGS: list[TextNode] = [
    node("a", "red fox", draft=True, marks=[True, 3]),
    node("b", "blue sea", draft=False, marks=[False]),
    node("c", "grey wolf", draft=1, marks=[0, 1]),
    node("d", "green frog"),
]
"""Truth values beside numbers; `MetadataFilter` refuses ``True``, so ``1`` has to stand for it."""

TIMES: list[TextNode] = [
    node("a", "red fox", day="2024-05-01", days=["2024-01-01", "2024-05-01"]),
    node("b", "blue sea", day="2024-05-01T23:00:00-05:00"),
    node("c", "grey wolf", day="2024-05-02T03:00:00Z"),
    node("d", "green frog", day="in May"),
]
"""Times as metadata has them; `MetadataFilter` refuses times, so ISO text has to stand for them."""

TIME_OPERATORS = [
    ("day", "==", "2024-05-01", "a"),
    ("day", "!=", "2024-05-01", "bcd"),
    ("day", ">", "2024-05-01", "bc"),
    ("day", "<", "2024-05-02T03:30:00Z", "ac"),
    ("day", ">=", "2024-05-02T04:00:00+00:00", "b"),
    ("day", "in", ["2024-05-02T04:00:00Z", "in May"], "bd"),
    ("day", "nin", ["2024-05-01", "in May"], "bc"),
    ("day", "text_match", "2024-05-01", "ab"),
    ("days", "contains", "2024-05-01", "a"),
]

FLAG_OPERATORS = [
    ("draft", "==", 1, "ac"),
    ("draft", "==", 0, "b"),
    ("draft", "!=", 1, "bd"),
    ("draft", "in", [1, 5], "ac"),
    ("draft", "in", [0, 1], "abc"),
    ("draft", "nin", [0], "acd"),
    ("marks", "contains", 1, "ac"),
    ("marks", "any", [0, 7], "bc"),
    ("marks", "all", [1, 3], "a"),
]
