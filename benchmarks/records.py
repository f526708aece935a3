"""What was measured, as data: tables of raw numbers, and when, where and by which command they came about.

Files lie in ``benchmarks/results``, one per measured part, named by suite, part and commit.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results")
PACKAGES = ("rag-embed", "lancedb", "numpy", "sentence-transformers", "torch", "openvino")


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in rows and columns.

    Attributes:
        name: What it shows; its title where a part has several.
        columns: Head of each column -> how its numbers are written (``".3f"``), empty for names.
        rows: As many cells each: text, numbers, None. Three numbers in a list are a value with its
            interval; other lists are shown side by side.
    """

    name: str
    columns: Mapping[str, str]
    rows: Sequence[Sequence[Any]]

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError(f"{self.name}: expected rows, got none; nothing was measured")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"{self.name}: expected a cell for each of {[*self.columns]}, got {row}"
                )

    def shown(self) -> list[list[str]]:
        """The rows as text.

        Examples:
            >>> Table("t", {"set": "", "gain": "+.2f"}, [["a", [0.5, 0.25, 1]]]).shown()
            [['a', '+0.50 (+0.25 to +1.00)']]
        """
        specs = list(self.columns.values())
        return [[_text(c, s) for c, s in zip(row, specs, strict=True)] for row in self.rows]

    def markdown(self) -> str:
        """A Markdown table; columns of numbers are set to the right."""
        rule = ["---:" if spec else "---" for spec in self.columns.values()]
        lines = [list(self.columns), rule, *self.shown()]
        return "\n".join("| " + " | ".join(cell or " " for cell in line) + " |" for line in lines)


def _text(cell: Any, spec: str) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    if isinstance(cell, Sequence):
        texts = [_text(one, spec) for one in cell]
        numbers = not any(isinstance(one, str) for one in cell)
        return "{} ({} to {})".format(*texts) if numbers and len(cell) == 3 else " ".join(texts)
    return f"{cell:{spec}}"


@dataclass(frozen=True, slots=True)
class Result:
    """One part of a suite, measured once.

    Attributes:
        suite: Its name on the command line.
        part: Likewise.
        date: Of the day, ISO.
        commit: What was checked out, ``-dirty`` where files were changed.
        command: What printed the tables.
        tables: The figures.
        arguments: What the command was given, defaults included.
        versions: Of packages that matter.
        cores: Of the machine.
    """

    suite: str
    part: str
    date: str
    commit: str
    command: str
    tables: tuple[Table, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    cores: int | None = None

    @classmethod
    def now(
        cls, suite: str, part: str, command: str, arguments: Mapping[str, Any], tables: list[Table]
    ) -> Result:
        """Measured here, today, by what is checked out."""
        day, cores = date.today().isoformat(), os.cpu_count()
        versions = {name: importlib.metadata.version(name) for name in PACKAGES}
        known = (day, checked_out(), command, tuple(tables), arguments, versions, cores)
        return cls(suite, part, *known)

    @classmethod
    def read(cls, file: Path) -> Result:
        data = json.loads(file.read_text(encoding="utf-8"))
        return cls(**{**data, "tables": tuple(Table(**one) for one in data["tables"])})

    def write(self, folder: Path) -> Path:
        """A file named by suite, part and commit."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.suite}.{self.part}.{self.commit}.json"
        data = {name: value for name, value in asdict(self).items() if value not in ({}, "", None)}
        file.write_text(_lines(data), encoding="utf-8")
        return file


def checked_out() -> str:
    """The commit, with ``-dirty`` where what measures or is measured differs from it."""
    commit = _git("rev-parse", "--short=9", "HEAD")
    paths = ("rag_embed", "benchmarks", ":!benchmarks/results")
    return f"{commit}-dirty" if _git("status", "--porcelain", "--", *paths) else commit


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _lines(data: Any, depth: int = 0) -> str:
    """JSON with a row a line, so that a change shows which."""
    if isinstance(data, Mapping) and data and depth < 4:
        inner = (f"{json.dumps(key)}: {_lines(one, depth + 1)}" for key, one in data.items())
    elif isinstance(data, list | tuple) and data and depth < 4:
        inner = (_lines(one, depth + 1) for one in data)
    else:
        return json.dumps(data, ensure_ascii=False, allow_nan=False)
    pad, (start, end) = "\n" + " " * depth, "{}" if isinstance(data, Mapping) else "[]"
    return f"{start}{pad} " + f",{pad} ".join(inner) + f"{pad}{end}" + ("" if depth else "\n")
