"""Everything that writes to an index, step by step, and the dictionary that says what it holds then.

Kills (`test_kills.py`) and faults of the disk (`test_faults.py`) interrupt them; what is checked is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.adapter import Adapter, write_adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection
from rag_embed.events import UserEvent
from rag_embed.filters import Compare
from rag_embed.indexing.settings import read
from rag_embed.maths.resampling import Difference
from rag_embed.stores.inspection import inspected
from rag_embed.stores.traces import scanned
from rag_embed.types import TokenRows

SECRET = "zyxwvutsrq"


class Worded(HashEncoder):
    """Words are its tokens."""

    def encode_document_tokens(self, texts, keep, /):
        kept = []
        for text in texts:
            spans = self.token_spans(text)
            rows = self.encode_document([text[a:b] for a, b in spans])
            kept.append(keep(TokenRows(np.arange(len(spans), dtype=np.int32), rows, spans)))
        return self.encode_document(texts), kept

    def encode_query_tokens(self, texts, keep, /):
        return self.encode_document_tokens(texts, keep)


ENCODER = Worded(16)


@dataclass(frozen=True)
class Model:
    """What an index holds."""

    documents: dict[str, str] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    spaces: frozenset[str] = frozenset()
    tokens: bool = False
    weights: dict[str, float] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    calibrated: bool = False
    router: bool = False
    experts: frozenset[str] = frozenset()
    declared: bool = False

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

    def go_on(self, index: Index) -> None:
        """Do it, where it may have been done, or begun."""
        try:
            self.do(index)
        except BadInput as error:
            if "There is no space" not in str(error) and "a name that is free" not in str(error):
                raise


def text(id: str, edition: int) -> str:
    secret = SECRET if id.startswith("ann") else "ordinary"
    return f"The {secret} text {id} in edition {edition}. " * (3 + edition % 4)


def document(id: str, edition: int = 0) -> Document:
    user = "ann" if id.startswith("ann") else None
    return Document(id, text(id, edition), metadata={"edition": edition}, user=user)


def documents(*ids: str, edition: int = 0) -> list[Document]:
    return [document(id, edition) for id in ids]


KEPT = {"a": b"b" * 999}
FIRST = [f"d{i}" for i in range(12)]
ANNS = [f"ann/{i}" for i in range(3)]
SYNCED = ["s1", "s2", "s3"]
ASKED = {f"text d{i} in edition": [f"d{i}"] for i in (0, 1, 2, 3, 6, 7, 8, 9)}
LABELS = Collection.of({**ASKED, "an ordinary day": [], "a text of the sea": []})


def synced(*ids: str) -> Callable[[Index], object]:
    return lambda index: index.sync(documents(*ids), scope="tickets")


def remembered(index: Index) -> None:
    index.users.remember("ann", [UserEvent(str(n), "ann", SECRET, float(n)) for n in range(3)])
    index.users.remember("bob", [UserEvent("1", "bob", "ordinary", 1.0)])


def forgotten(model: Model) -> Model:
    return replace(model.lacking(*ANNS), events={"bob": 1})


def tuned(what: str) -> Callable[[Index], object]:
    return lambda index: index.apply(replace(index.tune(what, LABELS), kept=True))


def expert(index: Index) -> None:
    """An adapter of the index's encoder, its numbers all 0, beside the index."""
    folder = Path(index.store.uri).parent / "law"
    zeros = {"layer": (np.zeros((2, 16), np.float32), np.zeros((16, 2), np.float32))}
    write_adapter(Adapter(ENCODER.signature, zeros), folder)  # again, where the first was killed
    own = ENCODER.signature
    told = ("expert", "law", "", own.model, own.weights, {"held_out": 1}, {}, {})
    gain = Difference(1.0, 0.5, 1.0, 0.01)
    Card(*told, 1, 1.0, 0.0, (), "ndcg@10", 0.0, 1.0, gain).write(folder)
    index.experts.add(folder)


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
    Step(
        "declare",
        lambda i: i.contents.declare({"edition": int}),
        lambda m: replace(m, declared=True),
    ),
    Step("sync", synced(*SYNCED), lambda m: m.having(*SYNCED)),
    Step("sync less", synced("s1"), lambda m: m.lacking("s2", "s3")),
    Step("keep_tokens", lambda i: i.experts.keep_tokens(), lambda m: replace(m, tokens=True)),
    Step(
        "add_space",
        lambda i: i.experts.add_space("small", HashEncoder(8)),
        lambda m: replace(m, spaces=frozenset({"small"})),
    ),
    Step(
        "weigh",
        lambda i: i.experts.weigh({"dense": 0.5, "lexical": 0.5}),
        lambda m: replace(m, weights={"dense": 0.5, "lexical": 0.5}),
    ),
    Step(
        "files",
        lambda i: i.store.files.put(KEPT),
        lambda m: replace(m, files=KEPT),
    ),
    Step(
        "drop_space",
        lambda i: i.experts.drop_space("small"),
        lambda m: replace(m, spaces=frozenset()),
    ),
    Step("tune", tuned("relevance"), lambda m: replace(m, calibrated=True)),
    Step("router", tuned("router"), lambda m: replace(m, router=True)),
    Step("expert", expert, lambda m: replace(m, experts=frozenset({"law"}))),
    Step("forget", lambda i: i.forget("ann"), forgotten),
    Step("upkeep", lambda i: i.store.optimize(), lambda m: m),
    Step("again", lambda i: i.add(documents("d4", edition=2)), lambda m: m.having("d4", edition=2)),
]


