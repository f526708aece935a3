"""How Persona-Plug learns: the language model's loss on the answers, nothing else.

Section 3.4 of the paper for the loss; AdamW, its settings and the thinned copies are those of the
authors' experiments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR

from rag_embed.arguments import is_number, set_counts
from rag_embed.errors import BadInput
from rag_embed.persona.language_model import FrozenLM
from rag_embed.persona.network import Persona

_WEIGHT_DECAY = 1e-4
_WARM_UP = 0.05
_LONGEST_GRADIENT = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One prompt with its answer, ready to learn from.

    Attributes:
        query: What the attention is computed with.
        history: ``(n, dim)`` float32 vectors of the events, ``n >= 0``.
        prompt: What the language model reads.
        target: What it is to answer.
    """

    query: str
    history: Tensor
    prompt: str
    target: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        epochs: Times every lesson is seen, >= 1.
        batch: Lessons per step, >= 1.
        learning_rate: At its highest; it rises over the first 5 % of the steps and then falls to 0.
        encoder_rate: The input encoder's own learning rate at its highest, where a model that knows
            much already should move less than layers that know nothing; the same by default.
        copies: Further copies per epoch of a lesson with more than two events, each without a
            random part of them, about half at most. The paper's experiments use 10.
        seed: Of the order, the copies and the dropout.

    Raises:
        BadInput: A value is out of range.
    """

    epochs: int = 2
    batch: int = 64
    learning_rate: float = 1e-4
    encoder_rate: float | None = None
    copies: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        set_counts(self, 1, "epochs", "batch")
        set_counts(self, 0, "copies", "seed")
        for name, rate in {
            "learning_rate": self.learning_rate,
            "encoder_rate": self.learning_rate if self.encoder_rate is None else self.encoder_rate,
        }.items():
            if not is_number(rate) or not 0.0 < rate < math.inf:
                raise BadInput(f"{name} must be positive, got {rate!r}.")


def train(
    persona: Persona,
    lm: FrozenLM,
    lessons: Sequence[Lesson],
    schedule: Schedule,
    stepped: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> list[float]:
    """Fit input encoder, projector and instruction; the language model stays as it is.

    The same lessons, schedule and machine give the same weights.

    Args:
        persona: Trained in place; in evaluation mode afterwards.
        lm: Reads the soft prompts.
        lessons: What to learn from, one at least.
        schedule: How long and how fast.
        stepped: Called after each step with its number from 1, their number, and its loss.

    Returns:
        Loss of each step: nats per token of the targets.

    Raises:
        BadInput: A loss is not finite.
    """
    rng = np.random.default_rng(schedule.seed)
    per_epoch = sum(1 + _copies(lesson, schedule) for lesson in lessons)
    steps = schedule.epochs * math.ceil(per_epoch / schedule.batch)
    optimizer = torch.optim.AdamW(
        _rates_of(persona, schedule),
        weight_decay=_WEIGHT_DECAY,
        fused=lm.device.type in ("cpu", "cuda"),
    )
    rates = LambdaLR(optimizer, lambda done: _rate(done, steps))
    losses: list[float] = []
    devices = [lm.device] if lm.device.type == "cuda" else []
    persona.train()
    try:
        with torch.random.fork_rng(devices), torch.enable_grad():
            torch.manual_seed(schedule.seed)
            for batch in _batches(lessons, schedule, rng):
                loss = _step(persona, lm, batch, optimizer)
                rates.step()
                losses.append(loss)
                stepped(len(losses), steps, loss)
    finally:
        persona.eval()
        optimizer.zero_grad()
    return losses


def _step(
    persona: Persona, lm: FrozenLM, batch: Sequence[Lesson], optimizer: torch.optim.Optimizer
) -> float:
    soft = persona(persona.queries([one.query for one in batch]), [one.history for one in batch])
    total, tokens = lm.loss(soft, [one.prompt for one in batch], [one.target for one in batch])
    loss = total / tokens
    if not torch.isfinite(loss):
        raise BadInput(
            f"The loss of a step is {loss.item()}; lower the learning rate, or load the language "
            "model in float32 or bfloat16."
        )
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    clip_grad_norm_(persona.parameters(), _LONGEST_GRADIENT)
    optimizer.step()
    return loss.item()


def _rates_of(persona: Persona, schedule: Schedule) -> list[dict[str, Any]]:
    encoder = list(persona.encoder.parameters())
    fresh = [persona.instruction, *persona.projector.parameters()]
    encoder_rate = schedule.encoder_rate or schedule.learning_rate
    return [
        {"params": fresh, "lr": schedule.learning_rate},
        {"params": encoder, "lr": encoder_rate},
    ]


def _rate(done: int, steps: int) -> float:
    """Share of the learning rate after ``done`` steps: up to 1, then down, and never 0."""
    warm = math.ceil(_WARM_UP * steps)
    return min((done + 1) / warm, (steps - done) / (steps - warm + 1))


def _copies(lesson: Lesson, schedule: Schedule) -> int:
    return schedule.copies if len(lesson.history) > 2 else 0


def _batches(
    lessons: Sequence[Lesson], schedule: Schedule, rng: np.random.Generator
) -> Iterator[list[Lesson]]:
    whole = [i for i, lesson in enumerate(lessons) for _ in range(1 + _copies(lesson, schedule))]
    first = [i == 0 or whole[i] != whole[i - 1] for i in range(len(whole))]
    for _ in range(schedule.epochs):
        order = rng.permutation(len(whole))
        for start in range(0, len(order), schedule.batch):
            yield [
                lessons[whole[i]] if first[i] else _thinned(lessons[whole[i]], rng)
                for i in order[start : start + schedule.batch]
            ]


def _thinned(lesson: Lesson, rng: np.random.Generator) -> Lesson:
    """Without one to half of its events, the others in their order."""
    n = len(lesson.history)
    gone = int(n * rng.uniform(0.0, 0.5)) + 1
    kept = torch.as_tensor(np.sort(rng.choice(n, n - gone, replace=False)))
    return replace(lesson, history=lesson.history[kept.to(lesson.history.device)])
