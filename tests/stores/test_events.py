"""Both event stores fulfil one contract; what LanceDB leaves on disk, with writers and crashes."""

from __future__ import annotations

import itertools
import random
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from children import Child
from lancedb.index import BTree

from rag_embed.errors import SpaceMismatch, StoreError
from rag_embed.maths.attention import Attention, attention
from rag_embed.maths.vectors import unit
from rag_embed.stores import event_search, upkeep
from rag_embed.stores import events as module
from rag_embed.stores.events import LanceEvents
from rag_embed.stores.memory_events import MemoryEvents
from rag_embed.testing.event_data import DIM, event, remember, rows
from rag_embed.testing.events import EventStoreContract, expected_total, state
from rag_embed.types import Signature

SIGNATURE = Signature("hash", "1", DIM, 100)


class TestMemoryEvents(EventStoreContract):
    @pytest.fixture
    def make(self):
        return lambda half_life=None: MemoryEvents(DIM, half_life=half_life)


class TestLanceEvents(EventStoreContract):
    @pytest.fixture
    def make(self, tmp_path):
        count = itertools.count()
        return lambda half_life=None: LanceEvents(
            tmp_path / str(next(count)), SIGNATURE, half_life=half_life
        )


class TestIndexedEvents(TestLanceEvents):
    """With search indexes, which small tables do not have, over some of the rows.

    All parts of the vector index are looked into, so that it misses nothing.
    """

    @pytest.fixture(autouse=True)
    def indexed(self, monkeypatch):
        monkeypatch.setattr(module, "BUCKETS", 1)
        monkeypatch.setattr(upkeep, "COMMITS", 2)
        monkeypatch.setattr(upkeep, "LOOSE", 40)
        monkeypatch.setattr(event_search, "INDEXED", 40)
        monkeypatch.setattr(event_search, "_PROBES", 1000)


@pytest.fixture(params=["plain", "indexed"])
def one_bucket(monkeypatch, request):
    """All users share files: the hard case for erasing one. With search indexes, and without."""
    monkeypatch.setattr(module, "BUCKETS", 1)
    if request.param == "indexed":
        monkeypatch.setattr(upkeep, "COMMITS", 2)
        monkeypatch.setattr(event_search, "INDEXED", 8)
    return request.param


def marks(user: str, ids: range) -> list[bytes]:
    """All that could betray a user: id, texts, metadata, and the bytes of every vector.

    Names stand in brackets: what betrays user1 is not to be found with user10.
    """
    found = [f"<{user}>".encode()]
    for i in ids:
        text, outcome = f"text {i} of <{user}>", f"outcome {i} of <{user}>"
        found += [text.encode(), outcome.encode(), f"note {i} of <{user}>".encode()]
        found += [rows(text)[0].tobytes(), rows(outcome)[0].tobytes()]
    return found


