"""Forgetting under fire: killed at random instants, beside a reader and a writer, derived data included.

``FORGETS=1000 python -m pytest tests/test_forgetting_storm.py`` makes it as long as wanted.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from children import Child

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import StoreError
from rag_embed.events import UserEvent
from rag_embed.filters import field
from rag_embed.indexing.settings import read, write
from rag_embed.situated.described import described
from rag_embed.stores.traces import scanned

FORGETS = int(os.environ.get("FORGETS", "16"))
KILLED = 0.2
"""Share of the forgets that are killed at least once."""

T = TypeVar("T")

SECRET = "zyxwvutsrq"
ENCODER = HashEncoder(16)
SHARED = [Document(f"shared/{i}", f"ordinary words number {i} of a text") for i in range(20)]
STABLE = [Document(f"bob/{i}", f"ordinary notes number {i} of bob", user="bob") for i in range(5)]


OF_STABLE = field("doc_id").is_in([one.id for one in STABLE])


def user(i: int) -> str:
    return f"ann-7c1e-{i:04}"


def private(i: int) -> list[Document]:
    texts = [f"{SECRET} number {i} part {part} of a private text" for part in range(2)]
    return [
        Document(f"{user(i)}/{at}", text, SECRET, user=user(i)) for at, text in enumerate(texts)
    ]


def events(name: str, word: str, count: int) -> list[UserEvent]:
    return [UserEvent(str(n), name, f"{word} asked {n}", float(n)) for n in range(count)]


def written(n: int) -> Document:
    return Document(f"bob/w{n}", f"ordinary writing number {n}", user="bob")


def about(document: Document, chunk: object) -> str:
    return f"a context about {document.text}"


def opened(folder: Path) -> Index:
    situate = described(about, name="w", cache=folder / "contexts.db")
    return Index.at(folder / "kb", encoder=ENCODER, situate=situate)


def forgets(folder: Path) -> None:
    """Says when each is gone."""
    index = opened(folder)
    print("ready")
    for line in sys.stdin:
        index.forget(line.strip())
        print("gone")


def writes(folder: Path) -> None:
    """One document and one event of bob at a time, until told to stop; says how many."""
    index = opened(folder)
    print("ready")
    n = 0
    while not stopped(folder):
        event = UserEvent(f"w{n}", "bob", f"writing {n}", 100.0 + n)
        persistently(partial(index.add, written(n)))
        persistently(partial(index.users.remember, "bob", event))
        n += 1
    print(n)


def reads(folder: Path) -> None:
    """Bob and nobody in particular find all that is theirs, and nothing of others, all the time."""
    index = opened(folder)
    print("ready")
    n = 0
    while not stopped(folder):
        mine = persistently(partial(index.search, Query("ordinary number", k=50, user="bob")))
        assert len(mine) >= len(STABLE)  # however much he has written meanwhile
        kept = persistently(partial(index.search, Query("ordinary", user="bob", where=OF_STABLE)))
        assert {hit.chunk.doc_id for hit in kept} == {one.id for one in STABLE}
        open_ = persistently(partial(index.search, Query(f"ordinary number {SECRET}", k=500)))
        assert {hit.chunk.doc_id for hit in open_} == {one.id for one in SHARED}
        assert not any(SECRET in hit.text for hit in mine)
        n += 1
    print(n)


def persistently(do: Callable[[], T]) -> T:
    """The version that is read may be dropped meanwhile; then it is read again, as an error says."""
    for _ in range(5):
        with suppress(StoreError):
            return do()
    return do()


def stopped(folder: Path) -> bool:
    return (folder / "stop").exists()


def started(work: Callable[[Path], None], folder: Path) -> Child:
    worker = Child(work, folder)
    assert worker.line() == "ready", worker.end()
    return worker


def ended(worker: Child) -> str:
    """What it says once nothing more is told to it."""
    said = worker.end().strip()
    assert worker.process.exitcode == 0, said
    return said


@contextmanager
def beside(folder: Path) -> Iterator[dict[str, int]]:
    """A reader and a writer; how much each did is known at the end."""
    workers = {work.__name__: started(work, folder) for work in (writes, reads)}
    done: dict[str, int] = {}
    try:
        yield done
    finally:
        (folder / "stop").touch()
        done |= {what: int(ended(worker)) for what, worker in workers.items()}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_nothing_is_left_and_nobody_else_lost_anything(tmp_path) -> None:
    chance, killed, took = random.Random(0), 0, 0.1
    index = opened(tmp_path)
    index.add([*SHARED, *STABLE, *(one for i in range(FORGETS) for one in private(i))])
    for i in range(FORGETS):
        index.users.remember(user(i), events(user(i), SECRET, 2))
    index.users.remember("bob", events("bob", "ordinary", 3))
    own = {user(i): {"lexical": 1.0} for i in range(FORGETS)} | {"bob": {"dense": 1.0}}
    write(
        index.store, lambda known: replace(known, own_weights=own)
    )  # at once: a commit a user is slow
    traces = [SECRET.encode(), b"ann-7c1e"]
    contexts = (str(tmp_path / "contexts.db"),)
    assert scanned(str(tmp_path / "kb"), traces, contexts).found
    with beside(tmp_path) as done:
        worker = started(forgets, tmp_path)
        for i in range(FORGETS):
            while chance.random() < KILLED or not (i or killed):
                worker.tell(user(i))
                time.sleep(chance.uniform(0.0, 1.2 * took))
                worker.kill()
                killed += 1
                worker = started(forgets, tmp_path)
            begun = time.perf_counter()
            worker.tell(user(i))
            assert worker.line() == "gone", worker.end()
            took = time.perf_counter() - begun
        assert ended(worker) == ""
    print(f"{FORGETS} forgets, {killed} of them killed, beside {done}")
    assert killed and done["reads"] and done["writes"]
    assert scanned(str(tmp_path / "kb"), traces, contexts).found == ()
    check_the_rest(tmp_path, done["writes"])


def check_the_rest(folder: Path, count: int) -> None:
    """What others own is what it would be without anybody forgotten."""
    kept = [*SHARED, *STABLE, *(written(n) for n in range(count))]
    situate = described(about, name="w", cache=folder / "again.db")
    expected = Index.in_memory(encoder=ENCODER, situate=situate)
    expected.add(kept)
    index = Index.at(folder / "kb", encoder=ENCODER)
    assert read(index.store).own_weights == {"bob": {"dense": 1.0}}
    found = index.store
    assert sorted(found.document_ids()) == sorted(one.id for one in kept)
    one, other = found.view(), expected.store.view()
    ids = one.passing(None)
    assert ids == other.passing(None) and one.chunks(ids) == other.chunks(ids)
    assert np.array_equal(one.vectors("dense", ids), other.vectors("dense", ids))
    assert one.documents([d.id for d in kept]) == kept
    history = index.users.profiles.history("bob")
    assert [event.text for event in history.events] == [
        *(event.text for event in events("bob", "ordinary", 3)),
        *(f"writing {n}" for n in range(count)),
    ]
