"""Texts per second of the encoders against sentence-transformers as it comes, on real chunks.

    python benchmarks/encoding.py --data DATA [--out FILE.json] [--texts 1500] [--repeats 3]

All encoders take turns on the same texts, so that a machine that slows down slows all of them.
Cosines compare every text with stock sentence-transformers in float32. A cold start is a new
process, from its start to one encoded query, with the converted model cached.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sentence_transformers import SentenceTransformer

from rag_embed.encoders import OpenVINOEncoder, SentenceEncoder
from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.models import resolve

SETS = ("scifact", "policyqa_ctx", "squad_ctx", "cosqa")
QUERY = "how long is personal data kept after an account is closed"
STOCK = "sentence-transformers"


def read_texts(data: Path, count: int) -> list[str]:
    rng, chosen = random.Random(0), []
    for name in SETS:
        lines = (data / name / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line]
        rng.shuffle(rows)
        chosen += [f"{row['title']}\n{row['text']}".strip() for row in rows[: count // len(SETS)]]
    rng.shuffle(chosen)
    return chosen


def seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def cold_start(encoder: str) -> float:
    """Median seconds of three processes that encode one query."""
    script = (
        f"from rag_embed.encoders import {encoder} as encoder\n"
        f"encoder({DEFAULT!r}).encode_query([{QUERY!r}])"
    )
    return statistics.median(
        seconds(lambda: subprocess.run([sys.executable, "-c", script], check=True))
        for _ in range(3)
    )


def measure(texts: list[str], repeats: int) -> dict[str, dict[str, float]]:
    stock = SentenceTransformer(str(resolve(DEFAULT).path), device="cpu")
    sentence, fast = SentenceEncoder(DEFAULT, device="cpu"), OpenVINOEncoder(DEFAULT)
    runs: dict[str, Callable[[list[str]], Any]] = {
        STOCK: lambda some: stock.encode(some, show_progress_bar=False),
        "SentenceEncoder": sentence.encode_document,
        f"OpenVINOEncoder {fast.precision}": fast.encode_document,
    }
    for run in runs.values():
        run(texts[:64])  # warm up
    spent: dict[str, list[float]] = {name: [] for name in runs}
    rows: dict[str, Any] = {}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            rows[name] = run(texts)
            spent[name].append(time.perf_counter() - start)
    exact = rows[STOCK] / np.linalg.norm(rows[STOCK], axis=1, keepdims=True)
    found = {}
    for name, run in runs.items():
        latencies = [seconds(lambda run=run: run([QUERY])) for _ in range(30)]
        ratios = [one / own for one, own in zip(spent[STOCK], spent[name], strict=True)]
        cosines = (exact * rows[name]).sum(axis=1)
        found[name] = {
            "texts_per_second": len(texts) / statistics.median(spent[name]),
            "ratio": statistics.median(ratios),
            "worst_cosine": float(cosines.min()),
            "query_ms": 1000 * statistics.median(latencies),
        }
    found["SentenceEncoder"]["cold_start_s"] = cold_start("SentenceEncoder")
    found[f"OpenVINOEncoder {fast.precision}"]["cold_start_s"] = cold_start("OpenVINOEncoder")
    return found


def show(found: dict[str, dict[str, float]]) -> None:
    table = Table("encoder", "texts/s", "ratio", "worst cosine", "one query, ms", "cold start, s")
    for name, one in found.items():
        cold = f"{one['cold_start_s']:.2f}" if "cold_start_s" in one else ""
        table.add_row(
            name,
            f"{one['texts_per_second']:.1f}",
            f"{one['ratio']:.2f}",
            f"{one['worst_cosine']:.6f}",
            f"{one['query_ms']:.1f}",
            cold,
        )
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help=f"holds the sets {SETS}")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--texts", type=int, default=1500)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    texts = read_texts(options.data, options.texts)
    load = os.getloadavg()[0]
    found = measure(texts, options.repeats)
    show(found)
    if options.out:
        report = {
            "texts": len(texts),
            "repeats": options.repeats,
            "cores": os.cpu_count(),
            "load_before": load,
            "encoders": found,
        }
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