def betrayed(folder: Path, needles: list[bytes]) -> set[str]:
    """Names of files that hold any of them."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if any(needle in content for needle in needles):
                found.add(str(path))
    return found


def events_of(user: str, ids: range) -> list:
    return [
        event(
            user,
            f"{i} <{user}>",
            f"text {i} of <{user}>",
            float(i),
            outcome=f"outcome {i} of <{user}>",
            metadata={"note": f"note {i} of <{user}>"},
        )
        for i in ids
    ]


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*.lance") if path.is_file()}


def test_many_at_once_are_written_in_parts(tmp_path, monkeypatch) -> None:
    """LanceDB holds what it merges in memory, and refuses what is more than 300 MB."""
    monkeypatch.setattr(module, "_AT_ONCE", 3 * 2 * 4 * DIM)
    sizes, upsert = [], module.upsert

    def seen(table, key, written, local) -> None:
        sizes.append(len(written))
        upsert(table, key, written, local)

    monkeypatch.setattr(module, "upsert", seen)
    store, whole = LanceEvents(tmp_path, SIGNATURE), MemoryEvents(DIM)
    for one in (store, whole):
        remember(one, *events_of("ann", range(8)), *events_of("ben", range(2)))
    assert len(sizes) == 4 and max(sizes) == 3 + 1, "and the user's sum"
    assert state(store, ["ann", "ben"]) == state(whole, ["ann", "ben"])


def test_no_byte_of_a_forgotten_user_is_left(tmp_path, one_bucket) -> None:
    """Few rows among many: LanceDB alone would keep them in the files of the others."""
    store = LanceEvents(tmp_path, SIGNATURE)
    for part in range(3):  # several files and old versions
        for user in ("big", "ann", "ben"):
            n = 60 if user == "big" else 2
            remember(store, *events_of(user, range(part * n, (part + 1) * n)))
    remember(store, *events_of("ann", range(1)))  # replaced: the old row stays in its file
    ann, ben = marks("ann", range(6)), marks("ben", range(6))
    for needle in ann:
        assert betrayed(tmp_path, [needle]), needle
    named = [path for path in betrayed(tmp_path, ann[:1]) if "_indices" in path]
    assert bool(named) == (one_bucket == "indexed"), "a search index names events as they are"
    before, others = files(tmp_path), state(store, ["big", "ben"])
    assert store.forget("ann") == 6
    assert betrayed(tmp_path, ann) == set()
    assert not before & files(tmp_path), "every file of the bucket was written anew"
    assert state(store, ["big", "ben"]) == others and betrayed(tmp_path, ben)
    assert state(LanceEvents(tmp_path, SIGNATURE), ["big", "ben"]) == others


def test_no_byte_of_a_forgotten_event_is_left(tmp_path, one_bucket) -> None:
    store = LanceEvents(tmp_path, SIGNATURE, half_life=50.0)
    remember(store, *events_of("big", range(50)))
    remember(store, *events_of("ann", range(1)))  # alone in the sum: the sum is its vector
    alone = store.total("ann").total.tobytes()
    remember(store, *events_of("ann", range(1, 4)))
    first = [one for one in marks("ann", range(1)) if one != b"<ann>"] + [b"0 <ann>", alone]
    for needle in first if one_bucket == "plain" else first[:-1]:  # upkeep drops old sums
        assert betrayed(tmp_path, [needle]), needle
    others = state(store, ["big"])
    assert store.forget("ann", ["0 <ann>"]) == 1
    assert betrayed(tmp_path, first) == set()
    assert [e.id for e in store.history("ann").events] == ["1 <ann>", "2 <ann>", "3 <ann>"]
    np.testing.assert_allclose(store.total("ann").total, expected_total(store, "ann"), atol=1e-9)
    assert state(store, ["big"]) == others


DEAD = [f"{'01' * 12}{'ab' * 13}.lance", ".tmpZjjDde", f"{'01' * 12}{'ab' * 13}.lance#1"]


@pytest.mark.parametrize("name", DEAD)
@pytest.mark.parametrize("known", [True, False])
def test_what_a_write_that_died_left_behind_goes_too(tmp_path, one_bucket, known, name) -> None:
    """A file with the user's rows that no version names: the user may never have been there.

    A write is killed after its file has a name, or before: then it has a passing one.
    """
    store, elsewhere = LanceEvents(tmp_path / "a", SIGNATURE), tmp_path / "b"
    remember(store, *events_of("big", range(5)))
    remember(LanceEvents(elsewhere, SIGNATURE), *events_of("ann", range(2)))
    if known:
        remember(store, *events_of("ann", range(2)))
    [data] = (elsewhere / "events_00.lance" / "data").glob("*.lance")
    shutil.copy(data, tmp_path / "a" / "events_00.lance" / "data" / name)
    assert betrayed(tmp_path / "a", marks("ann", range(2)))
    assert store.forget("ann") == (2 if known else 0)
    assert betrayed(tmp_path / "a", marks("ann", range(2))) == set()
    assert len(store.history("big")) == 5


class Killed(BaseException):
    """As if the process ended here."""


@pytest.mark.parametrize("step", ["delete", "update", "create_index", "optimize", "drop_table"])
@pytest.mark.parametrize("ids", [None, ["0 <ann>"]])
def test_a_crash_while_forgetting_is_finished_by_whoever_comes_next(
    tmp_path, one_bucket, monkeypatch, step, ids
) -> None:
    store = LanceEvents(tmp_path, SIGNATURE)
    remember(store, *events_of("big", range(20)))
    remember(store, *events_of("ann", range(1)))
    remember(store, *events_of("ann", range(1, 3)))
    others = state(store, ["big"])
    table = store._table("events_00")

    def killed(*_arguments: object, **_options: object) -> None:
        raise Killed

    target = store._database if step == "drop_table" else table
    if step == "create_index":
        for column in ("key", "user_id"):
            table.create_index(column, config=BTree())
    step = "merge_insert" if step == "delete" and ids else step
    with monkeypatch.context() as patch:
        patch.setattr(target, step, killed)
        with pytest.raises(Killed):
            store.forget("ann", ids)
    gone = marks("ann", range(3) if ids is None else range(1))[1:]
    again = LanceEvents(tmp_path, SIGNATURE)
    assert not [name for name in again._names() if "erasing" in name]
    assert state(again, ["big"]) == others
    if step in ("delete", "merge_insert"):  # before anything was deleted: nothing happened
        assert len(again.history("ann")) == 3
        assert again.forget("ann", ids) == (3 if ids is None else 1)
    assert betrayed(tmp_path, gone) == set()
    assert len(again.history("ann")) == (0 if ids is None else 2)


def test_forgetting_again_finishes_it_too(tmp_path, one_bucket, monkeypatch) -> None:
    """Another process that lives on finds nothing to delete, but the mark."""
    store, other = LanceEvents(tmp_path, SIGNATURE), LanceEvents(tmp_path, SIGNATURE)
    remember(store, *events_of("big", range(20)), *events_of("ann", range(2)))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(store, "_rewrite", lambda name: (_ for _ in ()).throw(Killed))
        store.forget("ann")
    assert betrayed(tmp_path, marks("ann", range(2)))
    assert other.forget("ann") == 0
    assert betrayed(tmp_path, marks("ann", range(2))) == set()


def started(folder: Path, errors: list[BaseException], act) -> threading.Thread:
    """A thread with a store of its own."""

    def run() -> None:
        try:
            act(LanceEvents(folder, SIGNATURE))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def write(user: str, first: int):
    def act(store: LanceEvents) -> None:
        for i in range(8):
            remember(store, *events_of(user, range(i, i + 1)))
            remember(store, *events_of("all", range(first + i, first + i + 1)))

    return act


def erase(store: LanceEvents) -> None:
    for i in range(4):
        remember(store, *events_of("gone", range(i, i + 2)))
        assert store.forget("gone") == 2


def read(store: LanceEvents) -> None:
    for _ in range(30):
        assert [e.id for e in store.history("fix").events] == [f"{i} <fix>" for i in range(5)]
        assert {e.user for e in store.history("all").events} <= {"all"}


def test_writers_and_readers_at_once(tmp_path, one_bucket) -> None:
    """Nothing is lost or doubled, sums stay exact, and nobody reads a half-erased table."""
    errors: list[BaseException] = []
    remember(LanceEvents(tmp_path, SIGNATURE, half_life=9.0), *events_of("fix", range(5)))
    acts = (write("a", 0), write("b", 100), erase, read)
    threads = [started(tmp_path, errors, act) for act in acts]
    for thread in threads:
        thread.join()
    assert errors == []
    store = LanceEvents(tmp_path, SIGNATURE)
    for user, count in (("a", 8), ("b", 8), ("all", 16), ("fix", 5), ("gone", 0)):
        assert len(store.history(user)) == count == store.total(user).count
        np.testing.assert_allclose(store.total(user).total, expected_total(store, user), atol=1e-9)
    assert betrayed(tmp_path, marks("gone", range(5))) == set()


def work(folder: Path, commits: int) -> None:
    """What the killed process does: remembers and forgets, and says what is done."""
    module.BUCKETS, upkeep.COMMITS = 1, commits
    store = LanceEvents(folder, SIGNATURE)
    for i in range(1000):
        user = f"user{i}"
        remember(store, *events_of(user, range(2)))
        print("has", user)
        store.forget(user)
        print("lost", user)


def killed(folder: Path, times: int, chance: random.Random) -> None:
    """Kill a process that remembers and forgets at some instant, look, and go on with the next."""
    store = LanceEvents(folder, SIGNATURE)
    remember(store, *events_of("big", range(30)))
    others = state(store, ["big"])
    for _ in range(times):
        child = Child(work, folder, upkeep.COMMITS)
        assert child.line() == "has user0"
        time.sleep(chance.uniform(0.05, 0.6))
        said = child.kill().splitlines()
        lost = [line.split()[1] for line in said if line.startswith("lost")]
        store = LanceEvents(folder, SIGNATURE)
        assert state(store, ["big"]) == others
        open_ = set(store.users()) - {"big"}
        assert len(open_) <= 1 and not open_ & set(lost)
        for user in lost:
            assert betrayed(folder, marks(user, range(2))) == set()
        for user in open_:
            assert len(store.history(user)) == 2 == store.total(user).count
            assert store.forget(user) == 2
            assert betrayed(folder, marks(user, range(2))) == set()
        unborn = f"user{len(lost)}"  # killed while being remembered, maybe
        store.forget(unborn)
        assert betrayed(folder, marks(unborn, range(2))) == set()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_at_any_instant_a_user_is_there_or_gone(tmp_path, one_bucket) -> None:
    killed(tmp_path, 2, random.Random(3))


def test_many_small_writes_stay_in_few_files(tmp_path, one_bucket, monkeypatch) -> None:
    monkeypatch.setattr(upkeep, "COMMITS", 8)
    store = LanceEvents(tmp_path, SIGNATURE)
    for i in range(30):
        remember(store, *events_of("ann", range(i, i + 1)))
    assert store._table("events_00").stats()["fragment_stats"]["num_fragments"] <= 9
    assert len(store.history("ann")) == 30 == store.total("ann").count


def test_many_rows_are_found_by_search_indexes(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "BUCKETS", 1)
    monkeypatch.setattr(upkeep, "LOOSE", 10)
    store = LanceEvents(tmp_path, SIGNATURE)
    remember(store, *events_of("ann", range(9)))
    assert store._table("events_00").list_indices() == []
    remember(store, *events_of("ben", range(9)))
    found = store._table("events_00").list_indices()
    assert {(index.columns[0], index.index_type) for index in found} == {
        ("key", "BTree"),
        ("user_id", "BTree"),
        ("time", "BTree"),
        ("weight", "BTree"),
    }
    remember(store, *events_of("ann", range(8, 10)))
    assert [e.id for e in store.history("ann").events] == [f"{i} <ann>" for i in range(10)]
    assert store.total("ann").count == 10 and len(store.history("ben")) == 9


@pytest.fixture
def vector_index(monkeypatch):
    """A bucket of 40 rows has a vector index."""
    monkeypatch.setattr(module, "BUCKETS", 1)
    monkeypatch.setattr(upkeep, "LOOSE", 40)
    monkeypatch.setattr(event_search, "INDEXED", 40)


def vector_indexes(store: LanceEvents) -> list[str]:
    found = store._table("events_00").list_indices()
    return [index.index_type for index in found if index.columns == ["key_vector"]]


def test_the_vector_index_forgets_too(tmp_path, vector_index) -> None:
    """It holds keys as they are; what stays is found by a new one."""
    store = LanceEvents(tmp_path, SIGNATURE)
    remember(store, *events_of("big", range(60)), *events_of("ann", range(3)))
    assert vector_indexes(store) == ["IvfFlat"]
    keys = [rows(f"text {i} of <ann>")[0].tobytes() for i in range(3)]
    assert any("_indices" in path for path in betrayed(tmp_path, keys))
    assert store.forget("ann") == 3
    assert betrayed(tmp_path, keys) == set()
    assert vector_indexes(store) == ["IvfFlat"]
    row = rows("text 7 of <big>")[0]
    assert "7 <big>" in {one.id for one in store.near("big", row, 2, Attention()).events}


def test_the_index_misses_nobody_whose_events_are_few_in_a_bucket(tmp_path, vector_index) -> None:
    """The parts around a query can be full of others' events, and new ones in no index at all."""
    store, rng = LanceEvents(tmp_path, SIGNATURE), np.random.default_rng(0)
    near, far = (
        unit(at + 0.1 * rng.normal(size=(900, DIM))) for at in (np.eye(1, DIM), np.eye(1, DIM, 1))
    )
    store.add([event("ben", str(i)) for i in range(900)], near, near)
    store.add([event("ann", str(i)) for i in range(90)], far[:90], far[:90])
    assert vector_indexes(store) == ["IvfFlat"]
    fresh = unit(np.eye(1, DIM) + np.eye(1, DIM, 1))
    store.add([event("ann", "fresh")], fresh, fresh)
    found = store.near("ann", near[0], 5, Attention())
    assert len(found) == 5 and {one.user for one in found.events} == {"ann"}
    assert "fresh" in {one.id for one in found.events}


