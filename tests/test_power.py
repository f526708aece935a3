"""A power cut: what the disk was not told to keep is lost, or was deleted all the same.

``power.c`` is preloaded into a process that does the steps, and notes what is synced. From its journal the disk
is made as it was after any of these notes: files as they were when they were last synced, folders with the
entries that they had then, and deletions there at once or not. With ``durable=True`` what a call has
written is there when it returns; before that the index opens as it was before or after it.
``CUTS=1000 python -m pytest -s tests/test_power.py`` tries more of them.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from shims import library
from steps import STEPS, Model, check, check_all, models, opened

CUTS = int(os.environ.get("CUTS", "12"))
CREATE = -1
"""The step before the first: the index is made."""


Note = tuple[str, int, str, str]
"""What was noted, ``"file"``, ``"folder"`` or ``"deleted"``; the number of the file or folder on the disk; the
name of the copy; of what is deleted the name in that folder."""


def work() -> None:
    """What the process does: a step a line, whose notes go into a folder."""
    shim = ctypes.CDLL(None)
    for line in sys.stdin:
        folder, step, durable, journal = json.loads(line)
        index = None if step == CREATE else opened(Path(folder))
        shim.power_arm(os.fsencode(folder), os.fsencode(journal))
        if index is None:
            opened(Path(folder), durable=durable)
        else:
            STEPS[step].go_on(index)
        shim.power_disarm()
        sys.stdout.write("done\n")
        sys.stdout.flush()


@dataclass
class Disk:
    """What a disk keeps of a folder, by the numbers of files and folders.

    Attributes:
        root: The folder's number.
        files: Contents.
        folders: Entries: name -> number.
    """

    root: int
    files: dict[int, bytes] = field(default_factory=dict)
    folders: dict[int, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """All that is there."""
        disk = cls(folder.stat().st_ino)
        for path in [folder, *folder.rglob("*")]:
            number = path.stat().st_ino
            if path.is_dir():
                disk.folders[number] = {one.name: one.stat().st_ino for one in path.iterdir()}
            else:
                disk.files[number] = path.read_bytes()
        return disk

    def after(self, notes: list[Note], journal: Path, deletes: bool) -> Disk:
        """What it keeps when these were noted; with ``deletes`` no deletion waits for its folder."""
        disk = Disk(self.root, dict(self.files), dict(self.folders))
        for what, number, copy, name in notes:
            match what:
                case "file":
                    disk.files[number] = (journal / copy).read_bytes()
                case "folder":
                    lines = (journal / copy).read_text().splitlines()
                    pairs = (line.split(" ", 1) for line in lines)
                    named = {name: int(inner) for inner, name in pairs}
                    disk.folders[number] = {one.rstrip("/"): n for one, n in named.items()}
                    for inner in (n for one, n in named.items() if one.endswith("/")):
                        disk.folders.setdefault(inner, {})  # one that was never synced is empty
                case "deleted" if deletes and number in disk.folders:
                    entries = disk.folders[number]
                    disk.folders[number] = {one: n for one, n in entries.items() if one != name}
        return disk

    def write(self, folder: Path) -> None:
        """Make a folder of it; a file that was never synced is empty."""
        self._write(self.root, folder)

    def _write(self, number: int, folder: Path) -> None:
        folder.mkdir()
        for name, inner in self.folders[number].items():
            if inner in self.folders:
                self._write(inner, folder / name)
            else:
                (folder / name).write_bytes(self.files.get(inner, b""))


class Worker:
    """The process."""

    def __init__(self, shim: Path) -> None:
        places = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-u", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": places, "LD_PRELOAD": str(shim)},
        )

    def notes(self, folder: Path, step: int, durable: bool, journal: Path) -> list[Note]:
        """What was noted while a step was done."""
        journal.mkdir()
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([str(folder), step, durable, str(journal)]) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"
        if not (journal / "journal").exists():
            return []
        lines = (journal / "journal").read_text().splitlines()
        split = (one.split(" ", 3) for one in lines)
        return [(what, int(number), copy, name) for what, number, copy, name in split]

    def end(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def worker(tmp_path_factory) -> Iterator[Worker]:
    first = tmp_path_factory.mktemp("numbers") / "first"
    first.touch()
    number = first.stat().st_ino
    first.unlink()
    (second := first.with_name("second")).touch()
    if second.stat().st_ino == number:
        pytest.skip("this file system gives the number of a deleted file to the next one")
    worker = Worker(library("power", tmp_path_factory.mktemp("shim")))
    yield worker
    worker.end()


@dataclass(frozen=True)
class Recorded:
    """A step that was done.

    Attributes:
        step: Its number.
        before: The disk before it; all of it is kept.
        notes: What was noted.
        journal: Where the copies are.
    """

    step: int
    before: Disk
    notes: list[Note]
    journal: Path

    def cut(self, at: int, deletes: bool, folder: Path) -> None:
        """Make the folder as it is when power is cut after so many notes."""
        self.before.after(self.notes[:at], self.journal, deletes).write(folder)


def recorded(worker: Worker, folder: Path, durable: bool) -> list[Recorded]:
    """All steps, one after the other."""
    (folder / "index").mkdir()
    found = []
    for step in range(CREATE, len(STEPS)):
        before, journal = Disk.of(folder / "index"), folder / f"journal {step}"
        notes = worker.notes(folder / "index", step, durable, journal)
        found.append(Recorded(step, before, notes, journal))
    return found


def name_of(step: int) -> str:
    return "create" if step == CREATE else STEPS[step].name


@pytest.mark.parametrize("deletes", [False, True], ids=["deletions wait", "deletions at once"])
def test_what_a_durable_index_has_written_is_there(worker, tmp_path, deletes) -> None:
    chance = random.Random(os.environ.get("SEED", "0"))
    held, cuts = models(), Counter[str]()
    done = recorded(worker, tmp_path, durable=True)
    chance.shuffle(done)
    for number in range(CUTS):
        one = done[number % len(done)]
        at = len(one.notes) if number < len(done) else chance.randint(0, len(one.notes))
        place = tmp_path / str(number)
        one.cut(at, deletes, place)
        try:
            _check(place, held, one.step, whole=at == len(one.notes))
        except BaseException as error:
            raise AssertionError(f"{name_of(one.step)}, after {at} of {len(one.notes)}") from error
        cuts[name_of(one.step)] += 1
        shutil.rmtree(place)
    print(f"{cuts.total()} cuts: {dict(cuts)}")


def _check(folder: Path, held: list[Model], step: int, whole: bool) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*The last whole one is used")
        if whole:
            assert any((folder / "kb" / "settings.lance" / "_versions").glob("*.manifest"))
            check_all(folder, held[step + 1])
        else:
            check(folder, held[max(step, 0)], held[step + 1])
            if step != CREATE:
                STEPS[step].go_on(opened(folder))
                check_all(folder, held[step + 1])


if __name__ == "__main__":
    work()
