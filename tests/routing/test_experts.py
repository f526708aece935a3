"""Experts come and go; an index remembers them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder, load_adapted
from rag_embed.encoders.adapter import Adapter, write_adapter
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.events import UserEvent
from rag_embed.filters import field
from rag_embed.indexing.installed import install, installed, uninstall
from rag_embed.personal.bend import Bend, Personal
from rag_embed.personal.pooling import AttentionPooling
from rag_embed.personal.profiles import Profiles
from rag_embed.ranking.legs import DenseLeg
from rag_embed.ranking.retriever_leg import RetrieverLeg
from rag_embed.routing.router import PilotRouter
from rag_embed.stores.memory_events import MemoryEvents
from rag_embed.tuning.pilots import learned
from rag_embed.types import Route


class Fixed:
    """A router that sends queries with a word to one leg."""

    def __init__(self, word: str, leg: str) -> None:
        self.word, self.leg = word, leg

    def route(self, queries, vectors):
        default = {"dense": 0.5, "lexical": 0.5}
        return [
            Route({**default, self.leg: 1.0} if self.word in query.text else default, 1.0)
            for query in queries
        ]


class Counting:
    """Reverses the words of queries, and remembers which it was asked."""

    def __init__(self, encoder) -> None:
        self.encoder, self.asked = encoder, []

    def encode_query(self, texts):
        self.asked += texts
        return self.encoder.encode_query([" ".join(text.split()[::-1]) for text in texts])


@pytest.fixture
def small() -> Index:
    index = Index.in_memory(encoder=HashEncoder(64), fields={"n": int})
    index.add(
        [Document(f"d{n}", text, metadata={"n": n}) for n, text in enumerate(("red fox", "sea"))]
        + [Document("own", "red fox of Ann", user="ann")]
    )
    return index


def adapter(tmp_path, minilm, name="expert"):
    """A small change of the real model, as training writes it, with a card."""
    rng = np.random.default_rng(0)
    layer = "encoder.layer.0.attention.self.query"
    factors = {layer: tuple(rng.normal(0, 0.3, s).astype(np.float32) for s in ((2, 384), (384, 2)))}
    base = replace(minilm.signature, chunks="", tokens="")
    folder = tmp_path / name
    write_adapter(Adapter(base, factors), folder)
    gain = {"value": 0.02, "low": 0.01, "high": 0.03, "p": 0.01}
    card = {
        "kind": "expert",
        "name": name,
        "data": "test",
        "base": base.model,
        "weights": base.weights,
        "pairs": {"train": 2, "validation": 1, "held_out": 1},
        "documents": {"train": 2, "validation": 1, "held_out": 1},
        "settings": {},
        "steps": 1,
        "strength": 1.0,
        "seconds": 1.0,
        "history": [],
        "metric": "ndcg@10",
        "before": 0.5,
        "after": 0.52,
        "gain": gain,
        "others": {},
        "installed": True,
    }
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def test_two_query_encoders_search_one_space(small) -> None:
    expert = Counting(small.spaces.own)
    legs = (*small.experts.hybrid().legs, DenseLeg("reversed", expert, "dense"))
    hybrid = replace(small.experts.hybrid(), legs=legs, router=Fixed("fox", "reversed"))
    fox, sea = hybrid.retrieve([Query("red fox"), Query("sea")])
    assert expert.asked == ["red fox"]  # only the query that was routed to it
    assert [part.leg for part in fox[0].parts] == ["dense", "lexical", "reversed"]
    assert [part.leg for part in sea[0].parts] == ["dense", "lexical"]
    part = {one.leg: one for one in fox[0].parts}
    row = small.spaces.own.encode_query(["fox red"])[0]
    [vector] = small.store.view().vectors("dense", [fox[0].id])
    assert part["reversed"].raw == pytest.approx(float(vector @ row), abs=1e-5)
    alone = hybrid.retrieve([Query("sea")])[0]
    assert [hit.score for hit in alone] == [hit.score for hit in sea]


def test_a_given_vector_is_for_the_leg_it_names_alone(small) -> None:
    expert = Counting(small.spaces.own)
    legs = (*small.experts.hybrid().legs, DenseLeg("reversed", expert, "dense"))
    hybrid = replace(small.experts.hybrid(), legs=legs, router=Fixed("fox", "reversed"))
    sea, wine = small.spaces.own.encode_query(["sea", "wine"])

    def raw(vectors):
        [hit, *_] = hybrid.retrieve([Query("red fox", vectors=vectors)])[0]
        [row] = small.store.view().vectors("dense", [hit.id])
        return row, {part.leg: part.raw for part in hit.parts}

    row, parts = raw({"dense": sea})
    [read] = small.spaces.own.encode_query(["fox red"])
    assert parts["dense"] == pytest.approx(float(row @ sea), abs=1e-5)
    assert parts["reversed"] == pytest.approx(float(row @ read), abs=1e-5)
    row, parts = raw({"reversed": wine})
    [read] = small.spaces.own.encode_query(["red fox"])
    assert parts["dense"] == pytest.approx(float(row @ read), abs=1e-5)
    assert parts["reversed"] == pytest.approx(float(row @ wine), abs=1e-5)


def test_a_history_bends_the_base_leg_and_no_expert(small) -> None:
    profiles = Profiles(MemoryEvents(64), small.spaces.own.encoder)
    profiles.remember(UserEvent.of("ann", "the sea is blue", time=float(i)) for i in range(9))
    bend = Bend(AttentionPooling(profiles), small.spaces.own, strength=2.0)
    expert = Counting(small.spaces.own)
    legs = (*small.experts.hybrid().legs, DenseLeg("reversed", expert, "dense"))
    hybrid = replace(small.experts.hybrid(), legs=legs, router=Fixed("fox", "reversed"))
    query = Query("red fox", user="ann")
    [hit, *_] = Personal(hybrid, bend).retrieve([query])[0]
    [bent] = bend.bent([query])
    [row] = small.store.view().vectors("dense", [hit.id])
    parts = {part.leg: part.raw for part in hit.parts}
    assert parts["dense"] == pytest.approx(float(row @ bent.vector), abs=1e-5)
    assert expert.asked == ["red fox"]
    assert parts["reversed"] == pytest.approx(
        float(row @ small.spaces.own.encode_query(["fox red"])[0]), abs=1e-5
    )


def test_a_query_without_text_is_not_routed(small) -> None:
    expert = Counting(small.spaces.own)
    legs = (*small.experts.hybrid().legs, DenseLeg("reversed", expert, "dense"))
    hybrid = replace(small.experts.hybrid(), legs=legs, router=Fixed("", "reversed"))
    [row] = small.spaces.own.encode_query(["fox"])
    hits, others = hybrid.retrieve([Query("", vectors={"dense": row}), Query("sea")])
    assert hits == small.experts.hybrid().retrieve([Query("", vectors={"dense": row})])[0]
    assert hits[0].route is None and others[0].route and expert.asked == ["sea"]


def test_an_attached_retriever_reads_the_text_not_the_vector_of_another_leg(small) -> None:
    listed = Listed(small.search("sea"))
    legs = (*small.experts.hybrid().legs, RetrieverLeg("list", listed))
    weights = {**small.experts.hybrid().weights, "list": 1.0}
    [row] = small.spaces.own.encode_query(["sea"])
    replace(small.experts.hybrid(), legs=legs, weights=weights).retrieve(
        [Query("red fox", vectors={"dense": row})]
    )
    assert [(query.text, dict(query.vectors)) for query in listed.asked] == [("red fox", {})]


def test_a_leg_without_weight_is_not_asked(small) -> None:
    expert = Counting(small.spaces.own)
    legs = (*small.experts.hybrid().legs, DenseLeg("reversed", expert, "dense"))
    more = replace(small.experts.hybrid(), legs=legs)
    assert more.retrieve([Query("fox")]) == small.experts.hybrid().retrieve([Query("fox")])
    assert expert.asked == []
    with pytest.raises(BadInput, match="'reversd', which is not there"):
        replace(more, weights={"reversd": 1.0})


def test_an_expert_of_another_width_is_refused(small) -> None:
    legs = (*small.experts.hybrid().legs, DenseLeg("wide", HashEncoder(65), "dense"))
    with pytest.raises(BadInput, match="has 64 dimensions"):
        replace(small.experts.hybrid(), legs=legs, weights={"wide": 1.0}).retrieve([Query("fox")])


def test_names_of_legs_are_distinct(small) -> None:
    with pytest.raises(BadInput, match="name of its own"):
        replace(
            small.experts.hybrid(),
            legs=(*small.experts.hybrid().legs, small.experts.hybrid().legs[0]),
        )


class Listed:
    """A retriever that ignores filters and owners."""

    def __init__(self, hits) -> None:
        self.hits, self.asked = hits, []

    def retrieve(self, queries):
        self.asked += queries
        return [self.hits[: query.k] for query in queries]


def test_any_retriever_is_an_expert(small) -> None:
    hits = small.search("red fox sea", user="ann", k=9)
    foreign = replace(hits[0], chunk=replace(hits[0].chunk, id="elsewhere#0-1"))
    leg = RetrieverLeg("list", Listed([foreign, *hits]))
    hybrid = replace(
        small.experts.hybrid(), legs=(*small.experts.hybrid().legs, leg), weights={"list": 1.0}
    )
    found = hybrid.retrieve([Query("fox")])[0]
    assert [hit.id for hit in found] == [h.id for h in hits if h.chunk.user is None]
    normalised = [part.normalised for hit in found for part in hit.parts if part.leg == "list"]
    assert normalised[0] == 1.0 and all(0.0 < value <= 1.0 for value in normalised)
    [only] = hybrid.retrieve([Query("fox", where=field("n") == 1)])[0]
    assert only.chunk.doc_id == "d1"
    everything = hybrid.retrieve([Query("fox", user="ann")])[0]
    assert {hit.chunk.doc_id for hit in everything} == {"d0", "d1", "own"}


def test_what_a_retriever_did_not_find_counts_nothing(small) -> None:
    hits = [hit for hit in small.search("fox") if hit.chunk.doc_id == "d0"]
    legs = (*small.experts.hybrid().legs, RetrieverLeg("list", Listed(hits)))
    weights = {**small.experts.hybrid().weights, "list": 1.0}
    hybrid = replace(small.experts.hybrid(), legs=legs, weights=weights)
    found = hybrid.retrieve([Query("sea fox")])[0]
    said = {h.chunk.doc_id: p.normalised for h in found for p in h.parts if p.leg == "list"}
    assert said == {"d0": 1.0, "d1": 0.0}
    nothing = replace(hybrid, legs=(*small.experts.hybrid().legs, RetrieverLeg("list", Listed([]))))
    parts = [p for p in nothing.retrieve([Query("sea")])[0][0].parts if p.leg == "list"]
    assert parts[0].normalised == 0.0


def test_a_trained_expert_is_kept_with_the_index(index, minilm, tmp_path) -> None:
    folder = adapter(tmp_path, minilm)
    before = index.store.view().vectors("dense", sorted(_ids(index))[:5])
    added = index.experts.add(folder)
    again = Index.open(index.store.uri, encoder=minilm)
    assert again.experts.list() == (added,) and added.card["gain"]["low"] == 0.01
    np.testing.assert_array_equal(
        before, again.store.view().vectors("dense", sorted(_ids(index))[:5])
    )
    assert [leg.name for leg in again.experts.hybrid().legs] == ["dense", "lexical", "expert"]
    assert [leg.name for leg in again.experts.hybrid(routed=True).legs] == [
        "dense",
        "lexical",
    ]  # nobody asks it yet
    routed = replace(again.experts.hybrid(), router=Fixed("number", "expert"))
    hits = routed.retrieve([Query("number 12345")])[0]
    raw = next(part.raw for part in hits[0].parts if part.leg == "expert")
    [row] = load_adapted(folder).encode_query(["number 12345"])
    [vector] = again.store.view().vectors("dense", [hits[0].id])
    assert raw == pytest.approx(float(vector @ row), abs=1e-4)
    assert raw != pytest.approx(hits[0].parts[0].raw, abs=1e-4)
    assert not index.experts.enable("expert", False).enabled
    assert [leg.name for leg in index.experts.hybrid().legs] == ["dense", "lexical"]
    index.experts.remove("expert")
    assert index.experts.list() == ()


def test_wrong_experts_are_refused(small, index, minilm, tmp_path) -> None:
    folder = adapter(tmp_path, minilm)
    with pytest.raises(SpaceMismatch, match="trained on"):
        small.experts.add(folder)
    with pytest.raises(BadInput):
        index.experts.add(tmp_path / "nothing")
    for name in ("dense", "lexical", "tokens"):
        with pytest.raises(BadInput, match="name that is free"):
            index.experts.add(folder, name=name)
    with pytest.raises(BadInput, match="no expert 'x'; there are: none"):
        small.experts.remove("x")


def test_attached_retrievers_live_as_long_as_the_process(small) -> None:
    small.experts.attach("list", Listed([]))
    assert [one.kind for one in small.experts.list()] == ["attached"]
    with pytest.raises(BadInput, match="attached"):
        small.experts.enable("list", False)
    with pytest.raises(BadInput, match="free"):
        small.experts.attach("list", Listed([]))
    small.experts.remove("list")
    assert small.experts.list() == ()


def test_an_index_keeps_its_router(index, collections, minilm) -> None:
    part = collections[1].subset(list(collections[1].queries)[:10])
    router = PilotRouter(learned(index.experts.hybrid(), index.spaces.own.signature, part))
    assert installed(index.store) is None
    install(index.store, router)
    try:
        again = Index.open(index.store.uri, encoder=minilm)
        hit = again.search("number 12345", k=1)[0]
        assert hit.route is not None and hit.route.pilots[0].source == "numbers"
        assert index.search("number 12345", k=1)[0].route is None
    finally:
        uninstall(index.store)
    assert installed(index.store) is None


def test_a_router_fits_its_index_only(small, index, collections) -> None:
    part = collections[1].subset(list(collections[1].queries)[:10])
    router = PilotRouter(learned(index.experts.hybrid(), index.spaces.own.signature, part))
    with pytest.raises(SpaceMismatch, match="pilots were encoded"):
        router.fitting(small.experts.hybrid().mixture, small.spaces.own.signature)
    heavier = replace(index.experts.hybrid(), weights={"dense": 0.9, "lexical": 0.1, "tokens": 0.2})
    with pytest.raises(BadInput, match="Remove it first"):
        router.fitting(heavier.mixture, index.spaces.own.signature)


def test_an_expert_that_is_gone_leaves_the_router(index, collections) -> None:
    part = collections[1].subset(list(collections[1].queries)[:10])
    more = replace(
        index.experts.hybrid(),
        legs=(*index.experts.hybrid().legs, RetrieverLeg("list", index.experts.hybrid())),
    )
    router = PilotRouter(learned(more, index.spaces.own.signature, part))
    left = router.fitting(index.experts.hybrid().mixture, index.spaces.own.signature)
    assert left.pilots.legs == ("dense", "lexical", "tokens")
    assert replace(index.experts.hybrid(), router=left).retrieve([Query("number 1")])[0]


def _ids(index):
    return [c.id for d in index.store.document_ids() for c in index.store.view().document_chunks(d)]


class Strange:
    """A stranger's router: one method, and it weighs what it is told to."""

    def __init__(self, weights, count=None) -> None:
        self.weights, self.count = weights, count

    def route(self, queries, vectors):
        assert vectors.shape[0] == len(queries)
        return [Route(self.weights, 1.0) for _ in queries][: self.count]