def test_a_long_history_is_not_read(tmp_path, monkeypatch) -> None:
    """What is read does not grow with it, but where age and weight ask for more."""
    store = LanceEvents(tmp_path, SIGNATURE)
    keys = unit(np.random.default_rng(1).normal(size=(3000, DIM)))
    store.add([event("ann", str(i), time=float(i)) for i in range(3000)], keys, keys)
    monkeypatch.setattr(store, "history", Killed)
    for attending in (Attention(), Attention(half_life=5.0), Attention(kinds={"x": 0.0})):
        assert 8 <= len(store.near("ann", keys[5], 8, attending)) <= 9


def test_users_are_dealt_to_many_tables(tmp_path) -> None:
    store = LanceEvents(tmp_path, SIGNATURE)
    remember(store, *(event(f"user{i}", "1") for i in range(200)))
    assert 50 <= len(store._names()) <= module.BUCKETS
    assert len(store.users()) == 200


def test_every_table_can_be_written_after_reopening(tmp_path) -> None:
    users = [f"user{i}" for i in range(12)]
    remember(LanceEvents(tmp_path, SIGNATURE), *(event(user, "1") for user in users))
    again = LanceEvents(tmp_path, SIGNATURE)
    for user in users:
        remember(again, event(user, "2"))
        assert again.total(user).count == 2 == len(LanceEvents(tmp_path, SIGNATURE).history(user))


