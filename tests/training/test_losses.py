"""Losses against the formulas in numpy, and against independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed.training.losses import (
    false_negatives,
    insent_loss,
    margin_loss,
    pull,
    softmax_loss,
)


def drawn(seed: int, b: int = 5, n: int = 9):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(-1, 1, size=(b, n)).astype(np.float32)
    right = rng.random((b, n)) < 0.3
    right[np.arange(b), rng.integers(0, n, b)] = True
    return scores, right, rng.random((b, n)) < 0.3


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.05, 1.0]))
def test_softmax_loss_is_the_formula(seed, temperature) -> None:
    scores, right, ignored = drawn(seed)
    loss = softmax_loss(*map(torch.from_numpy, (scores, right, ignored)), temperature=temperature)
    for row, good, out, value in zip(scores, right, ignored, loss.tolist(), strict=True):
        weights = np.exp(row.astype(np.float64) / temperature)
        expected = -np.log(weights[good].sum() / weights[good | ~out].sum())
        assert value == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_one_right_candidate_is_cross_entropy() -> None:
    scores, _, _ = drawn(1)
    target = torch.tensor([0, 3, 2, 8, 1])
    right = torch.nn.functional.one_hot(target, 9).bool()
    loss = softmax_loss(torch.from_numpy(scores), right, temperature=0.1)
    expected = torch.nn.functional.cross_entropy(
        torch.from_numpy(scores) / 0.1, target, reduction="none"
    )
    torch.testing.assert_close(loss, expected)


def test_gistembed_masks_like_the_paper() -> None:
    """Solatorio (2024): candidates that the guide puts above the pair go."""
    guide = torch.tensor([[0.8, 0.81, 0.79, 0.1], [0.9, 0.2, 0.6, 0.6]])
    right = torch.tensor([[True, False, False, False], [False, False, True, False]])
    assert false_negatives(guide, right).tolist() == [
        [False, True, False, False],
        [True, False, False, False],
    ]
    assert false_negatives(guide, right, margin=0.05)[0].tolist() == [False, True, True, False]


def test_insent_is_the_sum_of_two_losses() -> None:
    """Conti et al. (2025): each part sees its own negatives alone."""
    scores = torch.tensor([[0.9, 0.5, 0.7, 0.1]])
    right = torch.tensor([[True, False, False, False]])
    same = torch.tensor([[True, True, False, False]])
    t = 0.05
    within = -np.log(np.exp(0.9 / t) / (np.exp(0.9 / t) + np.exp(0.5 / t)))
    across = -np.log(np.exp(0.9 / t) / (np.exp(0.9 / t) + np.exp(0.7 / t) + np.exp(0.1 / t)))
    for weight in (0.0, 0.3, 1.0):
        loss = insent_loss(scores, right, same, weight=weight, temperature=t)
        assert loss.item() == pytest.approx(weight * within + (1 - weight) * across, abs=1e-4)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_margin_loss_is_the_formula(seed) -> None:
    scores, right, ignored = drawn(seed)
    loss = margin_loss(
        torch.from_numpy(scores), torch.from_numpy(right), ignored=torch.from_numpy(ignored)
    )
    for row, good, out, value in zip(scores, right, ignored, loss.tolist(), strict=True):
        wrong = row[~good & ~out]
        expected = np.maximum(0, 0.1 + wrong - row[good].max()).mean() if wrong.size else 0.0
        assert value == pytest.approx(float(expected), abs=1e-5)


def test_pull() -> None:
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert pull(rows, torch.tensor([[1.0, 0.0], [1.0, 0.0]])).tolist() == [0.0, 1.0]


def test_gradients_stay_finite_when_all_else_is_ignored() -> None:
    scores = torch.tensor([[0.3, 0.9]], requires_grad=True)
    right = torch.tensor([[True, False]])
    softmax_loss(scores, right, ~right).sum().backward()
    assert torch.isfinite(scores.grad).all() and scores.grad.abs().max() == 0
