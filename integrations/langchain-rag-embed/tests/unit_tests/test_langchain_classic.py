"""LangChain's own retrievers, selectors and compressors over ours: what they rely on holds."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from langchain_classic.retrievers import (
    ContextualCompressionRetriever,
    EnsembleRetriever,
    MultiVectorRetriever,
    ParentDocumentRetriever,
    TimeWeightedVectorStoreRetriever,
)
from langchain_classic.retrievers.document_compressors import DocumentCompressorPipeline
from langchain_classic.retrievers.multi_vector import SearchType
from langchain_core.documents import Document
from langchain_core.example_selectors import (
    MaxMarginalRelevanceExampleSelector,
    SemanticSimilarityExampleSelector,
)
from langchain_core.stores import InMemoryByteStore
from langchain_rag_embed import (
    RagEmbedEmbeddings,
    RagEmbedRetriever,
    RagEmbedVectorStore,
    to_documents,
)
from langchain_text_splitters import CharacterTextSplitter

from rag_embed import Index
from rag_embed.encoders import HashEncoder

DOCUMENTS = [
    Document("The red fox hunts mice. The grey wolf sleeps.", metadata={"source": "land"}),
    Document("The blue sea is deep. Fish swim in it.", metadata={"source": "sea"}),
]
SENTENCES = CharacterTextSplitter(separator=". ", chunk_size=25, chunk_overlap=0)
CALLS = pytest.mark.parametrize("call", ["invoke", "ainvoke", "batch", "abatch"])


@pytest.fixture(params=["memory", "lancedb"])
def store(request, tmp_path):
    path = tmp_path / "kb" if request.param == "lancedb" else None
    return RagEmbedVectorStore(path, embedding=HashEncoder())


@pytest.fixture
def retriever():
    index = Index.in_memory(encoder=HashEncoder())
    index.add(to_documents(DOCUMENTS))
    return RagEmbedRetriever(index=index)


async def found(retriever, call, question):
    match call:
        case "invoke":
            return retriever.invoke(question)
        case "ainvoke":
            return await retriever.ainvoke(question)
        case "batch":
            return retriever.batch([question, "sea"])[0]
        case _:
            return (await retriever.abatch([question, "sea"]))[0]


def sources(documents):
    return [one.metadata["source"] for one in documents]


@CALLS
@pytest.mark.parametrize("search_type", list(SearchType))
async def test_parents_are_found_by_their_parts(store, call, search_type):
    options = {"score_threshold": 0.0} if search_type.value.endswith("threshold") else {}
    parents = ParentDocumentRetriever(
        vectorstore=store,
        byte_store=InMemoryByteStore(),
        child_splitter=SENTENCES,
        search_type=search_type,
        search_kwargs={"k": 4, **options},
    )
    parents.add_documents(DOCUMENTS)
    assert sources(await found(parents, call, "red fox")) == ["land", "sea"]


@CALLS
async def test_several_vectors_of_a_document(store, call):
    several = MultiVectorRetriever(
        vectorstore=store, byte_store=InMemoryByteStore(), search_kwargs={"k": 1}
    )
    several.docstore.mset([("1", DOCUMENTS[0]), ("2", DOCUMENTS[1])])
    summaries = ["About foxes.", "About whales."]
    store.add_texts(summaries, [{several.id_key: "1"}, {several.id_key: "2"}])
    assert sources(await found(several, call, "whales")) == ["sea"]


async def test_what_was_found_can_be_kept_in_a_docstore(retriever):
    """Such stores write with LangChain's `dumps`, and read with `loads`."""
    several = MultiVectorRetriever(
        vectorstore=RagEmbedVectorStore(embedding=HashEncoder()), byte_store=InMemoryByteStore()
    )
    fox = retriever.invoke("red fox")[0]
    several.docstore.mset([("fox", fox)])
    assert several.docstore.mget(["fox"]) == [fox]


@CALLS
async def test_an_ensemble_tells_documents_apart_by_metadata(retriever, call):
    ensemble = EnsembleRetriever(retrievers=[retriever, retriever], id_key="source")
    assert sources(await found(ensemble, call, "red fox")) == ["land", "sea"]


@CALLS
async def test_passages_are_cut(retriever, call):
    cut = ContextualCompressionRetriever(
        base_compressor=DocumentCompressorPipeline(transformers=[SENTENCES]),
        base_retriever=retriever,
    )
    passages = await found(cut, call, "red fox")
    assert passages[0].page_content == "The red fox hunts mice"
    assert passages[0].metadata["rag_embed"]["start"] == 0


@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
async def test_memories_fade(store, call):
    memories = TimeWeightedVectorStoreRetriever(
        vectorstore=store, decay_rate=0.5, k=1, search_kwargs={"k": 9}
    )
    now = datetime.now()
    old = memories.add_documents([Document("A fox.", id="old")], current_time=now - timedelta(9))
    await memories.aadd_documents([Document("A red fox.", id="new")], current_time=now)
    assert old == ["old"]
    assert [one.id for one in await found(memories, call, "fox")] == ["new"]
    memories.decay_rate = 1e-9
    assert [one.id for one in await found(memories, call, "A fox.")] == ["old"]
    since = {"created_at": {"$gte": now - timedelta(1)}}
    assert [one.id for one in store.similarity_search("fox", filter=since)] == ["new"]


@pytest.mark.parametrize(
    "kind", [SemanticSimilarityExampleSelector, MaxMarginalRelevanceExampleSelector]
)
async def test_examples_are_selected(kind):
    examples = [{"input": "happy", "output": "sad"}, {"input": "tall", "output": "short"}]
    embeddings = RagEmbedEmbeddings(HashEncoder())
    selector = kind.from_examples(examples, embeddings, RagEmbedVectorStore, k=1)
    assert selector.select_examples({"input": "tall"}) == examples[1:]
    assert await selector.aselect_examples({"input": "happy"}) == examples[:1]
