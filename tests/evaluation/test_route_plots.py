"""The pictures of a router, and the numbers in them."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed.errors import BadInput
from rag_embed.evaluation import Evaluation, Outcome
from rag_embed.evaluation.plots import png
from rag_embed.routing.pilots import Pilots
from rag_embed.tuning.router_plots import pilot_map, raised, reliability, reliability_plot
from rag_embed.tuning.router_report import DEFAULT, SOFT, Routed
from rag_embed.types import Route


@pytest.fixture
def pilots() -> Pilots:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 5)).astype(np.float32)
    return Pilots(
        model="m",
        legs=("dense", "lexical"),
        default={"dense": 0.5, "lexical": 0.5},
        mixtures={"dense": {"dense": 1.0}, "lexical": {"lexical": 1.0}},
        texts=tuple(f"pilot {i}" for i in range(20)),
        sources=("s",) * 20,
        documents=(("d",),) * 20,
        vectors=rows / np.linalg.norm(rows, axis=1, keepdims=True),
        utilities=np.array([[1, 0], [0, 1], [1, 1], [0.5, 0]] * 5, dtype=np.float32),
        gradients=np.zeros((20, 2), np.float32),
        hessians=np.zeros((20, 2, 2), np.float32),
        sharpness=np.ones(20, np.float32),
    )


@pytest.fixture
def routed(pilots) -> list[Routed]:
    """Eight queries; the more confident half gains .2."""
    confidence = [0.1, 0.8, 0.2, 0.7, 0.3, 0.9, 0.0, 0.6]
    gain = np.array([0.2 if c > 0.5 else -0.1 for c in confidence])
    outcomes = {
        name: Outcome({"ndcg@10": 0.5 + extra}, np.zeros(8))
        for name, extra in ((DEFAULT, 0 * gain), (SOFT, gain))
    }
    ids = tuple(f"q{i}" for i in range(8))
    evaluation = Evaluation("c", 9, ids, 0, 100, 8, outcomes)
    routes = tuple(Route({"dense": 0.5 + c, "lexical": 0.5}, c) for c in confidence)
    return [Routed(evaluation, pilots.vectors[:8], routes)]


def test_reliability(routed) -> None:
    confidence, gain, safe = reliability(routed, bins=2)
    np.testing.assert_allclose(confidence, [0.15, 0.75])
    np.testing.assert_allclose(gain, [-0.1, 0.2])
    np.testing.assert_allclose(safe, [0.0, 1.0])
    with pytest.raises(BadInput, match="cannot fill"):
        reliability(routed, bins=9)


def test_what_a_route_raised(pilots) -> None:
    assert raised(Route({"dense": 0.2, "lexical": 0.4}, 1.0), pilots) == "lexical"
    assert raised(Route({"dense": 2.0, "lexical": 2.0}, 1.0), pilots) == "several"


def test_pictures(pilots, routed) -> None:
    drawn = pilot_map(pilots, routed)
    labels = {text.get_text() for text in drawn.legends[0].get_texts()}
    assert {"pilot: dense", "pilot: lexical", "pilot: several", "to: dense"} <= labels
    assert png(drawn) == png(pilot_map(pilots, routed))  # the same picture again
    assert png(reliability_plot(routed, bins=2)).startswith(b"\x89PNG")
    with pytest.raises(BadInput, match="two pilots"):
        pilot_map(pilots.only([0]), routed)