def models() -> list[Model]:
    """What the index holds before each step, and after the last."""
    found = [Model()]
    for step in STEPS:
        found.append(step.then(found[-1]))
    return found


def opened(folder: Path, **making: Any) -> Index:
    index = Index.at(folder / "kb", encoder=ENCODER, chunk_tokens=12, **making)
    with suppress(BadInput):  # where there is no such space
        index.spaces.know("small", HashEncoder(8))
    return index


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
    third = {chunk.doc_id for chunk in chunks if chunk.metadata["edition"] == 3}
    assert set(view.matching(Compare("metadata.edition", "==", 3))) == third
    found = index.search("ordinary text", k=50)
    assert not any(SECRET in hit.text for hit in found)
    for user in ("ann", "bob"):
        assert index.users.profile(user).count in {
            before.events.get(user, 0),
            after.events.get(user, 0),
        }
    held = learned(index)
    for name, states in {
        name: {learning(m)[name] for m in (before, after)} for name in held
    }.items():
        assert held[name] in states, (name, held[name])
    assert not [one for one in inspected(str(folder / "kb")).damages if one.part != "older"]


def learned(index: Index) -> dict[str, object]:
    """What an index has beside its documents and events."""
    return {
        "experts": frozenset(one.name for one in index.experts.list()),
        "router": index.experts.router is not None,
        "calibrated": read(index.store).calibration is not None,
        "tokens": bool(index.spaces.own.signature.tokens),
        "declared": "edition" in index.store.fields.types,
    }


def learning(model: Model) -> dict[str, object]:
    return {
        "experts": model.spaces | model.experts,
        "router": model.router,
        "calibrated": model.calibrated,
        "tokens": model.tokens,
        "declared": model.declared,
    }


def check_all(folder: Path, model: Model) -> None:
    """Everything is as if nobody had been interrupted."""
    check(folder, model, model)
    index = opened(folder)
    assert sorted(index.store.document_ids()) == sorted(model.documents)
    assert set(index.store.spaces) == {"dense", *model.spaces}
    assert index.store.files.get(["a"]) == model.files
    fresh = Index.in_memory(encoder=ENCODER, chunk_tokens=12, tokens=model.tokens)
    fresh.add([Document(id, said) for id, said in model.documents.items()])
    one, other = index.store.view(), fresh.store.view()
    ids = one.passing(None)
    assert ids == other.passing(None)
    assert [c.text for c in one.chunks(ids)] == [c.text for c in other.chunks(ids)]
    assert np.array_equal(one.vectors("dense", ids), other.vectors("dense", ids))
    if model.tokens:
        for a, b in zip(one.tokens("dense", ids), other.tokens("dense", ids), strict=True):
            assert np.array_equal(a.ids, b.ids) and np.array_equal(a.bits, b.bits)
    if not model.documents.keys() & set(ANNS):
        assert not scanned(str(folder / "kb"), [SECRET.encode()]).found
