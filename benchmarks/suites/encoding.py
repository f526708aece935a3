"""Texts per second of the encoders against sentence-transformers as it comes, on real chunks.

Cosines are to stock sentence-transformers in float32, the worst of all texts. A cold start is a new process,
from its start to one encoded query, the converted model cached. *Precision*: what OpenVINO computes in, by
processor time and by quality.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from benchmarks.common import AVERAGE, METRIC, NINE, Bench, Suite, seconds, turns
from benchmarks.records import Table
from rag_embed import Index
from rag_embed import evaluation as ev
from rag_embed.cli.evaluate import systems
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


def precision(bench: Bench) -> Iterator[Table]:
    encoders = {one: OpenVINOEncoder(DEFAULT, precision=one) for one in ("f32", "int8")}
    own = OpenVINOEncoder(DEFAULT)
    if own.precision not in encoders:
        encoders[own.precision] = own
    texts = texts_of(bench)
    ways = {one: encoder.encode_document for one, encoder in encoders.items()}
    clock = time.process_time
    rows, spent = turns(ways, [texts[:64], *[texts] * bench.options.repeats], clock=clock)
    _, asked = turns(ways, [[QUERY]] * 200, clock=clock)
    typical = {one: statistics.median(spent[one]) for one in encoders}
    table: list[list[Any]] = []
    for one in encoders:
        cosine = float((rows["f32"][-1] * rows[one][-1]).sum(axis=1).min())
        ms = 1000 * statistics.median(asked[one])
        ratio = typical["f32"] / typical[one]
        table.append([one, len(texts) / typical[one], ratio, cosine, ms])
    columns = {"precision": "", "texts a CPU second": ".1f", "ratio": ".2f", "worst cosine": ".5f"}
    yield Table("cost", {**columns, "one query, CPU ms": ".1f"}, table)
    yield from quality(bench, {own.precision: own, "int8": encoders["int8"]})


def quality(bench: Bench, encoders: dict[str, OpenVINOEncoder]) -> Iterator[Table]:
    """nDCG@10 of the dense leg and of the default; each set is indexed whole in each precision."""
    ways = [f"{way}, {one}" for way in ("dense", "rag_embed") for one in encoders]
    rows: list[list[Any]] = []
    for collection in map(bench.collection, bench.options.judged):
        measured: dict[str, ev.System] = {}
        for one, encoder in encoders.items():
            place = bench.work / one / collection.name
            index = Index.at(place, encoder=encoder, chunk_tokens=None)
            index.add(collection.documents)
            measured |= {f"{way}, {one}": system for way, system in systems(index).items()}
        found = ev.evaluate({way: measured[way] for way in ways}, collection, metrics=[METRIC])
        rows.append([collection.name, *(found.mean(way, METRIC) for way in ways)])
        bench.say(f"{collection.name}: done")
    rows.append(
        [AVERAGE, *(statistics.fmean(row[1 + i] for row in rows) for i in range(len(ways)))]
    )
    yield Table("nDCG@10", {"set": "", **dict.fromkeys(ways, ".4f")}, rows)


SUITE = Suite(
    {"speed": speed, "precision": precision},
    sets=SETS,
    options={
        "--texts": {"type": int, "default": 1500, "help": "of all sets together"},
        "--judged": {
            "nargs": "+",
            "default": NINE,
            "help": "sets that the quality of precisions is of",
        },
        "--repeats": {"type": int, "default": 3, "help": "times that all are encoded"},
    },
)
