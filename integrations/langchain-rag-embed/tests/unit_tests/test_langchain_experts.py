"""LangChain's retrievers as experts of an index: BM25, an ensemble, a vector store's."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from langchain_classic.retrievers import EnsembleRetriever
from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_rag_embed import (
    RagEmbedEmbeddings,
    RagEmbedRetriever,
    RagEmbedVectorStore,
    as_leg,
    to_documents,
)
from langchain_text_splitters import RecursiveCharacterTextSplitter

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput

LOADED = [
    LangChainDocument(text, metadata={"source": f"{name}.md", "year": year})
    for name, year, text in (
        ("fox", 2019, "The red fox hunts mice in the snow.\n\nIt sleeps in a den under the roots."),
        ("sea", 2020, "The deep blue sea is full of fish.\n\nWhales sing where it is deepest."),
        ("bread", 2022, "Bread needs flour, water, salt and time.\n\nKnead it until it is soft."),
    )
]


class BM25Retriever(BaseRetriever):
    """As that of langchain-community: documents in the order of BM25, without ids or scores."""

    docs: list[Any]
    k: int = 50

    def _get_relevant_documents(self, query, *, run_manager):
        bags = [Counter(one.page_content.lower().split()) for one in self.docs]
        mean = sum(map(Counter.total, bags)) / len(bags)

        def score(bag):
            return sum(
                math.log(1 + len(bags) / (1 + sum(word in one for one in bags)))
                * bag[word]
                / (bag[word] + 1.2 * (0.25 + 0.75 * bag.total() / mean))
                for word in query.lower().split()
            )

        ranked = sorted(range(len(bags)), key=lambda i: -score(bags[i]))
        return [self.docs[i] for i in ranked[: self.k]]


def splits(documents=LOADED):
    return RecursiveCharacterTextSplitter(chunk_size=45, chunk_overlap=0).split_documents(documents)


def bm25() -> BM25Retriever:
    return BM25Retriever(docs=splits())


def store_retriever(minilm) -> BaseRetriever:
    store = InMemoryVectorStore(RagEmbedEmbeddings(minilm))
    store.add_documents(splits())
    return store.as_retriever(search_kwargs={"k": 6})


@pytest.fixture
def index() -> Index:
    index = Index.in_memory(encoder=HashEncoder(), chunk_tokens=12)
    index.add(to_documents(LOADED))
    index.add(Document("secret", "Ada's red fox is called Rob.", user="ada"))
    return index


def alone(index: Index, retriever: BaseRetriever, **options: Any) -> Index:
    index.experts.attach_leg(as_leg("theirs", retriever, **options))
    index.experts.weigh({"theirs": 1.0})
    return index


def read(index: Index, query: str, **options: Any) -> list[str]:
    hits = index.search(query, **options)
    return [hit.text for hit in hits if any(part.contribution for part in hit.parts)]


def test_bm25_over_splits_of_the_same_documents(index) -> None:
    found = read(alone(index, bm25()), "where do whales sing?")
    assert found[0] == "Whales sing where it is deepest." and len(found) == 6
    hit = index.search("where do whales sing?")[0]
    assert [(one.leg, one.normalised) for one in hit.parts if one.weight] == [("theirs", 1.0)]


@pytest.mark.parametrize("cut", [lambda loaded: loaded, splits])
def test_by_the_ids_that_to_documents_gives(cut) -> None:
    index = Index.in_memory(encoder=HashEncoder())
    index.add(to_documents(cut(LOADED)))
    found = read(alone(index, BM25Retriever(docs=cut(LOADED))), "flour and salt")
    assert found[0].startswith("Bread needs flour")


def test_an_ensemble_and_a_vector_store(index, minilm) -> None:
    both = EnsembleRetriever(retrievers=[bm25(), store_retriever(minilm)], weights=[0.4, 0.6])
    assert read(alone(index, both), "baking a loaf: knead")[0] == "Knead it until it is soft."
    index.experts.weigh(None)
    index.experts.remove("theirs")
    nearest = read(alone(index, store_retriever(minilm)), "marine mammals making music")
    assert nearest[0] == "Whales sing where it is deepest."


def test_a_retriever_of_our_own_through_langchain(index) -> None:
    store = RagEmbedVectorStore(embedding=HashEncoder())
    store.add_documents(splits())
    alone(index, store.as_retriever(search_kwargs={"k": 6}))
    assert read(index, "flour and salt")[0] == "Bread needs flour, water, salt and time."
    index.experts.weigh(None)
    index.experts.remove("theirs")
    same = Index.in_memory(encoder=HashEncoder(), chunk_tokens=12)
    same.add(to_documents(LOADED))
    passages = RagEmbedRetriever(index=same, k=6, passage_tokens=100)
    assert "Bread needs flour" in read(alone(index, passages), "flour and salt")[0]


async def test_private_documents_and_filters_hold_sync_and_async(index) -> None:
    theirs = [*splits(), LangChainDocument("Ada's red fox is called Rob.")]
    alone(index, BM25Retriever(docs=theirs))
    retriever = RagEmbedRetriever(index=index, k=10)
    for user, seen in ((None, False), ("bob", False), ("ada", True)):
        found = retriever.invoke("red fox called Rob", user=user)
        assert any("Rob" in one.page_content for one in found) is seen
        assert await retriever.ainvoke("red fox called Rob", user=user) == found
    since = retriever.invoke("red fox", where={"year": {"$gte": 2020}})
    assert {one.metadata["source"] for one in since} == {"sea.md", "bread.md"}
    batch = retriever.batch(["red fox", "whales"])
    assert batch == [retriever.invoke("red fox"), retriever.invoke("whales")]
    assert batch == await retriever.abatch(["red fox", "whales"])


def test_what_the_index_does_not_hold(index) -> None:
    gone = [*splits(), LangChainDocument("Nobody added this.", metadata={"source": "gone.md"})]
    with pytest.raises(BadInput, match=r"nowhere in this index, by id \('gone.md'"):
        read(alone(index, BM25Retriever(docs=gone)), "nobody")
    index.experts.weigh(None)
    index.experts.remove("theirs")
    found = read(alone(index, BM25Retriever(docs=gone), lenient=True), "nobody knows whales")
    assert found[0] == "Whales sing where it is deepest."
    deleted = index.delete(index.contents.matching(field("metadata.year") == 2020))
    assert deleted == 1 and "Whales sing where it is deepest." not in read(index, "whales")


def test_only_retrievers_of_langchain(index) -> None:
    with pytest.raises(BadInput, match="as_retriever"):
        as_leg("theirs", RagEmbedVectorStore(embedding=HashEncoder()))
    with pytest.raises(BadInput, match="index.experts.attach"):
        as_leg("theirs", index.retriever)
