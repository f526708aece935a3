"""A disk that fails while something is written: full, over quota, read-only, broken, or short of bytes.

``faults.c`` is preloaded into a process that does the steps, and lets the n-th call fail that writes below the
index's folder, once or from then on. The step ends in an error of ours with advice, or it is whole; what was
committed is there; and the same step in the same process, on a disk that works again, finishes it.
``FAULTS=2000 python -m pytest -s tests/test_faults.py`` tries more of them.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from shims import library
from steps import STEPS, check, check_all, models, opened

from rag_embed import Index, RagEmbedError

FAULTS = int(os.environ.get("FAULTS", "4"))
CREATE = -1
"""The step before the first."""

WRITING, READING = 1, 2
SHORT = 0

ADVICE = {
    errno.ENOSPC: "The disk is full; free some space",
    errno.EDQUOT: "Your quota of the disk is used up; free some space",
    errno.EROFS: "The place is not writable; check its permissions",
    errno.EIO: "The disk cannot be read or written",
}
TAKEN_BACK = "The disk lost what was written to .*look at the disk's room and health"
"""Of a write that cannot be read back."""


@dataclass(frozen=True)
class Trial:
    """What is done, and how the disk fails.

    Attributes:
        folder: Where the index lies.
        step: Number of what is done.
        at: Which call fails; 0 for none.
        fault: Number of the error; `SHORT` for half of the bytes.
        lasting: Whether all calls after it fail, too.
        which: `WRITING` or `READING`.
        early: Whether calls are counted from the opening of the index on.
    """

    folder: str
    step: int
    at: int = 0
    fault: int = SHORT
    lasting: bool = False
    which: int = WRITING
    early: bool = False


def work() -> None:
    """What the process does: a trial a line, then the same once more on a disk that works."""
    shim, index = ctypes.CDLL(None), None
    trial = Trial("", CREATE)
    for line in sys.stdin:
        if line.strip() == "again":
            index, error = _done(trial, index)
            answer = {"calls": 0, "error": error}
        else:
            trial = Trial(**json.loads(line))
            index = None if trial.early or trial.step == CREATE else opened(Path(trial.folder))
            shim.faults_arm(
                os.fsencode(Path(trial.folder) / "kb"),
                trial.which,
                ctypes.c_long(trial.at),
                trial.fault,
                trial.lasting,
            )
            index, error = _done(trial, index)
            answer = {"calls": shim.faults_disarm(), "error": error}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _done(trial: Trial, index: Index | None) -> tuple[Index | None, list[str]]:
    """The index as it is held, and the classes of the error with its message."""
    try:
        index = opened(Path(trial.folder)) if index is None else index
        if trial.step != CREATE:
            STEPS[trial.step].go_on(index)
    except Exception as error:
        traceback.print_exc()  # shown where it is no error of ours
        return index, [*(kind.__name__ for kind in type(error).__mro__), str(error)]
    return index, []


class Worker:
    """A process with the faults in it."""

    def __init__(self, shim: Path) -> None:
        places = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        self.complaints = shim.with_suffix(".err").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-u", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
            env={**os.environ, "PYTHONPATH": places, "LD_PRELOAD": str(shim)},
        )

    def ask(self, line: str) -> tuple[int, list[str]]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        told = self.process.stdout.readline()
        if not told:
            self.process.wait()
            self.complaints.seek(0)
            pytest.fail(
                f"the process ended with {self.process.returncode}: {self.complaints.read()}"
            )
        answer = json.loads(told)
        return answer["calls"], answer["error"]

    def end(self) -> None:
        self.process.communicate()
        self.complaints.close()


@pytest.fixture(scope="module")
def worker(tmp_path_factory) -> Iterator[Worker]:
    worker = Worker(library("faults", tmp_path_factory.mktemp("shim")))
    yield worker
    worker.end()


class Starts:
    """The index before each step, made once."""

    def __init__(self, folder: Path, worker: Worker) -> None:
        self._folder, self._worker = folder, worker
        self._reached = CREATE
        (folder / str(CREATE)).mkdir()
        self._calls: dict[tuple[int, int, bool], int] = {}

    def before(self, step: int) -> Path:
        while self._reached < step:
            folder = self._folder / str(self._reached + 1)
            shutil.copytree(self._folder / str(self._reached), folder)
            self._done(Trial(str(folder), self._reached))
            self._reached += 1
        return self._folder / str(step)

    def calls(self, step: int, which: int, early: bool) -> int:
        """How many calls there are to fail in a step, counted from its beginning or from the opening on."""
        if (step, which, early) not in self._calls:
            with placed(self.before(step), self._folder / "trial") as folder:
                counted = self._done(Trial(str(folder), step, which=which, early=early))
            self._calls[step, which, early] = counted
        return self._calls[step, which, early]

    def _done(self, trial: Trial) -> int:
        calls, error = self._worker.ask(json.dumps(asdict(trial)))
        assert error == [], trial
        return calls


@pytest.fixture(scope="module")
def starts(worker, tmp_path_factory) -> Starts:
    return Starts(tmp_path_factory.mktemp("starts"), worker)


@contextmanager
def placed(source: Path, folder: Path) -> Iterator[Path]:
    shutil.copytree(source, folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def drawn(chance: random.Random, step: int, starts: Starts, folder: Path, which: int) -> Trial:
    early = which == READING or chance.random() < 0.2
    fault = chance.choice([errno.EIO] if which == READING else [*ADVICE, SHORT])
    lasting = fault in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) and chance.random() < 0.8
    at = chance.randint(1, max(1, starts.calls(step, which, early)))
    return Trial(str(folder), step, at, fault, lasting, which, early)


@pytest.mark.parametrize("which", [WRITING, READING], ids=["writing", "reading"])
def test_whatever_the_disk_does_nothing_is_lost_and_it_is_said(
    worker, starts, which, tmp_path
) -> None:
    chance = random.Random(os.environ.get("SEED", "0"))
    held, seen = models(), Counter[str]()
    count = FAULTS if which == WRITING else -(-FAULTS // 4)
    steps = [*range(CREATE, len(STEPS))]
    for number in range(count):
        if number % len(steps) == 0:
            chance.shuffle(steps)
        step = steps[number % len(steps)]
        place = tmp_path / str(number)  # files are remembered by their paths
        trial = drawn(chance, step, starts, place, which)
        with placed(starts.before(step), place) as folder, told_of(trial):
            _, error = worker.ask(json.dumps(asdict(trial)))
            assert_clear(error, trial.fault)
            if error:
                if (folder / "kb").exists():
                    check(folder, held[max(step, 0)], held[step + 1])
                _, repeated = worker.ask("again")
                assert repeated == [], "the same call again"
            check_all(folder, held[step + 1])
        seen[f"{errno.errorcode.get(trial.fault, 'short')}: {'error' if error else 'done'}"] += 1
    print(f"{count} faults: {dict(sorted(seen.items()))}")


@contextmanager
def told_of(trial: Trial) -> Iterator[None]:
    """Says of what fails inside which trial it was; that a version is set aside is said by a warning."""
    name = "create" if trial.step == CREATE else STEPS[trial.step].name
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*The last whole one is used")
        try:
            yield
        except BaseException as error:
            raise AssertionError(f"{name}: {trial}") from error


def assert_clear(error: list[str], fault: int) -> None:
    if error:
        assert RagEmbedError.__name__ in error, error
        assert re.search(f"{ADVICE.get(fault, TAKEN_BACK)}|{TAKEN_BACK}", error[-1]), error


if __name__ == "__main__":
    work()
