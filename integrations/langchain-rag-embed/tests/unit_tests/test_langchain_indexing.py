"""LangChain's indexing API over the vector store and the document index."""

from __future__ import annotations

import pytest
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, aindex, index
from langchain_rag_embed import RagEmbedDocumentIndex, RagEmbedVectorStore

from rag_embed.encoders import HashEncoder

CLEANUPS = [None, "incremental", "full", "scoped_full"]


def page(source, text):
    return Document(page_content=text, metadata={"source": source})


FIRST = [page("a", "The red fox."), page("a", "The grey wolf."), page("b", "The blue sea.")]
SECOND = [page("a", "The red fox."), page("a", "The grey whale.")]


@pytest.fixture(params=["store", "document index"])
def destination(request, tmp_path):
    store = RagEmbedVectorStore(tmp_path / "kb", embedding=HashEncoder())
    return store if request.param == "store" else RagEmbedDocumentIndex(store=store)


@pytest.fixture(params=["index", "aindex"])
def run(request, destination):
    manager = InMemoryRecordManager("test")

    async def run(documents, cleanup, **options):
        options |= {"source_id_key": "source", "key_encoder": "sha256", "cleanup": cleanup}
        if request.param == "aindex":
            return await aindex(documents, manager, destination, **options)
        return index(documents, manager, destination, **options)

    return run


def counts(result):
    return [result[f"num_{name}"] for name in ("added", "updated", "skipped", "deleted")]


def texts(destination):
    store = getattr(destination, "store", destination)
    return sorted(one.page_content for one in store.similarity_search("the", k=50))


@pytest.mark.parametrize("cleanup", CLEANUPS)
async def test_a_second_run_keeps_replaces_and_deletes(run, destination, cleanup):
    assert counts(await run(FIRST, cleanup)) == [3, 0, 0, 0]
    assert counts(await run(FIRST, cleanup)) == [0, 0, 3, 0]
    result = await run(SECOND, cleanup)
    old, other = ["The grey wolf."], ["The blue sea."]
    stays = {None: old + other, "full": []}.get(cleanup, other)
    assert counts(result) == [1, 0, 1, 2 - len(stays)]
    assert texts(destination) == sorted(["The red fox.", "The grey whale.", *stays])


async def test_a_forced_update_and_small_batches(run, destination):
    assert counts(await run(FIRST, "full", batch_size=2)) == [3, 0, 0, 0]
    assert counts(await run(FIRST, "full", force_update=True)) == [0, 3, 0, 0]
    assert counts(await run([], "full")) == [0, 0, 0, 3]
    assert texts(destination) == []


async def test_a_document_index_finds(tmp_path):
    store = RagEmbedVectorStore(tmp_path / "kb", embedding=HashEncoder())
    documents = RagEmbedDocumentIndex(store=store, k=2)
    documents.upsert([page("a", "The red fox."), page("b", "The blue sea."), page("c", "Bread.")])
    assert len(documents.invoke("fox")) == 2
    found = documents.invoke("fox", k=9, filter={"source": {"$in": ["b", "c"]}})
    assert sorted(one.metadata["source"] for one in found) == ["b", "c"]
    assert await documents.ainvoke("fox", k=9, filter={"source": {"$in": ["b", "c"]}}) == found
    assert documents.invoke("fox", k=0) == []
    assert documents._get_ls_params()["ls_embedding_model"] == "hash"
    with pytest.raises(TypeError):
        documents.invoke("fox", where={"source": "a"})
    with pytest.raises(TypeError):
        documents.upsert([page("a", "text")], ids=["a"])
