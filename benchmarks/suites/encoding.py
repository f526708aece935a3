"""Texts per second of the encoders against sentence-transformers as it comes, on real chunks.

Cosines are to stock sentence-transformers in float32, the worst of all texts. A cold start is a new process,
from its start to one encoded query, the converted model cached.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from benchmarks.common import Bench, Suite, seconds, turns
from benchmarks.records import Table
from rag_embed.encoders import OpenVINOEncoder, SentenceEncoder
from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.models import resolve

SETS = ("scifact", "policyqa_ctx", "squad_ctx", "cosqa")
QUERY = "how long is personal data kept after an account is closed"
STOCK = "sentence-transformers"


def texts_of(bench: Bench) -> list[str]:
    rng, chosen = random.Random(0), []
    for collection in bench.collections:
        documents = list(collection.documents)
        rng.shuffle(documents)
        count = bench.options.texts // len(bench.sets)
        chosen += [f"{one.title}\n{one.text}".strip() for one in documents[:count]]
    rng.shuffle(chosen)
    return chosen


def cold_start(encoder: str) -> float:
    """Median seconds of three processes that encode one query."""
    script = f"from rag_embed.encoders import {encoder} as encoder\n"
    command = [sys.executable, "-c", f"{script}encoder({DEFAULT!r}).encode_query([{QUERY!r}])"]
    runs = [seconds(lambda: subprocess.run(command, check=True)) for _ in range(3)]
    return statistics.median(spent for _, spent in runs)


def speed(bench: Bench) -> Iterator[Table]:
    texts = texts_of(bench)
    stock = SentenceTransformer(str(resolve(DEFAULT).path), device="cpu")
    sentence, fast = SentenceEncoder(DEFAULT, device="cpu"), OpenVINOEncoder(DEFAULT)
    ways: dict[str, Callable[[list[str]], Any]] = {
        STOCK: lambda some: stock.encode(some, show_progress_bar=False),
        "SentenceEncoder": sentence.encode_document,
        f"OpenVINOEncoder, {fast.precision}": fast.encode_document,
    }
    rows, spent = turns(ways, [texts[:64], *[texts] * bench.options.repeats])
    _, latency = turns(ways, [[QUERY]] * 30)
    exact = rows[STOCK][-1] / np.linalg.norm(rows[STOCK][-1], axis=1, keepdims=True)
    table: list[list[Any]] = []
    for name in ways:
        ratios = [one / own for one, own in zip(spent[STOCK], spent[name], strict=True)]
        cosine = float((exact * rows[name][-1]).sum(axis=1).min())
        cold = None if name == STOCK else cold_start(name.partition(",")[0])
        per_second = len(texts) / statistics.median(spent[name])
        ms = 1000 * statistics.median(latency[name])
        table.append([name, per_second, statistics.median(ratios), cosine, ms, cold])
    columns = {"encoder": "", "texts/s": ".1f", "ratio": ".2f", "worst cosine": ".6f"}
    yield Table("speed", {**columns, "one query, ms": ".1f", "cold start, s": ".2f"}, table)


SUITE = Suite(
    {"speed": speed},
    sets=SETS,
    options={
        "--texts": {"type": int, "default": 1500, "help": "of all sets together"},
        "--repeats": {"type": int, "default": 3, "help": "times that all are encoded"},
    },
)
