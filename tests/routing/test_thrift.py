"""Dear experts are asked where they pay: a weight of 0 means that nobody encodes and nobody searches."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from rag_embed import Index, Query
from rag_embed.errors import BadInput
from rag_embed.maths.weighing import pruned
from rag_embed.protocols import QueryEncoder
from rag_embed.ranking.legs import DenseLeg
from rag_embed.routing.router import PilotRouter, Soft
from rag_embed.routing.storage import load_router, save_router
from rag_embed.tuning.pilots import fitted
from rag_embed.types import Route, Vectors

MIXTURE = {"dense": 0.3, "lexical": 0.4, "dear": 0.3, "tokens": 0.1}
NUMBER, MEANING = "number 12345", "where near Bern is a shy swimmer?"


@dataclass(frozen=True)
class Counted:
    """A query encoder that keeps what it was asked."""

    encoder: QueryEncoder
    asked: list[str] = field(default_factory=list)

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        self.asked.extend(texts)
        return self.encoder.encode_query(texts)


class NumbersAreCheap:
    """A router that asks the dear leg about what has no digit."""

    def route(self, queries: Sequence[Query], vectors: Vectors, /) -> list[Route]:
        return [
            Route({**MIXTURE, "dear": 0.0 if any(map(str.isdigit, one.text)) else 0.3}, 1.0)
            for one in queries
        ]


@pytest.fixture
def counted(minilm) -> Counted:
    return Counted(minilm)


@pytest.fixture(scope="module")
def made(documents, minilm, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("thrift") / "kb"
    Index.create(folder, encoder=minilm, tokens=True).add(documents)
    return folder


@pytest.fixture
def index(made, minilm, counted, tmp_path) -> Index:
    index = Index.open(shutil.copytree(made, tmp_path / "kb"), encoder=minilm)
    index.experts.attach_leg(DenseLeg("dear", counted))
    index.experts.weigh(MIXTURE)
    return index


def test_without_weight_a_leg_neither_encodes_nor_searches(index, counted) -> None:
    whole = index.search(NUMBER, k=20)
    assert counted.asked.count(NUMBER) == 1
    counted.asked.clear()
    index.experts.router = NumbersAreCheap()
    cheap, dear = index.search_many([Query(NUMBER, k=20), Query(MEANING, k=20)])
    assert counted.asked == [MEANING]
    assert {part.leg for hit in cheap for part in hit.parts} == {"dense", "lexical", "tokens"}
    assert [part.leg for part in dear[0].parts] == ["dense", "lexical", "dear", "tokens"]
    known = {hit.id: hit.relevance for hit in whole}
    shared = [hit for hit in cheap if hit.id in known]
    assert len(shared) > 10
    for hit in shared:
        assert hit.relevance == pytest.approx(known[hit.id], abs=1e-6)
    counted.asked.clear()
    assert "dear" not in {part.leg for one in index.explain(NUMBER) for part in one.hit.parts}
    assert counted.asked == []


def test_a_user_without_weight_for_a_leg_does_not_ask_it(index, counted) -> None:
    index.experts.weigh({"dense": 0.5, "lexical": 0.5}, user="ann")
    index.search_many([Query(MEANING, user="ann"), Query(NUMBER)])
    assert counted.asked == [NUMBER]


def test_worth_is_what_the_others_cannot_make_up_for() -> None:
    rng = np.random.default_rng(0)
    some = rng.normal(size=(5, 9))
    curvature, best = some @ some.T, rng.normal(size=5)

    def loss(weights: np.ndarray) -> float:
        return float((weights - best) @ curvature @ (weights - best) / 2)

    for j in range(5):
        rest = [i for i in range(5) if i != j]
        slope = curvature[rest, j] * -best[j]
        around = best.copy()
        around[j] = 0.0
        around[rest] -= np.linalg.solve(curvature[np.ix_(rest, rest)], slope)
        prices = np.eye(5)[j]
        assert pruned(best, curvature, prices, loss(around) * 1.001) == pytest.approx(around)
        assert pruned(best, curvature, prices, loss(around) * 0.999) == pytest.approx(best)
    assert pruned(best, curvature, np.ones(5), 1e9) == pytest.approx(np.zeros(5), abs=1e-9)


@pytest.fixture
def router(index, collections) -> PilotRouter:
    pilots, _ = fitted(index.experts.hybrid(), index.spaces.own.signature, collections)
    return PilotRouter(pilots)


def test_fewer_queries_ask_what_has_to_bring_more(index, collections, router, counted) -> None:
    texts = [text for one in collections for text in list(one.queries.values())[::4]]
    vectors = index.spaces.own.encode_query(texts)
    shares = []
    for least in (0.0, 1e-4, 1e-3, 1e-2, 1e9):
        thrifty = replace(router, soft=Soft(prices={"dear": 20.0}, least=least))
        routes = thrifty.route([Query(text) for text in texts], vectors)
        assert all(route.weights["lexical"] + route.weights["dense"] > 0 for route in routes)
        shares.append(np.mean([route.weights["dear"] > 0 for route in routes]))
    assert shares == sorted(shares, reverse=True) and shares[0] > 0 and shares[-1] == 0.0
    counted.asked.clear()
    index.experts.router = replace(router, soft=Soft(prices={"dear": 20.0}, least=1e9))
    assert index.search(MEANING)[0].route.weights["dear"] == 0.0
    assert counted.asked == []


def test_far_from_all_pilots_a_leg_is_worth_what_it_is_on_the_whole(index, router) -> None:
    text = "What is the meaning of justice?"
    far = Soft(far=0.9, near=0.95)
    vectors = index.spaces.own.encode_query([text])
    ridge = far.ridge * np.square(router.pilots.sharpness).mean()
    curvature = router.pilots.hessians.mean(axis=0) + ridge * np.eye(4)
    at = router.pilots.legs.index("dear")
    worth = 0.3**2 / 2 / np.linalg.inv(curvature)[at, at]
    for least, asks in ((0.5 * worth, True), (2.0 * worth, False)):
        thrifty = replace(router, soft=replace(far, prices={"dear": 1.0}, least=least))
        [route] = thrifty.route([Query(text)], vectors)
        assert (route.weights["dear"] > 0) is asks and route.confidence == 0.0


def test_prices_are_kept_and_checked(router, tmp_path) -> None:
    priced = replace(router, soft=Soft(prices={"dear": 20.0}, least=0.001))
    save_router(priced, tmp_path / "router.safetensors")
    assert load_router(tmp_path / "router.safetensors").soft == priced.soft
    for wrong in ({"prices": {"dear": -1.0}}, {"least": float("nan")}, {"prices": {"dear": "1"}}):
        with pytest.raises(BadInput, match="expected a number >= 0"):
            Soft(**wrong)
    with pytest.raises(
        BadInput, match="a price for deer, a leg that the pilots do not know; known: dense"
    ):
        replace(router, soft=Soft(prices={"deer": 20.0}))


def test_a_price_goes_with_its_leg(index, router) -> None:
    pilots = replace(router.pilots, default={**MIXTURE, "dear": 0.0})
    priced = PilotRouter(pilots, soft=Soft(prices={"dear": 20.0, "tokens": 1.0}))
    left = {leg: weight for leg, weight in MIXTURE.items() if leg != "dear"}
    assert priced.fitting(left, index.spaces.own.signature).soft.prices == {"tokens": 1.0}
