"""How Persona-Plug learns: repeatably, at its own rates, on thinned copies, and not on nonsense."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from personal.tiny_lms import language_model

from rag_embed.errors import BadInput
from rag_embed.persona.plug import PersonaPlug, PersonaPrompt, Schedule
from rag_embed.persona.training import Lesson, _batches

PROMPTS = [
    PersonaPrompt("file the bill", ["red: a bill", "blue: the mail is late", "green: x"]),
    PersonaPrompt("please file the mail now", ["black: mail"], query="mail"),
    PersonaPrompt("file"),
    PersonaPrompt("file the mail", ["red: one", "blue: two", "green: three", "black: four"]),
]
TARGETS = ["red", "black", "blue green", "blue"]


pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_input_encoder_can_learn_more_slowly(encoder) -> None:
    def moved(rate: float | None) -> tuple[float, float]:
        plug = PersonaPlug(encoder, *language_model("gpt2"))
        first = {name: value.clone() for name, value in plug.persona.named_parameters()}
        plug.fit(PROMPTS, TARGETS, Schedule(epochs=5, learning_rate=1e-2, encoder_rate=rate))
        by = {n: (v - first[n]).abs().max().item() for n, v in plug.persona.named_parameters()}
        return max(v for n, v in by.items() if n.startswith("encoder")), by["instruction"]

    (encoder_fast, fresh), (encoder_slow, same) = moved(None), moved(1e-4)
    assert encoder_slow < 0.02 * encoder_fast
    assert same > 0.5 * fresh


def test_training_is_repeatable(encoder) -> None:
    def run(seed: int) -> tuple[list[float], np.ndarray]:
        torch.rand(1)  # whatever others drew before
        plug = PersonaPlug(encoder, *language_model("gpt2"))
        schedule = Schedule(epochs=3, batch=2, learning_rate=1e-2, copies=2, seed=seed)
        return plug.fit(PROMPTS, TARGETS, schedule), plug.soft_prompts(PROMPTS)[0]

    (losses, soft), (again, same), (others, _) = run(0), run(0), run(1)
    assert losses == again and losses != others
    np.testing.assert_array_equal(soft, same)
    # Two of the four have more than two events: 4 + 2 * 2 lessons in batches of 2.
    assert len(losses) == 3 * 4


def test_training_leaves_the_random_numbers_of_others_alone(encoder) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    PersonaPlug(encoder, *language_model("gpt2")).fit(PROMPTS, TARGETS, Schedule(epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_copies_lose_some_events_and_keep_the_order_of_the_others() -> None:
    long, short = torch.arange(10.0)[:, None], torch.arange(2.0)[:, None]
    lessons = [Lesson("", long, "", "long"), Lesson("", short, "", "short")]
    schedule = Schedule(epochs=2, batch=4, copies=10)
    seen = [one for batch in _batches(lessons, schedule, np.random.default_rng(0)) for one in batch]
    histories = [one.history[:, 0] for one in seen if one.target == "long"]
    lengths = sorted(len(history) for history in histories)
    assert len(histories) == 22 and lengths[-3] < lengths[-2] == lengths[-1] == 10
    assert set(lengths) == {5, 6, 7, 8, 9, 10}
    assert all((history.diff() > 0).all() for history in histories)
    assert sum(one.target == "short" and len(one.history) == 2 for one in seen) == 2


def test_each_step_is_told(encoder) -> None:
    told = []
    plug = PersonaPlug(encoder, *language_model("gpt2"))
    schedule = Schedule(epochs=2, batch=3)
    losses = plug.fit(PROMPTS, TARGETS, schedule, lambda *step: told.append(step))
    assert told == [(i, 4, loss) for i, loss in enumerate(losses, start=1)]


def test_a_loss_that_is_not_finite_stops_training(encoder) -> None:
    lm, words = language_model("gpt2")
    with torch.no_grad():
        lm.lm_head.weight[:] = float("nan")
    plug = PersonaPlug(encoder, lm, words)
    with pytest.raises(BadInput, match="lower the learning rate"):
        plug.fit(PROMPTS, TARGETS)
    assert plug.steps == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch": True},
        {"copies": -1},
        {"learning_rate": 0.0},
        {"encoder_rate": math.nan},
        {"seed": 1.5},
    ],
)
def test_bad_schedules(wrong) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Schedule(**wrong)
