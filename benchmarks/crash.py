"""Kill ``rag-embed index`` at random instants; the index must come out as if nothing had happened.

    python benchmarks/crash.py [--kills 20] [--seed 0] [--files 250]

Input: source files of Python's own standard library. Each round starts a new index, kills the
command with SIGKILL after a random time and runs it again, until one run is left to finish; then
both tables are compared with those of an uninterrupted run, every row and every column.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from rag_embed.stores.lance import LanceStore

COMMAND = [str(Path(sys.executable).with_name("rag-embed")), "index"]


def sources(folder: Path, count: int) -> None:
    """Copy the first ``count`` modules of the standard library."""
    folder.mkdir()
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(library.glob("*.py"))[:count]:
        (folder / path.name).write_bytes(path.read_bytes())


def run(folder: Path, kb: Path, kill_after: float | None = None) -> bool:
    """Index ``folder``; True when it came to its end."""
    process = subprocess.Popen(
        [*COMMAND, str(folder), "--to", str(kb), "--json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _, errors = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return False
    if process.returncode != 0:
        raise SystemExit(f"rag-embed index failed:\n{errors.decode()}")
    return True


def rows(kb: Path) -> dict[str, pa.Table]:
    """Both tables, sorted by id."""
    store = LanceStore.open(kb)
    return {
        "chunks": store._chunks.to_arrow().sort_by("id").combine_chunks(),
        "documents": store._documents.to_arrow().sort_by("id").combine_chunks(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=int, default=250)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    kills = rounds = equal = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "sources")
        sources(folder, arguments.files)
        started = time.perf_counter()
        run(folder, Path(scratch, "whole"))
        seconds = time.perf_counter() - started
        expected = rows(Path(scratch, "whole"))
        print(
            f"uninterrupted: {expected['documents'].num_rows} documents, "
            f"{expected['chunks'].num_rows} chunks, {seconds:.0f} s"
        )
        while kills < arguments.kills:
            kb = Path(scratch, f"round{rounds}")
            killed = []
            while kills < arguments.kills:
                after = chance.uniform(0.2, seconds)
                if run(folder, kb, after):
                    break
                kills += 1
                killed.append(f"{after:.1f}")
            else:
                run(folder, kb)
            rounds += 1
            same = all(table.equals(expected[name]) for name, table in rows(kb).items())
            equal += same
            print(f"round {rounds}: killed after {', '.join(killed) or '-'} s; equal: {same}")
    print(f"{kills} kills in {rounds} rounds, {equal} of {rounds} indexes equal row for row")
    sys.exit(0 if equal == rounds else 1)


if __name__ == "__main__":
    main()
