"""Of a user who is forgotten no byte is left, with writers beside it, after crashes and kills."""

from __future__ import annotations

import random
import shutil
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from children import Child
from lancedb.index import BTree
from stores.told_events import SIGNATURE, Killed, betrayed, events_of

from rag_embed.stores import event_search, upkeep
from rag_embed.stores import events as module
from rag_embed.stores.events import LanceEvents
from rag_embed.testing.event_data import remember, rows
from rag_embed.testing.events import expected_total, state


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


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*.lance") if path.is_file()}


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
