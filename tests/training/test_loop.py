"""The loop on a task small enough to be followed by hand."""

from __future__ import annotations

import pytest
import torch

from rag_embed.errors import BadInput
from rag_embed.training.loop import Schedule, fit
from rag_embed.types import Progress


class Valley:
    """Minimise ``|x - 3|^2`` with noise in every step; scores are prescribed, or ``-loss``."""

    def __init__(self, scores: list[float] | None = None, steps: int = 4) -> None:
        self.parameters = {
            "x": torch.nn.Parameter(torch.zeros(2)),
            "unused": torch.nn.Parameter(torch.ones(1)),
        }
        self.steps = steps
        self.scores = scores
        self.seen: list[tuple[int, int]] = []

    def losses(self, epoch: int, step: int):
        self.seen.append((epoch, step))
        for part in (0, 1):
            noise = torch.randn(1).item() * 0.1
            yield (self.parameters["x"][part] - 3.0 + noise) ** 2

    def score(self) -> float:
        if self.scores is not None:
            return self.scores.pop(0)
        return -float((self.parameters["x"].detach() - 3).square().sum())


def test_it_learns_in_order() -> None:
    task = Valley()
    fitted = fit(task, Schedule(epochs=40, learning_rate=0.2, weight_decay=0.0, patience=99))
    assert task.seen[:5] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)] and len(task.seen) == 160
    torch.testing.assert_close(fitted.best["x"], torch.full((2,), 3.0), atol=0.2, rtol=0)
    assert fitted.score == max(score for _, _, score in fitted.history)
    assert fitted.history[0] == (0, None, -18.0)


def test_it_stops_and_keeps_the_best() -> None:
    fitted = fit(Valley([0.1, 0.5, 0.4, 0.5, 0.3, 0.9]), Schedule(patience=3))
    assert (fitted.step, fitted.score) == (4, 0.5)
    assert [score for _, _, score in fitted.history] == [0.1, 0.5, 0.4, 0.5, 0.3]


def test_no_step_may_be_best() -> None:
    fitted = fit(Valley([0.5, 0.1, 0.2]), Schedule(patience=2))
    assert fitted.step == 0 and fitted.best["x"].tolist() == [0.0, 0.0]


def test_the_rate_rises_and_falls() -> None:
    schedule = Schedule(learning_rate=1.0, warmup=0.2)
    rates = [schedule.rate(step, 10) for step in range(10)]
    assert rates == [0.5, 1.0, *(pytest.approx(1 - i / 8) for i in range(8))]


@pytest.mark.parametrize("stop", [1, 5, 8])
def test_interrupted_anywhere(tmp_path, stop) -> None:
    schedule = Schedule(epochs=5, learning_rate=0.1, evaluations=2, seed=3)
    whole = fit(Valley(), schedule)

    def kill(now: Progress) -> None:
        if now.done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Valley(), schedule, folder=tmp_path, fingerprint="a", progress=kill)
    torch.rand(7)  # other use of chance between the runs
    task = Valley()
    again = fit(task, schedule, folder=tmp_path, fingerprint="a")
    assert len(task.seen) == 20 - stop // 2 * 2
    assert again.history == whole.history and again.step == whole.step
    for name in whole.best:
        assert torch.equal(again.best[name], whole.best[name])
    seen: list[Progress] = []  # what is at its end is not computed again, until it is installed
    fit(Valley(), schedule, folder=tmp_path, fingerprint="a", progress=seen.append)
    assert seen == [] and [one.name for one in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_chance_of_the_caller_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    fit(Valley(), Schedule(epochs=1))
    assert torch.equal(torch.rand(1), expected)


def test_another_run_in_the_folder(tmp_path) -> None:
    def kill(*_: object) -> None:
        if (tmp_path / "checkpoint.safetensors").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Valley(), Schedule(), folder=tmp_path, fingerprint="a", progress=kill)
    with pytest.raises(BadInput, match="other data or settings"):
        fit(Valley(), Schedule(), folder=tmp_path, fingerprint="b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"patience": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": "1"},
        {"warmup": 1.0},
    ],
)
def test_wrong_schedules(wrong) -> None:
    with pytest.raises(BadInput):
        Schedule(**wrong)
