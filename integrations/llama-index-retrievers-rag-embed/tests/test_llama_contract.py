"""The retriever keeps the contract of rag_embed's own, through LlamaIndex's way of asking."""

from __future__ import annotations

import pytest
from llama_index.retrievers.rag_embed import RagEmbedRetriever

from rag_embed.testing import RetrieverContract, indexed
from rag_embed.types import Hit, Part


class Asked:
    """A LlamaIndex retriever as a `Retriever`: one with its own options for each query."""

    def __init__(self, index) -> None:
        self.index = index
        self.retriever = RagEmbedRetriever(index)

    def retrieve(self, queries):
        return [self.hits(query) for query in queries]

    def hits(self, query):
        found = self.retriever.with_(
            k=query.k,
            where=query.where,
            user=query.user,
            previous=query.previous,
            min_relevance=query.min_relevance,
            diversity=query.diversity,
            group_by=query.group_by,
        ).retrieve(query.text)
        chunks = self.index.store.view().chunks([one.node.node_id for one in found])
        return [
            Hit(chunk, one.score, one.relevance, tuple(map(part, one.explanation)))
            for chunk, one in zip(chunks, found, strict=True)
        ]


def part(said) -> Part:
    return Part(**{name: said[name] for name in ("leg", "raw", "normalised", "weight", "level")})


class TestContract(RetrieverContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        return lambda documents: Asked(indexed(documents))
