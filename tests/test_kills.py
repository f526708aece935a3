"""SIGKILL at random instants of every writing operation, checked against a dictionary.

Whatever was committed is there, nothing half is seen, and the same call finishes what was begun.
``KILLS=500 python -m pytest -s tests/test_kills.py`` makes it as long as wanted.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from children import Child
from steps import STEPS, check, check_all, models, opened

KILLS = int(os.environ.get("KILLS", "5"))


def work(folder: Path, start: int) -> None:
    """What the killed process does: one step after the other, and says when each is done."""
    for number in range(start, len(STEPS)):
        index = opened(folder)
        print(number)
        STEPS[number].go_on(index)  # the killed call may have done it
    print("done")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_in_any_step_nothing_is_lost_and_nothing_half_is_seen(tmp_path) -> None:
    chance = random.Random(os.environ.get("SEED", "0"))
    killed: Counter[str] = Counter()
    held, round_ = models(), 0
    while sum(killed.values()) < KILLS:
        folder, at = tmp_path / str(round_), 0
        round_ += 1
        while at < len(STEPS):
            wanted = (
                chance.randrange(at, len(STEPS)) if sum(killed.values()) < KILLS else len(STEPS)
            )
            at = _run(folder, at, wanted, chance, killed)
            if at < len(STEPS):
                check(folder, held[at], held[at + 1])
        check_all(folder, held[-1])
    print(f"{sum(killed.values())} kills: {dict(killed)}")


def _run(
    folder: Path, start: int, kill_at: int, chance: random.Random, killed: Counter[str]
) -> int:
    """Work from a step on, killed somewhere in another one; returns the step that is to be done next."""
    child, said = Child(work, folder, start), [""]
    while said[-1] not in (f"{kill_at}", "done") and (line := child.line()):
        said.append(line)
    if said[-1] == f"{kill_at}":
        time.sleep(chance.uniform(0.0, 0.15))
        child.process.kill()
    said += child.end().splitlines()
    if said[-1] == "done":
        return len(STEPS)
    assert child.process.exitcode == -signal.SIGKILL, said
    killed[STEPS[int(said[-1])].name] += 1
    return int(said[-1])
