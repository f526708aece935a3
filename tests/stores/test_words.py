"""Lexical search: the same scores from memory, from the full-text index, and where words are read anew."""

from __future__ import annotations

import threading
import zipfile
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from rag_embed import Chunk, Document, Query
from rag_embed.analysis import Analyzer
from rag_embed.errors import StoreError
from rag_embed.filters import field
from rag_embed.maths.inverted import Seen
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.ranking.legs import LexicalLeg
from rag_embed.ranking.relevance import ANY_MODEL
from rag_embed.stores import renewing
from rag_embed.stores.full_text import FullText
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.lexical import has_index, size_of_words
from rag_embed.stores.memory import MemoryStore
from rag_embed.stores.resident_words import Asked, ReadWords, ResidentWords
from rag_embed.types import ChunkRows

OWNERS = (None, None, "ann", "bob")
VOCABULARY = [f"{a}{b}" for a in ("fox", "tea", "whale", "red", "oak") for b in range(40)]
SHARES = 1 / np.arange(1, 201) / (1 / np.arange(1, 201)).sum()
QUERIES = [
    "fox0 tea3",
    "fox0 fox0 oak39",  # said twice
    " ".join(VOCABULARY),  # many words
    "unknown words",
    "fox0 unknown",
    "the of",
    "",
    "?!",
]
MINE = field("user_id").is_missing() | (field("user_id") == "ann")


def write(store, first: int, count: int) -> None:
    """Documents of two chunks; one in ten says nothing that counts."""
    for i in range(first, first + count):
        random = np.random.default_rng(i)
        lines = [" ".join(random.choice(VOCABULARY, 1 + i % 17, p=SHARES)) for _ in range(2)]
        lines = ["the of", "?!"] if i % 10 == 9 else lines
        document = Document(f"d{i}", "\n".join(lines), user=OWNERS[i % 4])
        cut = len(lines[0])
        chunks = [Chunk.of(document, 0, cut), Chunk.of(document, cut + 1, len(document.text))]
        store.replace([(document, "h")], ChunkRows(chunks, {"dense": np.eye(2, 4)}))


@pytest.fixture
def store(tmp_path) -> LanceStore:
    made = LanceStore.create(tmp_path / "kb", {"dense": 4})
    write(made, 0, 40)
    return made


def small(store: LanceStore) -> LanceStore:
    """The same index, read by a process that holds nothing in memory."""
    other = LanceStore.open(store.uri)
    other.cache_bytes = 0
    return other


