"""The training loop: steps, evaluations, the best state, and going on after an interruption.

What is learned is a `Task`; the loop knows no model and no data. A run that was interrupted and one
that was not end with the same bits: order and dropout of a step depend on the seed and the step's
number alone, and a checkpoint holds everything else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from rag_embed.arguments import check_numbers, set_counts
from rag_embed.encoders.adapter import replaced
from rag_embed.errors import BadInput
from rag_embed.training.folder import CHECKPOINT
from rag_embed.training.lora import fill
from rag_embed.types import OnProgress, Progress

_CLIP = 1.0
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Task(Protocol):
    """What a loop trains."""

    @property
    def parameters(self) -> Mapping[str, torch.nn.Parameter]:
        """What changes, by name."""
        ...

    @property
    def steps(self) -> int:
        """Steps that see every example once."""
        ...

    def losses(self, epoch: int, step: int, /) -> Iterator[torch.Tensor]:
        """The loss of one step in parts that are summed; each is freed before the next is made."""
        ...

    def score(self) -> float:
        """On the validation side, higher is better."""
        ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast.

    Attributes:
        epochs: Times every example is seen, at most.
        learning_rate: Of AdamW at its height.
        warmup: Share of all steps in which the rate rises; then it falls to 0 in a straight line.
        weight_decay: Of AdamW.
        evaluations: Per epoch.
        patience: Evaluations without a better score after which training stops.
        seed: Of order and dropout.

    Raises:
        BadInput: A number is out of range.
    """

    epochs: int = 10
    learning_rate: float = 2e-4
    warmup: float = 0.1
    weight_decay: float = 0.01
    evaluations: int = 1
    patience: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        set_counts(self, 1, "epochs", "evaluations", "patience")
        set_counts(self, 0, "seed")
        check_numbers(self, "learning_rate", "warmup", "weight_decay")
        if self.learning_rate <= 0 or not 0 <= self.warmup < 1 or self.weight_decay < 0:
            raise BadInput(
                "learning_rate must be > 0, warmup in [0, 1) and weight_decay >= 0, got "
                f"{self.learning_rate}, {self.warmup} and {self.weight_decay}."
            )

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of step ``step`` of ``steps``, counted from 0."""
        rising = max(1, math.ceil(self.warmup * steps))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        return self.learning_rate * (steps - step) / max(1, steps - rising)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The end of a run.

    Attributes:
        best: Values of the parameters at the best evaluation.
        step: Step of that evaluation; 0 when no step was better than none.
        score: Its score.
        history: Per evaluation: step, mean loss since the last one (None before
            the first step), score.
    """

    best: Mapping[str, torch.Tensor]
    step: int
    score: float
    history: tuple[tuple[int, float | None, float], ...]


def fit(
    task: Task,
    schedule: Schedule,
    *,
    folder: Path | None = None,
    fingerprint: str = "",
    progress: OnProgress | None = None,
) -> Fitted:
    """Train until the steps are done or the score stops rising.

    Args:
        task: What is trained; its parameters are left at their last values.
        schedule: How long and how fast.
        folder: Keeps a checkpoint of every evaluation; a run that finds one goes on from there. The last one
            stays until what was trained is installed, see `folder.install`.
        fingerprint: Says which data and settings the run is made of.
        progress: Called after every step.

    Raises:
        BadInput: The folder holds an unfinished run of another fingerprint.
    """
    total = schedule.epochs * task.steps
    gaps = max(1, task.steps // schedule.evaluations)
    optimizer = torch.optim.AdamW(
        list(task.parameters.values()),
        lr=schedule.learning_rate,
        weight_decay=schedule.weight_decay,
    )
    run = _Run(task, optimizer, fingerprint)
    file = folder / CHECKPOINT if folder is not None else None
    if file is None or not run.restored(file):
        run.evaluated(None)
    losses: list[float] = []
    for step in range(run.step, total):
        if run.stale >= schedule.patience:
            break
        losses.append(_stepped(task, optimizer, schedule, step, total))
        run.step = step + 1
        if run.step % gaps == 0 or run.step == total:
            run.evaluated(sum(losses) / len(losses))
            losses = []
            if file is not None:
                run.save(file)
        if progress is not None:
            progress(Progress(run.step, total, score=run.score))
    return Fitted(run.best, run.best_step, run.score, tuple(run.history))


def _stepped(
    task: Task, optimizer: torch.optim.Optimizer, schedule: Schedule, step: int, total: int
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = schedule.rate(step, total)
    optimizer.zero_grad()
    loss = 0.0
    with torch.random.fork_rng():
        torch.manual_seed(schedule.seed * 1_000_003 + step)
        for part in task.losses(*divmod(step, task.steps)):
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.item()
    torch.nn.utils.clip_grad_norm_(list(task.parameters.values()), _CLIP)
    optimizer.step()
    return loss


class _Run:
    """Where a run is; everything that a checkpoint holds."""

    def __init__(self, task: Task, optimizer: torch.optim.Optimizer, fingerprint: str) -> None:
        self.task = task
        self.optimizer = optimizer
        self.fingerprint = fingerprint
        self.step = self.best_step = self.stale = 0
        self.score = -math.inf
        self.best: dict[str, torch.Tensor] = {}
        self.history: list[tuple[int, float | None, float]] = []

    def evaluated(self, loss: float | None) -> None:
        score = self.task.score()
        self.history.append((self.step, loss, score))
        self.stale += 1
        if score > self.score:
            self.score, self.best_step, self.stale = score, self.step, 0
            self.best = {n: p.detach().cpu().clone() for n, p in self.task.parameters.items()}

    def save(self, file: Path) -> None:
        tensors = {f"best.{name}": tensor for name, tensor in self.best.items()}
        for name, parameter in self.task.parameters.items():
            tensors[f"now.{name}"] = parameter.detach().cpu().contiguous()
            state = self.optimizer.state[parameter]
            for moment in _MOMENTS:
                if moment in state:  # not in that of a layer which the output does not depend on
                    tensors[f"{moment}.{name}"] = state[moment].cpu().contiguous()
        scalars = {
            "fingerprint": self.fingerprint,
            "step": self.step,
            "best_step": self.best_step,
            "stale": self.stale,
            "score": self.score,
            "history": self.history,
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        replaced(file, save(tensors, {"run": json.dumps(scalars)}))

    def restored(self, file: Path) -> bool:
        """Whether there was a checkpoint to go on from."""
        if not file.is_file():
            return False
        with safe_open(file, "pt") as opened:
            scalars: dict[str, Any] = json.loads(opened.metadata()["run"])
        if scalars.pop("fingerprint") != self.fingerprint:
            raise BadInput(
                f"{file} is an unfinished run with other data or settings. Repeat its call to go on, "
                "delete it, or write to another folder."
            )
        tensors = load_file(file)
        fill(self.task.parameters, {n: tensors[f"now.{n}"] for n in self.task.parameters})
        self.best = {n: tensors[f"best.{n}"] for n in self.task.parameters}
        self.step, self.best_step = scalars["step"], scalars["best_step"]
        self.stale, self.score = scalars["stale"], scalars["score"]
        self.history = [(step, loss, score) for step, loss, score in scalars["history"]]
        for name, parameter in self.task.parameters.items():
            if f"{_MOMENTS[0]}.{name}" in tensors:
                self.optimizer.state[parameter] = {
                    "step": torch.tensor(float(self.step)),
                    **{m: tensors[f"{m}.{name}"].to(parameter.device) for m in _MOMENTS},
                }
        return True
