"""Processes and threads that write, search, delete and forget in one index at once, for as long as wanted.

``LOAD=600 python -m pytest -s tests/test_load.py`` runs four writing and four reading processes beside sixteen
threads for ten minutes. Each writer knows what it wrote, and nobody else writes that, so that at the end
nothing may be missing or double. Meanwhile every answer is looked at: one edition of a document, none older
than one seen before, only what the filter and the user allow.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rag_embed import Document, Index, Query
from rag_embed import field as column
from rag_embed.encoders import HashEncoder
from rag_embed.events import UserEvent
from rag_embed.stores.traces import scanned

SECONDS = float(os.environ.get("LOAD", "0.5"))
LONG = SECONDS >= 30
WRITERS, READERS, THREADS = (4, 4, 16) if LONG else (1, 0, 4)
DOCUMENTS = 30 if LONG else 8
"""Of each writer."""

ENCODER = HashEncoder(32)
FIELDS = {"edition": int, "writer": int}
LEAST = 3
"""Deeds of each, however slow the machine is."""

SECRET = "zyxwvutsrq"


def owner(writer: int) -> str:
    return f"user-{writer}-q7"


def document(writer: int, number: int, edition: int, private: bool) -> Document:
    """Several chunks, each of which says which edition it is of, and whose."""
    id = f"{writer}/{'private' if private else 'shared'}/{number}"
    word = f"{SECRET}{writer}" if private else "ordinary"
    says = f"edition {edition} of {id} is {word} text and goes on for a while. "
    user = owner(writer) if private else None
    return Document(
        id, says * 3, f"{edition} {id}", {"edition": edition, "writer": writer}, user=user
    )


@dataclass
class Writer:
    """What one process writes, and what must be there of it."""

    number: int
    chance: random.Random
    edition: int = 0
    there: dict[str, int] = field(default_factory=dict)
    events: int = 0
    done: Counter[str] = field(default_factory=Counter)

    def step(self, index: Index) -> None:
        """One of its deeds, and a look at whether it can be seen at once."""
        do = self.chance.choices(
            (self.add, self.delete, self.remember, self.forget, self.tidy), (60, 14, 10, 2, 1)
        )[0]
        do(index)
        self.done[do.__name__] += 1

    def add(self, index: Index) -> None:
        self.edition += 1
        some = self.chance.sample(range(DOCUMENTS), self.chance.randint(1, 3))
        given = [document(self.number, n, self.edition, n % 3 == 0) for n in some]
        report = index.add(given)
        assert report.added + report.replaced == len(given) and not report.skipped, report
        self.there |= {one.id: self.edition for one in given}
        for one in given:
            assert index.contents.document(one.id, user=one.user).text == one.text, "read own write"

    def delete(self, index: Index) -> None:
        gone = self.chance.sample(sorted(self.there), min(2, len(self.there)))
        assert index.delete(gone) == len(gone)
        for id in gone:
            del self.there[id]
        assert index.contents.matching(column("doc_id").is_in(gone or ["?"])) == []

    def remember(self, index: Index) -> None:
        self.edition += 1
        event = UserEvent(f"{self.edition}", owner(self.number), SECRET, float(self.edition))
        assert index.users.remember(owner(self.number), [event]) == 1
        self.events += 1
        assert index.users.profile(owner(self.number)).count == self.events

    def forget(self, index: Index) -> None:
        private = {id for id in self.there if "private" in id}
        assert index.forget(owner(self.number)) == len(private) + self.events
        self.there = {id: e for id, e in self.there.items() if id not in private}
        self.events = 0

    def tidy(self, index: Index) -> None:
        index.store.optimize()


class Reader:
    """Searches as anybody, and looks at every answer."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.seen: dict[str, int] = {}
        self.answers = 0

    def step(self, index: Index) -> None:
        writer = self.chance.randrange(WRITERS)
        user = self.chance.choice((None, owner(writer)))
        least = self.chance.choice((0, max(self.seen.values(), default=0) // 2))
        where = column("edition") >= least if least else None
        words = self.chance.choice(("ordinary text", f"{SECRET}{writer}", "goes on for a while"))
        queries = [
            Query(words, k=40, where=where, user=user),
            Query(f"edition of {writer}", k=40, where=where, user=user, group_by="document"),
        ]
        answers = index.search_many(queries)
        assert all(len({hit.id for hit in hits}) == len(hits) for hits in answers), "a chunk twice"
        said = {self.looked_at(hit, user, least) for hits in answers for hit in hits}
        editions = dict(said)
        assert len(editions) == len(said), f"two editions in one answer: {sorted(said)}"
        for id, edition in editions.items():
            assert edition >= self.seen.get(id, 0), f"{id}: {edition} after {self.seen[id]}"
        self.seen |= editions
        self.answers += 2

    def looked_at(self, hit, user: str | None, least: int) -> tuple[str, int]:
        id, told = hit.chunk.doc_id, int(hit.chunk.title.split()[0])
        said = re.findall(r"edition (\d+) of", hit.text)
        assert set(said) <= {str(told)}, "text and title of two editions"
        assert told >= least, "outside of the filter"
        assert user == owner(int(id.split("/")[0])) or ("private" not in id), "another's document"
        assert user is not None or SECRET not in hit.text, "private text"
        return id, told


def held() -> dict[str, int]:
    """What this process holds: descriptors, threads, MB of memory."""
    status = Path("/proc/self/status").read_text()
    told = dict(line.split(":", 1) for line in status.splitlines())
    return {
        "files": len(os.listdir("/proc/self/fd")),
        "threads": int(told["Threads"]),
        "memory": int(told["VmRSS"].split()[0]) // 1024,
    }


def until(end: float, step: Callable[[], None]) -> list[dict[str, int]]:
    """Do it again and again; what the process held after a third of the time, and at the end."""
    start, early, done = time.time(), None, 0
    while time.time() < end or done < LEAST:
        step()
        done += 1
        if early is None and time.time() > start + (end - start) / 3:
            early = held()
    return [early or held(), held()]


def writes(index: Index, number: int, end: float) -> dict[str, object]:
    writer = Writer(number, random.Random(number))
    found = until(end, lambda: writer.step(index))
    return {"there": writer.there, "events": writer.events, "done": writer.done, "held": found}


def reads(index: Index, number: int, end: float) -> dict[str, object]:
    reader = Reader(random.Random(number))
    found = until(end, lambda: reader.step(index))
    return {"answers": reader.answers, "held": found}


def shares(index: Index, number: int, end: float) -> dict[str, object]:
    """One index, used by many threads; one in four writes, documents of its own."""
    with ThreadPoolExecutor(THREADS) as pool:
        writers = [Writer(WRITERS + n, random.Random(n)) for n in range(THREADS // 4)]
        readers = [Reader(random.Random(n)) for n in range(THREADS - len(writers))]
        steps = [(lambda one=one: one.step(index)) for one in (*writers, *readers)]
        found = list(pool.map(lambda step: until(end, step), steps))
    return {
        "there": {id: edition for one in writers for id, edition in one.there.items()},
        "events": [one.events for one in writers],
        "answers": sum(one.answers for one in readers),
        "done": sum((one.done for one in writers), Counter()),
        "held": found[-1],
    }


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted in /proc")
def test_many_write_and_read_at_once_and_nothing_is_lost_mixed_or_shown_to_others(tmp_path) -> None:
    kb = str(tmp_path / "kb")
    Index.create(kb, encoder=ENCODER, chunk_tokens=16, fields=FIELDS)
    kinds = [("writes", WRITERS), ("reads", READERS), ("shares", 1)]
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, kind, kb, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for kind, count in kinds
        for number in range(count)
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdin is not None
        assert worker.stdout.readline() == "ready\n", worker.communicate()[1]
    end = time.time() + SECONDS
    for worker in workers:
        worker.stdin.write(f"{end}\n")
        worker.stdin.flush()
    said = [worker.communicate() for worker in workers]
    for worker, (_, complaints) in zip(workers, said, strict=True):
        assert worker.returncode == 0, complaints
    told = [json.loads(out) for out, _ in said]
    check_the_end(kb, told)
    check_held([one["held"] for one in told])
    done: Counter[str] = sum((Counter(one.get("done", {})) for one in told), Counter())
    answers = sum(one.get("answers", 0) for one in told)
    files = [path.stat().st_size for path in Path(kb).rglob("*") if path.is_file()]
    print(
        f"{SECONDS:.0f} s: {dict(done)}, {answers} answers; {len(files)} files, {sum(files)} bytes"
    )
    for one in told:
        print(one["held"])


def check_the_end(kb: str, told: list[dict]) -> None:
    """What all wrote is there, once, in its last edition; of who is forgotten nothing is."""
    expected = {id: edition for one in told for id, edition in one.get("there", {}).items()}
    index = Index.open(kb, encoder=ENCODER)
    assert sorted(index.store.document_ids()) == sorted(expected)
    view = index.store.view()
    ids = view.passing(None)
    assert len(set(ids)) == len(ids)
    found = {one.id: one for one in view.documents(sorted(expected))}
    for id, edition in expected.items():
        writer, kind, number = id.split("/")
        wanted = document(int(writer), int(number), edition, kind == "private")
        assert (found[id].text, found[id].user) == (wanted.text, wanted.user), id
        chunks = view.document_chunks(id)
        assert [c.text for c in chunks] == [wanted.text[c.start : c.end] for c in chunks]
        assert len(chunks) > 1
    events = [count for one in told for count in _several(one.get("events", []))]
    for number, count in enumerate(events):
        assert index.users.profile(owner(number)).count == count
        index.forget(owner(number))
    assert scanned(kb, [SECRET.encode(), b"-q7"]).found == ()


def _several(events: int | list[int]) -> list[int]:
    return [events] if isinstance(events, int) else events


def check_held(held: list[list[dict[str, int]]]) -> None:
    """A process does not hold more and more."""
    for early, late in held:
        assert late["files"] < 400 and late["threads"] < 200, (early, late)
        assert late["files"] <= early["files"] + 100, (early, late)
        assert late["threads"] <= early["threads"] + 32, (early, late)
        assert late["memory"] <= 1.5 * early["memory"] + 100, (early, late)


if __name__ == "__main__":
    does = {"writes": writes, "reads": reads, "shares": shares}[sys.argv[1]]
    opened = Index.open(sys.argv[2], encoder=ENCODER)
    print("ready", flush=True)
    print(json.dumps(does(opened, int(sys.argv[3]), float(sys.stdin.readline()))))
