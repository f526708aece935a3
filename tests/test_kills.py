"""SIGKILL at random instants of every writing operation, checked against a dictionary.

Whatever was committed is there, nothing half is seen, and the same call finishes what was begun.
``KILLS=500 python -m pytest -s tests/test_kills.py`` makes it as long as wanted.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.events import UserEvent
from rag_embed.stores.inspection import inspected
from rag_embed.stores.traces import scanned

KILLS = int(os.environ.get("KILLS", "5"))
SECRET = "zyxwvutsrq"
ENCODER = HashEncoder(16)


@dataclass(frozen=True)
class Model:
    """What an index holds."""

    documents: dict[str, str] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    spaces: frozenset[str] = frozenset()
    weights: dict[str, float] | None = None
    files: dict[str, bytes] = field(default_factory=dict)

    def having(self, *ids: str, edition: int = 0) -> Model:
        return replace(self, documents={**self.documents, **{id: text(id, edition) for id in ids}})

    def lacking(self, *ids: str) -> Model:
        return replace(self, documents={i: t for i, t in self.documents.items() if i not in ids})


@dataclass(frozen=True)
class Step:
    """What is done, and what the index holds then."""

    name: str
    do: Callable[[Index], object]
    then: Callable[[Model], Model]


def text(id: str, edition: int) -> str:
    secret = SECRET if id.startswith("ann") else "ordinary"
    return f"The {secret} text {id} in edition {edition}. " * (3 + edition % 4)


def document(id: str, edition: int = 0) -> Document:
    return Document(id, text(id, edition), user="ann" if id.startswith("ann") else None)


def documents(*ids: str, edition: int = 0) -> list[Document]:
    return [document(id, edition) for id in ids]


KEPT = {"a": b"b" * 999}
FIRST = [f"d{i}" for i in range(12)]
ANNS = [f"ann/{i}" for i in range(3)]
SYNCED = ["s1", "s2", "s3"]


def synced(*ids: str) -> Callable[[Index], object]:
    return lambda index: index.sync(documents(*ids), scope="tickets")


def remembered(index: Index) -> None:
    index.users.remember("ann", [UserEvent(str(n), "ann", SECRET, float(n)) for n in range(3)])
    index.users.remember("bob", [UserEvent("1", "bob", "ordinary", 1.0)])


def forgotten(model: Model) -> Model:
    return replace(model.lacking(*ANNS), events={"bob": 1})


STEPS = [
    Step("add", lambda i: i.add(documents(*FIRST)), lambda m: m.having(*FIRST)),
    Step("add private", lambda i: i.add(documents(*ANNS)), lambda m: m.having(*ANNS)),
    Step("remember", remembered, lambda m: replace(m, events={"ann": 3, "bob": 1})),
    Step(
        "replace",
        lambda i: i.add(documents("d1", "d2", "d3", edition=3)),
        lambda m: m.having("d1", "d2", "d3", edition=3),
    ),
    Step("delete", lambda i: i.delete(["d4", "d5"]), lambda m: m.lacking("d4", "d5")),
    Step("sync", synced(*SYNCED), lambda m: m.having(*SYNCED)),
    Step("sync less", synced("s1"), lambda m: m.lacking("s2", "s3")),
    Step(
        "add_space",
        lambda i: i.experts.add_space("small", HashEncoder(8)),
        lambda m: replace(m, spaces=frozenset({"small"})),
    ),
    Step(
        "weigh",
        lambda i: i.experts.weigh({"lexical": 1.0}),
        lambda m: replace(m, weights={"lexical": 1.0}),
    ),
    Step(
        "files",
        lambda i: i.store.files.put(KEPT),
        lambda m: replace(m, files=KEPT),
    ),
    Step("forget", lambda i: i.forget("ann"), forgotten),
    Step("upkeep", lambda i: i.store.optimize(), lambda m: m),
    Step(
        "drop_space",
        lambda i: i.experts.drop_space("small"),
        lambda m: replace(m, spaces=frozenset()),
    ),
    Step("again", lambda i: i.add(documents("d4", edition=2)), lambda m: m.having("d4", edition=2)),
]


def opened(folder: Path) -> Index:
    index = Index.at(folder / "kb", encoder=ENCODER, chunk_tokens=12)
    with suppress(BadInput):  # where there is no such space
        index.spaces.know("small", HashEncoder(8))
    return index


def work(folder: Path, start: int) -> None:
    """What the killed process does: one step after the other, and says when each is done."""
    for number in range(start, len(STEPS)):
        index = opened(folder)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        try:
            STEPS[number].do(index)
        except BadInput as error:  # the killed call had done it
            if "There is no space" not in str(error) and "a name that is free" not in str(error):
                raise
    sys.stdout.write("done\n")


def check(folder: Path, before: Model, after: Model) -> None:
    """Each document is as before or after, nothing half is found, and what nobody touched is whole."""
    index = opened(folder)
    store, view = index.store, index.store.view()
    known = store.known(sorted(store.document_ids()))
    whole = {id for id, (digest, _) in known.items() if digest}
    stored = {one.id: one.text for one in view.documents(sorted(known))}
    for id in before.documents.keys() | after.documents.keys() | stored.keys():
        states = {before.documents.get(id), after.documents.get(id)}
        assert stored.get(id) in states, (id, stored.get(id))
        if len(states) == 1 and None not in states:
            assert id in whole, id
    chunks = view.chunks(view.passing(None))
    assert {chunk.doc_id for chunk in chunks} <= known.keys()
    for chunk in chunks:
        if chunk.doc_id in whole:
            assert chunk.text == stored[chunk.doc_id][chunk.start : chunk.end]
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    found = index.search("ordinary text", k=50)
    assert not any(SECRET in hit.text for hit in found)
    for user in ("ann", "bob"):
        assert index.users.profile(user).count in {
            before.events.get(user, 0),
            after.events.get(user, 0),
        }
    assert not [one for one in inspected(str(folder / "kb")).damages if one.part != "older"]


def check_all(folder: Path, model: Model) -> None:
    """Everything is as if nobody had been killed."""
    check(folder, model, model)
    index = opened(folder)
    assert sorted(index.store.document_ids()) == sorted(model.documents)
    assert {one.name for one in index.experts.list()} == model.spaces
    assert set(index.store.spaces) == {"dense", *model.spaces}
    assert index.store.files.get(["a"]) == model.files
    fresh = Index.in_memory(encoder=ENCODER, chunk_tokens=12)
    fresh.add([Document(id, said) for id, said in model.documents.items()])
    one, other = index.store.view(), fresh.store.view()
    ids = one.passing(None)
    assert ids == other.passing(None)
    assert [c.text for c in one.chunks(ids)] == [c.text for c in other.chunks(ids)]
    assert np.array_equal(one.vectors("dense", ids), other.vectors("dense", ids))
    traces = scanned(str(folder / "kb"), [SECRET.encode()])
    assert bool(traces.found) == any(id in model.documents for id in ANNS)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_in_any_step_nothing_is_lost_and_nothing_half_is_seen(tmp_path) -> None:
    chance = random.Random(os.environ.get("SEED", "0"))
    killed: Counter[str] = Counter()
    models = [Model()]
    for step in STEPS:
        models.append(step.then(models[-1]))
    round_ = 0
    while sum(killed.values()) < KILLS:
        folder, at = tmp_path / str(round_), 0
        round_ += 1
        while at < len(STEPS):
            wanted = (
                chance.randrange(at, len(STEPS)) if sum(killed.values()) < KILLS else len(STEPS)
            )
            at = _run(folder, at, wanted, chance, killed)
            if at < len(STEPS):
                check(folder, models[at], models[at + 1])
        check_all(folder, models[-1])
    print(f"{sum(killed.values())} kills: {dict(killed)}")


def _run(
    folder: Path, start: int, kill_at: int, chance: random.Random, killed: Counter[str]
) -> int:
    """Work from a step on, killed somewhere in another one; returns the step that is to be done next."""
    places = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    complaints = folder.with_suffix(".err")
    with (
        complaints.open("w") as err,
        subprocess.Popen(
            [sys.executable, __file__, str(folder), str(start)],
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
            env={**os.environ, "PYTHONPATH": places},
        ) as process,
    ):
        assert process.stdout is not None
        said = [""]
        while said[-1] not in (f"{kill_at}", "done") and (line := process.stdout.readline()):
            said.append(line.strip())
        if said[-1] == f"{kill_at}":
            time.sleep(chance.uniform(0.0, 0.15))
            process.send_signal(signal.SIGKILL)
        said += process.stdout.read().split()
    if said[-1] == "done":
        return len(STEPS)
    assert process.returncode == -signal.SIGKILL, complaints.read_text()
    killed[STEPS[int(said[-1])].name] += 1
    return int(said[-1])


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
