"""The retriever keeps the contract of rag_embed's own, through LangChain's way of asking."""

from __future__ import annotations

import pytest
from langchain_rag_embed import RagEmbedRetriever

from rag_embed.testing import RetrieverContract, indexed
from rag_embed.types import Hit, Part


class Asked:
    """A LangChain retriever as a `Retriever`: every option comes with the call."""

    def __init__(self, index) -> None:
        self.index = index
        self.retriever = RagEmbedRetriever(index=index)

    def retrieve(self, queries):
        return [self.hits(query) for query in queries]

    def hits(self, query):
        found = self.retriever.invoke(
            query.text,
            k=query.k,
            where=query.where,
            user=query.user,
            previous=query.previous,
            min_relevance=query.min_relevance,
            diversity=query.diversity,
            group_by=query.group_by,
        )
        chunks = self.index.store.view().chunks([one.id for one in found])
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
