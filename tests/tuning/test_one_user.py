"""What is learned for one user is learned from that user's documents, serves no one else, and is forgotten."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection
from rag_embed.indexing import erasing
from rag_embed.indexing.certificate import certified
from rag_embed.indexing.settings import read
from rag_embed.ranking.legs import LexicalLeg
from rag_embed.tuning import reset
from rag_embed.types import Route

START = {"dense": 1.0, "lexical": 0.02}
NUMBERS = [f"{i * 7919 % 90_000 + 10_000}" for i in range(60)]
LABELS = Collection.of({f"the number {n}": [f"n{i}"] for i, n in enumerate(NUMBERS[:50])})
"""Answered by ann's notes alone."""


def filled(index: Index) -> Index:
    index.add([Document(f"n{i}", f"note on {n}", user="ann") for i, n in enumerate(NUMBERS)])
    index.add([Document(f"d{i}", f"part number {n}") for i, n in enumerate(NUMBERS)])
    index.add([Document("b", "a note of bob", user="bob")])
    return index


@pytest.fixture
def kb(tmp_path) -> Path:
    filled(Index.create(tmp_path / "kb", encoder=HashEncoder(4), weights=START))
    return tmp_path / "kb"


def opened(kb: Path) -> Index:
    return Index.open(kb, encoder=HashEncoder(4))


def weights_in(index: Index, user: str | None) -> dict[str, float]:
    return {part.leg: part.weight for part in index.search("number", user=user)[0].parts}


def test_it_is_learned_from_private_labels_and_serves_that_user_alone(kb) -> None:
    index = opened(kb)
    shared = {user: index.search("the number", user=user) for user in (None, "bob")}
    with pytest.raises(BadInput, match=r"Weights can serve one user alone: tune\(.weights."):
        index.tune("weights", LABELS)
    verdict = index.tune("weights", LABELS, user="ann")
    assert verdict.kept and verdict.user == "ann" and verdict.value["lexical"] > 0.3
    index.apply(verdict)
    for one in (index, opened(kb)):
        assert one.experts.weights_of("ann") == verdict.value == weights_in(one, "ann")
        assert one.experts.weights == START == one.experts.weights_of("bob")
        assert {user: one.search("the number", user=user) for user in shared} == shared
    mixed = index.search_many(["number"], user="ann") + index.search_many(["number"])
    assert [hits[0].parts[0].weight for hits in mixed] == [verdict.value["dense"], 1.0]
    again = index.tune("weights", LABELS, user="ann")  # compared with what ann has now
    assert not again.kept or again.value != verdict.value


def test_labels_of_others_are_left_out(kb) -> None:
    index = opened(kb)
    more = Collection(
        "labels",
        (),
        {**LABELS.queries, "b": "bob's", "c": "number"},
        {**LABELS.qrels, "b": {"b": 1}, "c": {"d1": 1}},
        users={"c": "bob"},
    )
    found = index.tune("weights", more, user="ann")
    expected = index.tune("weights", LABELS, user="ann")
    assert found.value == expected.value and found.gain == expected.gain
    assert found.reason.endswith(
        "Left out 2 labels: 1 that only other users' documents answer, 1 that name another user."
    )
    with pytest.raises(BadInput, match="serves user 'bob' alone, so it is learned from shared"):
        index.tune("weights", LABELS, user="bob")


@pytest.mark.parametrize("what", ["relevance", "router", "personal", "tokens", "situate"])
def test_what_serves_everybody_says_why(kb, what) -> None:
    index = opened(kb)
    with pytest.raises(BadInput, match=f"'{what}' cannot be tuned for 'ann' alone: .* Leave out"):
        index.tune(what, LABELS, user="ann")
    with pytest.raises(BadInput, match="cannot be tuned for 'ann' alone"):
        reset(index, what, user="ann")


def test_own_weights_go_before_a_router_but_are_not_compared_with_one(kb) -> None:
    class Words:
        def route(self, queries, vectors):
            return [Route({"lexical": 1.0}, 1.0) for _ in queries]

    index = opened(kb)
    index.experts.weigh({"dense": 1.0}, user="ann")
    index.experts.router = Words()
    [ann], [bob] = (index.search("number", k=1, user=user) for user in ("ann", "bob"))
    assert {p.leg: p.weight for p in ann.parts if p.weight} == {"dense": 1.0} and not ann.route
    assert {p.leg: p.weight for p in bob.parts if p.weight} == {"lexical": 1.0} and bob.route
    with pytest.raises(BadInput, match='The index has a router.*Reset "router" first'):
        index.tune("weights", LABELS, user="ann")


def test_a_leg_that_one_user_counts(kb) -> None:
    class Twin(LexicalLeg):
        pass

    index = opened(kb)
    index.experts.attach_leg(Twin("twin"))
    index.experts.weigh({"twin": 1.0}, user="ann")
    assert weights_in(index, "ann")["twin"] == 1.0
    assert "twin" not in {part.leg for part in index.search("number")[0].parts if part.weight}
    with pytest.raises(
        BadInput, match="The weights of 1 user count 'twin', such as those of 'ann'"
    ):
        index.experts.remove("twin")
    assert weights_in(opened(kb), "ann") == START  # what is attached is not there: the standard
    index.experts.weigh(None, user="ann")
    index.experts.remove("twin")
    with pytest.raises(BadInput, match="count 'twin', which is not there"):
        index.experts.weigh({"twin": 1.0}, user="ann")


def test_forgetting_erases_it_and_the_certificate_names_it(kb) -> None:
    index = opened(kb)
    for user in ("ann", "zyxwvutsrq", "bob"):
        index.experts.weigh({"lexical": 1.0}, user=user)
    seen = certified(str(kb), index.store, index.spaces.own, "ann", lambda: index.forget("ann"))
    assert (seen.erased, seen.learned, seen.left) == (61, ("weights",), ())
    assert seen.shown["learned"] == ["weights"] and json.dumps(seen.shown)
    assert index.forget("zyxwvutsrq") == 1 and index.forget("zyxwvutsrq") == 0
    found = [path for path in kb.rglob("*") if path.is_file()]
    assert [path for path in found if b"zyxwvutsrq" in path.read_bytes()] == []
    for one in (index, opened(kb)):
        assert one.experts.weights_of("ann") == START == weights_in(one, "ann")
        assert weights_in(one, "bob")["lexical"] == 1.0
    assert read(index.store).own_weights == {"bob": {"lexical": 1.0}}


def test_a_certificate_tells_of_weights_that_are_left(kb, monkeypatch) -> None:
    index = opened(kb)
    index.experts.weigh({"lexical": 1.0}, user="ann")
    left = tuple(one for one in erasing.ERASERS if one.what != "learned")
    monkeypatch.setattr(erasing, "ERASERS", left)

    def forget() -> int:
        return erasing.forget(index.store, index.spaces.at_hand, "ann")["documents"]

    seen = certified(str(kb), index.store, index.spaces.own, "ann", forget)
    assert "weights of the user" in seen.left


def test_in_memory_and_back_to_the_standard() -> None:
    index = filled(Index.in_memory(encoder=HashEncoder(4), weights=START))
    verdict = index.tune("weights", LABELS, user="ann")
    index.apply(verdict)
    assert weights_in(index, "ann") == verdict.value
    reset(index, "weights", user="ann")
    assert weights_in(index, "ann") == START
    index.apply(replace(verdict, kept=False))
    assert read(index.store).own_weights == {}
    with pytest.raises(BadInput, match="user"):
        index.experts.weigh(None, user="")
