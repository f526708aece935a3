"""Computing time and memory per document against its length; see ``long_context.py``.

Each method runs in a process of its own and reads one essay of each length, the shortest first. Memory
is the peak of resident memory while a text is encoded, as Linux counts it, less what is resident with the
model loaded and warm. Seconds are those of the processor, all cores together, which another job on the
machine changes little. Texts repeat nothing: encoders encode equal windows once.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from long_context_passkey import single
from rich.console import Console
from rich.table import Table

from rag_embed import encoders
from rag_embed.encoders import SentenceEncoder
from rag_embed.longcontext import bake, windows
from rag_embed.longcontext.haystacks import needles
from rag_embed.maths.windowing import novelty, weighted_means
from rag_embed.protocols import Encoder

METHODS = (
    "cut off",
    "recurrent",
    "grouped",
    "interpolated",
    "recurrent log-n",
    "windows",
    "recurrent, baked, OpenVINO",
    "windows, OpenVINO",
)
LENGTHS = (256, 512, 1024, 2048, 4096, 8192, 16384)
REPEATED = 512
"""Up to this length the fastest of three counts."""


def encoder_of(name: str, work: Path) -> tuple[Encoder, Callable[[str], object]]:
    """An encoder, and what is done with one document."""
    fast = name.endswith("OpenVINO")
    plain: Encoder = encoders.load() if fast else SentenceEncoder(device="cpu")
    if name.startswith("recurrent, baked"):
        if not (work / "recurrent").exists():
            bake(single("recurrent", "cpu"), work / "recurrent")
        encoder = encoders.load(str(work / "recurrent"))
        return encoder, lambda text: encoder.encode_document([text])
    if name.startswith("windows"):
        cut = windows(plain, 200, overlap=100)
        query = plain.encode_query(["Where is the oldest lighthouse?"])[0]

        def act(text: str) -> object:
            """Mean, novelty and max-sim are all made: they cost nothing beside the encoding."""
            rows, owners = cut.encode_windows([text])
            novel = weighted_means(rows, novelty(rows), owners, 1)
            return rows.mean(axis=0), novel, np.max(rows @ query)

        return plain, act
    encoder = SentenceEncoder.wrap(single(name, "cpu"))
    return encoder, lambda text: encoder.encode_document([text])


def essay(encoder: Encoder, tokens: int) -> str:
    """A text of so many tokens, special tokens included."""
    text = needles(2 * tokens, 1, seed=2)[0].text
    return text[: encoder.token_spans(text)[tokens - 3, 1]]


def child(name: str, lengths: Sequence[int], work: Path) -> None:
    """Print CPU seconds and peak megabytes beyond the loaded model, a line per length."""
    encoder, act = encoder_of(name, work)
    act("a short text")
    before = resident("VmRSS")
    for length in lengths:
        text = essay(encoder, length)
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        times = []
        for _ in range(3 if length <= REPEATED else 1):
            began = time.process_time()
            act(text)
            times.append(time.process_time() - began)
        peak = max(0.0, resident("VmHWM") - before)
        print(json.dumps([length, min(times), peak]), flush=True)


def resident(field: str) -> float:
    """Megabytes of this process, now (VmRSS) or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(field))
    return int(line.split()[1]) / 1024


def measured(name: str, lengths: Sequence[int], work: Path) -> dict[int, tuple[float, float]]:
    """Of one method; what is in ``work`` is not measured again."""
    path = work / "costs" / f"{name}.jsonl"
    known = _read(path)
    missing = [str(length) for length in lengths if length not in known]
    if missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, name, *missing, "--work", str(work)]
        with path.open("a") as out:
            subprocess.run(command, check=True, stdout=out)
        known = _read(path)
    return {length: known[length] for length in lengths}


def _read(path: Path) -> dict[int, tuple[float, float]]:
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return {int(length): (seconds, mb) for length, seconds, mb in rows}


def costs(
    work: Path, console: Console, lengths: Sequence[int], methods: Sequence[str] = METHODS
) -> dict[str, dict[int, tuple[float, float]]]:
    """The table, and how each method grows with a doubling of the length."""
    found = {name: measured(name, sorted(lengths), work) for name in methods}
    table = Table(
        "method",
        *map(str, sorted(lengths)),
        "last doubling",
        title="CPU seconds (MB beyond the loaded model) per document of so many tokens",
    )
    for name, row in found.items():
        (_, (before, _)), (_, (after, _)) = sorted(row.items())[-2:]
        table.add_row(
            name,
            *(f"{seconds:.2f} ({mb:.0f})" for _, (seconds, mb) in sorted(row.items())),
            f"x{after / before:.1f}, n^{math.log2(after / before):.1f}",
        )
    console.print(table)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=METHODS)
    parser.add_argument("lengths", nargs="+", type=int)
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        child(arguments.name, arguments.lengths, arguments.work or Path(scratch))


if __name__ == "__main__":
    main()