def test_another_encoder_or_half_life_is_refused(tmp_path) -> None:
    remember(LanceEvents(tmp_path, SIGNATURE, half_life=5.0), event("ann", "1"))
    with pytest.raises(SpaceMismatch, match="weights"):
        LanceEvents(tmp_path, Signature("hash", "2", DIM, 100))
    with pytest.raises(StoreError, match="half_life"):
        LanceEvents(tmp_path, SIGNATURE, half_life=None)
    assert LanceEvents(tmp_path, SIGNATURE).half_life == 5.0


def test_an_index_and_its_events_share_a_folder(tmp_path) -> None:
    from rag_embed import Document, Index
    from rag_embed.encoders import HashEncoder

    index = Index.create(tmp_path / "kb", encoder=HashEncoder(DIM))
    index.add([Document("d", "a red fox")])
    remember(LanceEvents(tmp_path / "kb", SIGNATURE), *events_of("ann", range(3)))
    again = Index.open(tmp_path / "kb", encoder=HashEncoder(DIM))
    assert [hit.chunk.doc_id for hit in again.search("fox")] == ["d"]
    assert LanceEvents(tmp_path / "kb", SIGNATURE).forget("ann") == 3


def test_upkeep_leaves_the_parts_of_the_vector_index(tmp_path, vector_index) -> None:
    """LanceDB joined parts that are small for it, and then every search read every event."""
    store, rng = LanceEvents(tmp_path, SIGNATURE), np.random.default_rng(0)
    keys = unit(np.eye(DIM)[rng.integers(DIM, size=900)] + 0.05 * rng.normal(size=(900, DIM)))
    store.add([event("ann", str(i)) for i in range(900)], keys, keys)
    for number in range(2):
        upkeep.optimized(store._table("events_00"), True)
        search = store._table("events_00").search(keys[0], vector_column_name="key_vector")
        plan = (
            search.distance_type("dot")
            .limit(3)
            .minimum_nprobes(1)
            .maximum_nprobes(1)
            .analyze_plan()
        )
        [compared] = re.findall(r"ANNSubIndex.*?index_comparisons=(\d+)", plan)
        assert 0 < int(compared) < 200, number


