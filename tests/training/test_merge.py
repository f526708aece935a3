"""Merging: exact sums, searched coefficients, one model only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag_embed.encoders import load_adapted
from rag_embed.encoders.adapter import Adapter, read_adapter, write_adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.training.merge import Domain, joined, merge_experts

LAYER = "encoder.layer.0.attention.self.query"


def drawn(signature, seed: int, layers=(LAYER,)) -> Adapter:
    rng = np.random.default_rng(seed)
    make = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    return Adapter(signature, {layer: (make(3, 32), make(32, 3)) for layer in layers})


def test_the_sum_is_exact(small) -> None:
    other = LAYER.replace("0", "1")
    a, b = drawn(small.signature, 1), drawn(small.signature, 2, (LAYER, other))
    both = joined([a, b], [0.3, -1.5])
    change = {layer: up @ down for layer, (down, up) in both.factors.items()}
    expected = 0.3 * a.factors[LAYER][1] @ a.factors[LAYER][0]
    expected -= 1.5 * b.factors[LAYER][1] @ b.factors[LAYER][0]
    np.testing.assert_allclose(change[LAYER], expected, atol=1e-4)
    np.testing.assert_allclose(
        change[other], -1.5 * b.factors[other][1] @ b.factors[other][0], atol=1e-4
    )
    assert joined([a, b], [1.0, 0.0]).factors.keys() == {LAYER}


def test_a_useful_expert_is_found_beside_a_useless_one(world, trained, encoder, tmp_path) -> None:
    corpus, sides = world
    folder, good = trained
    rng = np.random.default_rng(0)
    factors = {
        layer: (down, rng.normal(size=up.shape).astype(np.float32) * 0.2)
        for layer, (down, up) in read_adapter(folder).factors.items()
    }
    write_adapter(Adapter(encoder.signature, factors), tmp_path / "noise")
    folders = {"good": folder, "noise": tmp_path / "noise"}
    card = merge_experts(folders, {"made": Domain(corpus, sides)}, tmp_path / "both", steps=8)
    assert card.installed and card.kind == "merged" and Card.read(tmp_path / "both") == card
    assert card.after >= good.after - 0.02 and card.others["made"] == card.gain
    tried = card.settings["validation"]
    assert set(tried) == {"searched", "equal", "good alone", "noise alone"}
    assert tried["searched"] > tried["equal"]
    # What was measured is what was written.
    queries = load_adapted(tmp_path / "both", device="cpu").encode_query(
        [pair.query for pair in sides.held_out]
    )
    again = corpus.ndcg(sides.held_out, queries, np.zeros_like(queries)).mean()
    assert again == pytest.approx(card.after, abs=1e-3)


def test_what_cannot_be_merged(small, world, tmp_path) -> None:
    corpus, sides = world
    domains = {"made": Domain(corpus, sides)}
    write_adapter(drawn(small.signature, 1), tmp_path / "a")
    write_adapter(drawn(replace(small.signature, weights="0" * 64), 2), tmp_path / "b")
    with pytest.raises(BadInput, match="two experts"):
        merge_experts({"a": tmp_path / "a"}, domains, tmp_path / "c")
    with pytest.raises(SpaceMismatch, match="of one model"):
        merge_experts({name: tmp_path / name for name in "ab"}, domains, tmp_path / "c")