def test_any_router_plugs_in(small) -> None:
    small.experts.add_space("other", HashEncoder(16))
    small.experts.router = Strange({"dense": 0.0, "lexical": 1.0, "other": 1.0})
    hit = small.search("red fox", k=1)[0]
    assert {part.leg: part.weight for part in hit.parts}["other"] == 1.0
    assert hit.route is not None and hit.route.weights["lexical"] == 1.0
    assert small.forget("ann") == 1 and isinstance(small.experts.router, Strange)


def test_what_a_router_must_not_say_is_told_by_its_name(small) -> None:
    small.experts.router = Strange({"dense": 1.0, "colour": 1.0})
    with pytest.raises(BadInput, match=r"Strange weighs the legs \['colour'\]"):
        small.search("red fox")
    small.experts.router = Strange({"dense": 1.0}, count=1)
    with pytest.raises(BadInput, match=r"Strange\.route\(\) must give one Route per query, 2"):
        small.search_many(["red fox", "sea"])


def test_what_is_forgotten_leaves_the_router_in_use(index, collections) -> None:
    part = collections[1].subset(list(collections[1].queries)[:10])
    router = PilotRouter(learned(index.experts.hybrid(), index.spaces.own.signature, part))
    gone, *others = sorted(router.pilots.answered)
    left = router.without_documents([gone])
    assert left.pilots.answered == frozenset(others)
    assert router.without_documents(["nobody's"]) is router
    assert router.without_documents(router.pilots.answered) is None
