"""What an index remembers: one reader, one writer, and entries of others left alone."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, StoreError
from rag_embed.indexing.roots import Root
from rag_embed.indexing.settings import Expert, IndexSettings, read, write
from rag_embed.personal.setting import Setting
from rag_embed.ranking.relevance import Calibration
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.memory import MemoryStore
from rag_embed.types import Fresh

SIGNATURE = HashEncoder(8).signature
FULL = IndexSettings(
    SIGNATURE,
    {"max_tokens": 9, "overlap": 1},
    tokens={"mean": [0.5]},
    filling={"mean": [0.25]},
    spaces={"small": replace(SIGNATURE, dim=4)},
    sparse={"splade": replace(SIGNATURE, dim=30_522)},
    experts=(Expert("law", "query", "/adapters/law", card={"gain": {"low": 0.1}}),),
    own_weights={"ann": {"dense": 0.3}},
    weights={"dense": 0.25, "lexical": 0.75},
    calibration=Calibration(1.0, 2.0, 3.0, 0.5, "small", {"small": 1.0}),
    personal=Setting(2.0, kinds={"fact": 0.5}),
    situated="measured",
    recipes={"dense": {"encoder": {"kind": "hash", "settings": {"dim": 8}, "files": {}}}},
    contexts=("/kept/contexts.db",),
    roots={"docs": Root("docs", "/srv/docs", whole=False), "tickets": Root("tickets")},
    fresh=Fresh(30, "day", 0.2),
)


@pytest.fixture(params=["memory", "lance"])
def store(request, tmp_path):
    if request.param == "memory":
        return MemoryStore({"dense": 8})
    return LanceStore.create(tmp_path / "kb", {"dense": 8})


def test_everything_comes_back(store) -> None:
    plain = IndexSettings(SIGNATURE, {"max_tokens": None, "overlap": 0})
    for one in (FULL, plain):
        store.configure(one.entries())
        assert read(store) == one
    assert all(getattr(FULL, one.name) != getattr(plain, one.name) for one in fields(FULL)[1:])


def test_a_change_writes_its_own_entry_only(store) -> None:
    store.configure({**FULL.entries(), "llama_index": {"format": 1}})
    before = read(store)
    store.configure(replace(before, situated="by another process").since(before))
    after = write(store, lambda known: replace(known, personal=Setting()))
    assert read(store) == after == replace(FULL, personal=Setting(), situated="by another process")
    assert replace(before, calibration=None).since(before) == {"calibration": None}
    assert store.settings()["llama_index"] == {"format": 1}


def test_what_cannot_be_read_is_refused(store) -> None:
    with pytest.raises(BadInput, match="bare store"):
        read(store)
    for wrong in (
        {"index": {**FULL.entries()["index"], "format": 99}},
        {"index": {**FULL.entries()["index"], "colour": "red"}},
        {"experts": [{"name": "law", "kind": "query", "colour": "red"}]},
        {"personal": {"strength": 1.0, "pooling": "unheard of"}},
        {"spaces": [1]},
    ):
        store.configure(FULL.entries())
        store.configure(wrong)
        with pytest.raises(StoreError, match="upgrade"):
            read(store, "kb")


def test_what_could_not_be_read_again_is_not_written(store) -> None:
    """Such an index could not be opened again, nor the setting taken back."""
    store.configure(FULL.entries())
    for wrong in (
        {"calibration": 3},
        {"weights": {"dense": math.nan}},
        {"situated": object()},
        {"fresh": replace(FULL, fresh=None)},
    ):
        with pytest.raises(BadInput, match=f"cannot keep this as its {next(iter(wrong))}"):
            write(store, lambda known, wrong=wrong: replace(known, **wrong))
        assert read(store) == FULL


def test_a_calibration_is_made_of_numbers() -> None:
    for wrong in ({"score": "a"}, {"words": math.nan}, {"weights": 3}, {"weights": {"dense": "a"}}):
        with pytest.raises(BadInput, match=f"Calibration.{next(iter(wrong))}"):
            replace(Calibration(1.0, 0.0, 0.0), **wrong)


def test_an_index_of_a_newer_version_is_refused(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(8))
    index.add([Document("a", "red fox")])
    own = index.store.settings()["index"]
    index.store.configure({"index": {**own, "format": 99}})
    with pytest.raises(StoreError, match="format 99, this version reads 1"):
        Index.open(tmp_path / "kb", encoder=HashEncoder(8))


def test_processes_that_write_at_the_same_time_lose_nothing(tmp_path) -> None:
    LanceStore.create(tmp_path / "kb", {"dense": 8}, settings=FULL.entries())

    def adds(first: int) -> None:
        store = LanceStore.open(tmp_path / "kb")
        for n in range(first, first + 8):
            expert = Expert(f"e{n}", "query")
            write(store, lambda known, one=expert: replace(known, experts=(*known.experts, one)))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(adds, (0, 10, 20)))
    assert len({one.name for one in read(LanceStore.open(tmp_path / "kb")).experts}) == 1 + 3 * 8


def test_a_store_that_asks_again_loses_nothing_of_the_faster_process(monkeypatch) -> None:
    store = Index.in_memory(encoder=HashEncoder(4)).store
    revise = store.revise

    def lost_once(change) -> None:
        change(store.settings())
        theirs = replace(read(store), contexts=("/theirs",)).since(read(store))
        revise(lambda _: theirs)
        revise(change)

    monkeypatch.setattr(store, "revise", lost_once)
    said = write(store, lambda known: replace(known, contexts=(*known.contexts, "/ours")))
    assert said.contexts == read(store).contexts == ("/theirs", "/ours")


def test_a_fit_of_another_level_is_none(store) -> None:
    """Once a fit weighed what a word's score reached; on the share of words that is held it means nothing."""
    store.configure(FULL.entries())
    known = store.settings()["calibration"]
    del known["words"]
    store.configure({"calibration": {**known, "level": 0.0}})
    assert read(store).calibration == Calibration(1.0, 2.0, 3.0, 0.0, "small", {"small": 1.0})
    store.configure({"calibration": {**known, "level": 5.0}})
    assert read(store).calibration is None
