"""SIGKILL at random instants of every writing operation, checked against a dictionary.

Whatever was committed is there, nothing half is seen, and the same call finishes what was begun. Each step is
killed as often as the others, from the index as it was before it.
``KILLS=500 python -m pytest -s tests/test_kills.py`` makes it as long as wanted.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from children import Child
from steps import STEPS, check, check_all, models, opened

KILLS = int(os.environ.get("KILLS", "5"))
CREATE = -1
"""The step before the first: the index is made."""

AGAIN = 0.3
"""Share of the killed calls whose repetition is killed too."""


def work(folder: Path, step: int) -> None:
    """What the killed process does."""
    print("opens")
    index = opened(folder)
    print("begins")
    if step != CREATE:
        STEPS[step].go_on(index)  # the killed call may have done it
    print("done")


def prepare(folder: Path) -> None:
    """One step after the other, each when it is told to."""
    index = opened(folder)
    for step in STEPS:
        print("before")
        sys.stdin.readline()
        begun = time.perf_counter()
        step.go_on(index)
        print("done")
        print(time.perf_counter() - begun)


@dataclass
class Start:
    """The index before a step.

    Attributes:
        folder: Where it lies.
        took: Seconds that the step needs, about.
    """

    folder: Path
    took: float = 0.1


@pytest.fixture(scope="module")
def starts(tmp_path_factory) -> dict[int, Start]:
    """Step -> the index before it."""
    folder = tmp_path_factory.mktemp("starts")
    found = {CREATE: Start(folder / "none")}
    found[CREATE].folder.mkdir()
    child = Child(prepare, folder / "whole")
    for step in range(len(STEPS)):
        assert child.line() == "before", child.end()
        found[step] = Start(folder / str(step))
        shutil.copytree(folder / "whole", found[step].folder)
        child.tell()
        assert child.line() == "done", child.end()
        found[step].took = float(child.line())
    child.end()
    assert child.process.exitcode == 0
    return found


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_in_any_step_nothing_is_lost_and_nothing_half_is_seen(starts, tmp_path) -> None:
    chance = random.Random(os.environ.get("SEED", "0"))
    killed, trial = Counter[str](), 0
    held, steps = models(), [*starts]
    while killed.total() < KILLS:
        if trial % len(steps) == 0:
            chance.shuffle(steps)
        step = steps[trial % len(steps)]
        folder = tmp_path / str(trial)  # files are remembered by their paths
        trial += 1
        shutil.copytree(starts[step].folder, folder)
        name = "create" if step == CREATE else STEPS[step].name
        early = step == CREATE or chance.random() < 0.2
        while _is_killed(folder, step, early, chance, starts[step]):
            killed[name] += 1
            check(folder, held[max(step, 0)], held[step + 1])
            if chance.random() > AGAIN:
                break
        assert _ended(Child(work, folder, step)).endswith("done\n")
        check_all(folder, held[step + 1])
        shutil.rmtree(folder)
    print(f"{killed.total()} kills in {trial} trials: {dict(killed)}")


def _is_killed(folder: Path, step: int, early: bool, chance: random.Random, start: Start) -> bool:
    """Whether a step was killed before it was done: from its opening of the index on, or within."""
    child = Child(work, folder, step)
    for wanted in ("opens",) if early else ("opens", "begins"):
        assert child.line() == wanted, child.end()
    time.sleep(chance.uniform(0.0, start.took))
    child.process.kill()
    rest = child.end()
    if child.process.exitcode == -signal.SIGKILL and "done" not in rest:
        return True
    start.took *= 0.9  # it was slower when it was measured
    return False


def _ended(child: Child) -> str:
    said = child.end()
    assert child.process.exitcode == 0, said
    return said