def same(view, other, exact: bool) -> None:
    """Whatever is asked, both say the same."""
    for where in (None, MINE, field("user_id").is_missing(), field("doc_id") == "d2"):
        for n in (3, 1000):
            for a, b in zip(
                view.lexical(QUERIES, n, where), other.lexical(QUERIES, n, where), strict=True
            ):
                np.testing.assert_allclose(a[1], b[1], rtol=1e-5)
                assert a[0] == b[0] if exact else sorted(a[1]) == pytest.approx(sorted(b[1]))
    ids = [*view.passing(None), "nope"]
    some = [ids[i::3] for i in range(len(QUERIES))]
    for a, b in zip(
        view.lexical_scores(QUERIES, some), other.lexical_scores(QUERIES, some), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_memory_index_and_reading_say_the_same(store) -> None:
    """Rows that no index knows included; the index where it is up to date."""
    reference = MemoryStore({"dense": 4})
    write(reference, 0, 40)
    views = [store.view(), small(store).view()]
    other = small(store)
    other.optimize()
    views.append(other.view())
    assert [type(view._words) for view in views] == [ResidentWords, ReadWords, FullText]
    for view in views:
        same(view, reference.view(), exact=True)
    store.delete(["d3", "d10"])
    reference.delete(["d3", "d10"])
    write(store, 40, 30)
    write(reference, 40, 30)
    same(store.view(), reference.view(), exact=True)
    other.optimize()
    same(other.view(), reference.view(), exact=True)


def test_owned_chunks_of_a_large_index_are_judged_by_all_shared_ones(tmp_path) -> None:
    """By a sample of them, scores were a thousandth off."""
    store = LanceStore.create(tmp_path / "kb", {"dense": 4})
    random = np.random.default_rng(0)
    documents = [
        Document(f"d{i}", " ".join(random.choice(VOCABULARY, random.integers(1, 60), p=SHARES)))
        for i in range(9000)
    ]
    documents += [Document(f"ann/{i}", f"fox0 tea3 fox{i}", user="ann") for i in range(5)]
    chunks = [Chunk.of(document, 0, len(document.text)) for document in documents]
    rows = ChunkRows(chunks, {"dense": np.ones((len(chunks), 4))})
    store.replace([(document, "h") for document in documents], rows)
    other = small(store)
    other.optimize()
    mine = field("user_id") == "ann"
    [(ids, scores)] = store.view().lexical(["fox0 tea3"], 9, mine)
    [(again, theirs)] = other.view().lexical(["fox0 tea3"], 9, mine)
    assert again == ids and len(ids) == 5
    np.testing.assert_allclose(theirs, scores, rtol=1e-6)


def test_candidates_are_scored_as_the_search_scores_them(store) -> None:
    view = store.view()
    [(ids, scores)] = view.lexical(["fox0 tea3"], 500, MINE)
    [again] = view.lexical_scores(["fox0 tea3"], [[*ids[::-1], "nope"]])
    assert np.array_equal(again, [*scores[::-1], 0.0])
    assert view.lexical_scores([], []) == [] and view.lexical_scores(["fox0"], [[]])[0].size == 0


def test_a_search_cuts_its_words_and_adds_its_scores_up_once(store, monkeypatch) -> None:
    """Of the query nothing is kept afterwards."""
    counted = []

    def bm25(self, *given):
        counted.append(given)
        return added_up(self, *given)

    added_up = Seen.bm25
    monkeypatch.setattr(Seen, "bm25", bm25)
    alone = replace(ANY_MODEL, weights={"lexical": 1.0})
    hybrid = Hybrid(store, (LexicalLeg(),), {"lexical": 1.0}, alone)
    assert hybrid.retrieve([Query("fox0 tea3", user="ann")])[0]
    assert len(counted) == 1
    hybrid.retrieve([Query("fox0 tea3"), Query("oak39")])
    assert len(counted) == 3
    assert not store.view()._words._asked._scores


def test_scores_of_many_queries_take_bounded_room() -> None:
    asked = Asked(room=1000)
    for number in range(5):
        asked.put(str(number), np.full(100, number, np.float32))
    assert [asked.take(str(number)) is None for number in range(5)] == [True] * 3 + [False] * 2
    assert asked.take("4") is None


def test_an_index_that_fits_has_no_full_text_index(store) -> None:
    """It is built when the words no longer fit, by whoever tidies up."""
    store.optimize()
    assert not has_index(store._chunks)
    other = small(store)
    other.tidy()
    assert has_index(store._chunks)
    before = store.view()
    assert type(before._words) is ResidentWords
    write(store, 40, 3)
    assert store.view().snapshot.resident.roster is before.snapshot.resident.roster


def test_long_texts_that_do_not_fit_get_an_index(tmp_path) -> None:
    """Few chunks, whose vectors would fit."""
    store = LanceStore.create(tmp_path / "kb", {"dense": 4})
    write(store, 0, 30)
    taken = size_of_words(store._chunks)
    store.cache_bytes = 10_000
    document = Document("long", " ".join(f"word{i}" for i in range(3000)))
    chunk = Chunk.of(document, 0, len(document.text))
    assert taken < store.cache_bytes
    assert type(store.view()._words) is ResidentWords
    store = LanceStore.open(store.uri)
    store.replace([(document, "h")], ChunkRows([chunk], {"dense": np.eye(1, 4)}))
    store.cache_bytes = 10_000
    assert size_of_words(store._chunks) > store.cache_bytes
    assert store.view().snapshot.resident is not None and type(store.view()._words) is ReadWords
    store.optimize()
    write(store, 30, 1)
    assert type(store.view()._words) is FullText
    assert store.view().lexical(["word2999"], 5, None)[0][0] == [chunk.id]


def test_a_new_chunk_costs_what_it_holds(store) -> None:
    store.view().lexical(["fox0"], 3, None)
    words = store.view()._words._spoken.words
    with mock.patch.object(type(store.view().snapshot), "stream", side_effect=AssertionError):
        for i in range(40, 60):
            write(store, i, 1)
            store.view().lexical(["fox0"], 3, None)
    assert store.view()._words._spoken.words is words
    assert len(words._parts) <= 8
    sizes = [len(part.rows) for part in words._parts]
    assert all(a > 2 * b for a, b in pairwise(sizes))


def test_readers_of_all_versions_while_one_writes(store) -> None:
    """A view goes on saying what it said, in whatever thread, while words of later versions come."""
    faults: list[object] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                view = store.view()
                before = [(a, b.tolist()) for a, b in view.lexical(QUERIES[:3], 50, MINE)]
                reference = MemoryStore({"dense": 4})
                write(reference, 0, len(view) // 2)
                for (ids, scores), (known, exact) in zip(
                    before, reference.view().lexical(QUERIES[:3], 50, MINE), strict=True
                ):
                    if ids != known or not np.allclose(scores, exact, rtol=1e-6):
                        faults.append((len(view), ids, known))
                if [(a, b.tolist()) for a, b in view.lexical(QUERIES[:3], 50, MINE)] != before:
                    faults.append("changed")
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(40, 60):
        write(store, i, 1)
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []


class Shouting(Analyzer):
    """Other rules by which words are cut."""

    def words(self, text: str) -> list[str]:
        return [f"{word}!" for word in text.split()]

    asked = words


def test_other_rules_analyse_an_index_anew(store, monkeypatch) -> None:
    """What lexical search reads of a chunk is kept, so that no document is needed."""
    assert (
        store.view().lexical(["fox0!"], 100, None)[0][0]
        == (store.view().lexical(["fox0"], 100, None)[0][0])
    )
    monkeypatch.setattr(renewing, "VERSION", 9)
    monkeypatch.setattr(renewing, "read_analyzer", lambda _: Shouting())
    monkeypatch.setattr("rag_embed.stores.lance.read_analyzer", lambda _: Shouting())
    monkeypatch.setattr("rag_embed.stores.analysing._BATCH", 7)
    again = LanceStore.open(store.uri)
    assert again.settings()["store"]["words"] == 9
    texts = {c.id: c.text for c in again.view().chunks(again.view().passing(None))}
    assert sorted(again.view().lexical(["the"], 100, None)[0][0]) == sorted(
        id for id, text in texts.items() if "the" in text.split()
    )
    with monkeypatch.context() as patch:
        patch.setattr(renewing, "VERSION", 1)
        with pytest.raises(
            StoreError,
            match=rf"format {renewing.FORMAT}\.9, this version reads up to {renewing.FORMAT}\.1",
        ):
            LanceStore.open(store.uri)
    with mock.patch.object(renewing, "analyse", side_effect=AssertionError("analysed twice")):
        LanceStore.open(store.uri)


FIXTURE = Path(__file__).parents[1] / "fixtures" / "index_before_settings.zip"


@pytest.fixture
def old(tmp_path) -> str:
    zipfile.ZipFile(FIXTURE).extractall(tmp_path / "old")
    return str(tmp_path / "old")


def test_an_index_without_words_is_given_them(old) -> None:
    store = LanceStore.open(old)
    rows = store._chunks.to_arrow()
    assert (
        not has_index(store._chunks) and Counter(rows["id"].to_pylist()).most_common(1)[0][1] == 1
    )
    for text, words in (("lexical_text", "words"), ("private_text", "private_words")):
        for before, after in zip(rows[text].to_pylist(), rows[words].to_pylist(), strict=True):
            assert (before is None) == (after is None)
            assert before is None or after.split() == store.analyzer.words(before)
    assert store.settings()["store"]["format"] == renewing.FORMAT
    version = store._chunks.version
    assert LanceStore.open(old)._chunks.version == version


@pytest.mark.parametrize("step", ["analyse", "revise"])
def test_a_process_that_dies_leaves_it_to_the_next(old, monkeypatch, step) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(renewing, step, mock.Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            LanceStore.open(old)
    test_an_index_without_words_is_given_them(old)


def test_many_may_open_it_at_one_moment(old) -> None:
    faults: list[Exception] = []
    found: list[int] = []

    def read() -> None:
        try:
            found.append(len(LanceStore.open(old).view().lexical(["fox"], 50, None)[0][0]))
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == [] and len(set(found)) == 1 and found[0] > 0
