"""A batch is one search, and each of its items one run; calls of a loop overlap."""

from __future__ import annotations

import asyncio
import threading

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_rag_embed import RagEmbedRetriever

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder

QUERIES = ["red fox", "blue sea", "fresh bread", "hiding mice"]


def same(found, expected):
    """The same documents in the same order; the last bits of a score depend on the batch."""
    assert [document.id for document in found] == [document.id for document in expected]
    scores = [[one.score for one in some] for some in (found, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


class Heard(BaseCallbackHandler):
    """What callbacks were told, by run."""

    def __init__(self):
        self.asked, self.found, self.failed, self.tags = {}, {}, {}, {}

    def on_retriever_start(self, serialized, query, *, run_id, tags=None, **kwargs):
        self.asked[run_id] = query
        self.tags[run_id] = tags

    def on_retriever_end(self, documents, *, run_id, **kwargs):
        self.found[self.asked[run_id]] = documents

    def on_retriever_error(self, error, *, run_id, **kwargs):
        self.failed[self.asked[run_id]] = error


@pytest.fixture
def retriever(index):
    return RagEmbedRetriever(index=index, k=2)


@pytest.fixture(params=["batch", "abatch"])
def batch(request, retriever):
    """Both ways to run a batch, as an async function."""

    async def run(*args, **kwargs):
        if request.param == "abatch":
            return await retriever.abatch(*args, **kwargs)
        return retriever.batch(*args, **kwargs)

    return run


async def test_a_batch_encodes_once_and_finds_what_single_calls_find(retriever, batch, counting):
    found = await batch(QUERIES)
    assert counting.queries == [len(QUERIES)]
    for some, query in zip(found, QUERIES, strict=True):
        same(some, retriever.invoke(query))
    assert await batch([]) == []


async def test_each_item_has_its_callbacks(batch):
    heard = Heard()
    found = await batch(QUERIES, {"callbacks": [heard], "max_concurrency": 2})
    assert list(heard.asked.values()) == QUERIES
    assert heard.found == dict(zip(QUERIES, found, strict=True))


async def test_each_item_has_its_config(batch):
    heard = [Heard() for _ in QUERIES]
    configs = [{"callbacks": [one], "tags": [str(i)]} for i, one in enumerate(heard)]
    await batch(QUERIES, configs)
    assert [list(one.found) for one in heard] == [[query] for query in QUERIES]
    assert [list(one.tags.values()) for one in heard] == [[[str(i)]] for i in range(4)]
    with pytest.raises(ValueError, match="same length"):
        await batch(QUERIES, configs[:2])


async def test_a_bad_input_fails_alone(retriever, batch, counting):
    heard = Heard()
    found = await batch(["red fox", 42, "sea"], {"callbacks": [heard]}, return_exceptions=True)
    assert counting.queries == [2]
    same(found[0], retriever.invoke("red fox"))
    assert isinstance(found[1], ValueError)
    same(found[2], retriever.invoke("sea"))
    assert heard.failed == {42: found[1]}
    with pytest.raises(ValueError, match="str"):
        await batch(["red fox", 42])


async def test_a_failing_search_fails_every_item(batch, counting):
    def broken(texts):
        raise RuntimeError("the model is gone")

    counting.encode_query = broken
    heard = Heard()
    found = await batch(QUERIES, {"callbacks": [heard]}, return_exceptions=True)
    assert [str(error) for error in found] == ["the model is gone"] * len(QUERIES)
    assert list(heard.failed) == QUERIES
    with pytest.raises(RuntimeError, match="gone"):
        await batch(QUERIES)


async def test_an_item_that_is_cancelled_leaves_the_others_alone(index, counting):
    entered, go = threading.Event(), threading.Event()
    encode = counting.encode_query

    def slow(texts):
        entered.set()
        assert go.wait(60)
        return encode(texts)

    counting.encode_query = slow
    retriever = RagEmbedRetriever(index=index, k=1)
    shared = retriever._shared(["red fox", "blue sea"], {})
    first, second = (asyncio.ensure_future(shared.ahits(i)) for i in range(2))
    await asyncio.to_thread(entered.wait, 60)
    first.cancel()
    go.set()
    assert [hit.chunk.doc_id for hit in await second] == ["sea"]
    assert first.cancelled()


class Together(HashEncoder):
    """Encodes a query only when five are being encoded at once."""

    def __init__(self):
        super().__init__()
        self.barrier = threading.Barrier(5, timeout=60)

    def encode_query(self, texts):
        self.barrier.wait()
        return super().encode_query(texts)


async def test_five_calls_are_in_flight_at_once_and_the_loop_goes_on():
    index = Index.in_memory(encoder=Together())
    index.add(Document(query, f"All about {query}.") for query in QUERIES)
    retriever = RagEmbedRetriever(index=index, k=1)
    ticks = 0
    done = asyncio.Event()

    async def tick():
        nonlocal ticks
        while not done.is_set():
            await asyncio.sleep(0)
            ticks += 1

    ticker = asyncio.ensure_future(tick())
    texts = [*QUERIES, "red fox"]
    found = await asyncio.gather(*(retriever.ainvoke(text) for text in texts))
    done.set()
    await ticker
    assert [some[0].metadata["rag_embed"]["doc_id"] for some in found] == texts
    assert ticks > 0