@pytest.mark.parametrize("half_life", [None, 20.0, 300.0])
def test_a_long_history_with_others_beside_it_is_found_as_by_attention(
    tmp_path, vector_index, half_life
) -> None:
    store, rng = LanceEvents(tmp_path, SIGNATURE), np.random.default_rng(3)
    topics = unit(rng.normal(size=(12, DIM)))
    keys = unit(topics[rng.integers(12, size=2400)] + 0.05 * rng.normal(size=(2400, DIM)))
    kinds = rng.choice(["a", "b"], size=2400)
    users = rng.choice(["ann", "ann", "ben"], size=2400)
    events = [
        event(u, f"{i}", time=float(i), kind=k)
        for i, (u, k) in enumerate(zip(users, kinds, strict=True))
    ]
    store.add(events, keys, keys)
    history = store.history("ann")
    for kinds in ({}, {"a": 0.0}):
        attending = Attention(0.05, half_life, kinds)
        weights = attending.weighted(history.weights, [one.kind for one in history.events])
        for row in unit(topics[:4] + 0.05 * rng.normal(size=(4, DIM))):
            shares = attention(
                history.keys @ row,
                weights,
                history.times,
                temperature=0.05,
                half_life=half_life,
                top=8,
            )
            expected = {history.events[i].id for i in np.flatnonzero(shares)}
            found = {one.id for one in store.near("ann", row, 8, attending).events}
            assert expected <= found and len(found) <= 9


def test_a_store_that_is_made_anew_in_the_place_is_what_is_read(tmp_path) -> None:
    """Though its bucket has as many versions."""
    here = LanceEvents(tmp_path / "kb", SIGNATURE)
    remember(here, event("ann", "one"))
    gone = here.total("ann")
    shutil.rmtree(tmp_path / "kb")
    other = LanceEvents(tmp_path / "kb", SIGNATURE)
    remember(other, event("ann", "two"))
    assert np.array_equal(here.total("ann").total, other.total("ann").total)
    assert not np.array_equal(here.total("ann").total, gone.total)
