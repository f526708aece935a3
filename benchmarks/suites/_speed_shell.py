"""What a command takes from the shell: a process from its start to its end, its modules compiled before."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from benchmarks.common import Bench
from benchmarks.records import Table
from rag_embed import Document, Index

RUNS = 7
TEXTS = ("The fox is red.", "The sea is blue.", "Grass is green.")


def spent(words: Sequence[str]) -> tuple[float, float]:
    """Seconds of a command: of the clock, and of the processor.

    Python keeps what it compiles, which some environments forbid: then every start compiles every module.
    """
    known = {name: one for name, one in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", "from rag_embed.cli import main; main()", *words],
        env=known,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"rag-embed {' '.join(words)} ended with {process.returncode}")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def shell(bench: Bench) -> Iterator[Table]:
    place = bench.work / "speed" / "shell"
    index = Index.at(place)
    index.add([Document(f"{i}", text) for i, text in enumerate(TEXTS)])
    commands = {"--help": ["--help"], "search": ["search", str(place), "a red fox"]}
    rows = []
    for name, words in commands.items():
        spent(words)  # compiles what was not
        wall, cpu = zip(*(spent(words) for _ in range(RUNS)), strict=True)
        times = statistics.median(wall), min(wall), statistics.median(cpu)
        rows.append([f"rag-embed {name}", *times])
    columns = {"command": "", "seconds": ".2f", "least": ".2f", "CPU seconds": ".2f"}
    yield Table("a new process", columns, rows)
