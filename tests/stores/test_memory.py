"""An index in memory under threads, tasks, forks and interrupts: nothing is lost."""

import asyncio
import multiprocessing
import sys
import threading
import tracemalloc
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from forking import forked

from rag_embed import Document, Index
from rag_embed.analysis import Analyzer
from rag_embed.encoders import HashEncoder, load
from rag_embed.maths.bm25 import Postings
from rag_embed.stores.memory_files import MemoryFiles

ENCODER = HashEncoder(dim=64)
FOXES = [Document(f"fox-{i}", f"The fox number {i} is red.") for i in range(20)]
NO_FORK = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


@NO_FORK
def test_an_index_in_memory_after_a_fork() -> None:
    index = Index.in_memory(encoder=ENCODER)
    index.add(FOXES)
    before = index.search("fox number 7")

    def child() -> tuple[list[str], int]:
        found = [hit.id for hit in index.search("fox number 7")]
        return found, index.add([Document("new", "A blue whale.")]).added

    assert forked(child) == ([hit.id for hit in before], 1)
    assert len(index) == len(FOXES)


def test_threads_that_add_to_an_index_in_memory_lose_nothing() -> None:
    index = Index.in_memory(encoder=ENCODER)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda document: index.add([document]), FOXES * 2))
    assert sorted(index.contents.matching()) == sorted(document.id for document in FOXES)
    for document in FOXES:
        assert index.search(document.text, k=1)[0].chunk.doc_id == document.id


async def test_tasks_that_add_to_an_index_in_memory_lose_nothing() -> None:
    index = Index.in_memory(encoder=ENCODER)
    await asyncio.gather(*(asyncio.to_thread(index.add, [document]) for document in FOXES))
    await asyncio.gather(*(asyncio.to_thread(index.delete, [d.id]) for d in FOXES[:10]))
    assert sorted(index.contents.matching()) == sorted(document.id for document in FOXES[10:])


def test_a_write_to_memory_that_is_interrupted_leaves_all_as_it_was(monkeypatch) -> None:
    index = Index.in_memory(encoder=ENCODER)
    index.add(FOXES)
    before = index.search("fox number 7")

    def interrupted(words: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Postings, "of", interrupted)
        for change in (
            lambda: index.add([Document("fox-7", "A blue whale.")]),
            lambda: index.delete(["fox-7"]),
        ):
            with pytest.raises(KeyboardInterrupt):
                change()
    assert index.search("fox number 7") == before
    assert index.add([Document("new", "A blue whale.")]).added == 1
    assert index.search("fox number 7", k=1)[0].chunk.doc_id == "fox-7"


def test_a_write_to_memory_analyses_what_it_brings(monkeypatch) -> None:
    index = Index.in_memory(encoder=ENCODER)
    index.add(FOXES)
    analysed = []
    words = Analyzer.words

    def counted(analyzer: Analyzer, text: str) -> list[str]:
        analysed.append(text)
        return words(analyzer, text)

    monkeypatch.setattr(Analyzer, "words", counted)
    index.add([Document("new", "A blue whale.")])
    index.delete(["fox-7"])
    assert analysed == ["A blue whale."]


@NO_FORK
@pytest.mark.filterwarnings("ignore")  # Python warns of forks with threads, which is the point
def test_a_pool_of_forked_processes_searches_an_index_in_memory() -> None:
    """As gunicorn with preload_app and Celery do it: the parent has searched before."""
    index = Index.in_memory(encoder=load())
    index.add(FOXES[:3])
    before = [hit.id for hit in index.search("the fox number 1", k=2)]
    _SHARED.append(index)
    try:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found = pool.map_async(_search_shared, ["the fox number 1"] * 4).get(120)
    finally:
        _SHARED.clear()
    assert found == [before] * 4


_SHARED: list[Index] = []


def _search_shared(text: str) -> list[str]:
    return [hit.id for hit in _SHARED[0].search(text, k=2)]


class Slow(Mapping[str, bytes]):
    """Files that take long to read the second time: another thread puts its own meanwhile."""

    def __init__(self, files: MemoryFiles) -> None:
        self.other = threading.Thread(target=files.put, args=({"b": b"2"},))
        self.times = 0

    def __getitem__(self, name: str) -> bytes:
        return {"a": b"1"}[name]

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        if self.times == 2:
            self.other.start()
            self.other.join(0.1)
        return iter(["a"])


def test_threads_that_put_files_in_memory_lose_none() -> None:
    files = MemoryFiles()
    slow = Slow(files)
    files.put(slow)  # checked first, taken in afterwards
    slow.other.join()
    assert slow.times == 2 and files.names() == ["a", "b"]


def test_threads_that_remember_at_the_same_time_lose_nothing() -> None:
    index = Index.in_memory(encoder=ENCODER)
    together = threading.Barrier(8)

    def remember(turn: int) -> None:
        together.wait()
        index.users.remember("ann", [f"event {turn}"])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(remember, range(8)))
    assert len(index.users.profiles.history("ann")) == 8


def test_which_words_of_a_long_query_are_held_takes_no_room_by_the_chunks() -> None:
    """There was a row over all chunks for every word: a page as a question asked for gigabytes."""
    index = Index.in_memory(encoder=ENCODER)
    index.add(Document(f"{i}", f"fox {i}") for i in range(500))
    view, words = index.store.view(), [f"w{i}" for i in range(20_000)]
    [one, *_] = view.passing(None)
    tracemalloc.start()
    assert not view.holding(words, [one]).any()
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
