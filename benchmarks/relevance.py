"""Fit the default relevance curve, and measure what one threshold for all queries is worth.

    python benchmarks/relevance.py --data DATA [--work DIR]

Fitted on ``squad_train``: 1,000 of its own questions, and 1,000 questions of ``cosqa`` that it cannot
answer. Reported on other sets: average precision of all (query, hit) pairs of the 20 best hits, sorted by
one number across queries; and how well the best hit's number tells a set's own questions from those of
another set (ROC AUC).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from quality import indexed
from rich.console import Console
from rich.table import Table
from sklearn.metrics import average_precision_score, roc_auc_score

from rag_embed import Index
from rag_embed import evaluation as ev
from rag_embed.protocols import Retriever
from rag_embed.ranking.relevance import Calibration
from rag_embed.tuning.relevance import calibrated
from rag_embed.types import Hit, Query

REPORTED = {"scifact": "cranfield", "anthropic_docs": "cosqa", "chroma_chunks": "scifact"}
"""Set -> the set whose questions it cannot answer."""

DEPTH = 20


def texts(data: Path, name: str, count: int) -> list[str]:
    collection = ev.read_collection(data / name)
    ids = list(collection.judged)
    order = np.random.default_rng(0).permutation(len(ids))[:count]
    return [collection.queries[ids[i]] for i in order]


def fit(index: Index, collection: ev.Collection, foreign: list[str]) -> Calibration:
    own = list(collection.judged)
    chosen = np.random.default_rng(0).permutation(len(own))[:1000]
    judged = {
        collection.queries[own[i]]: [id for id, grade in collection.qrels[own[i]].items() if grade]
        for i in chosen
    }
    verdict = calibrated(index, ev.Collection.of({**judged, **{text: [] for text in foreign}}))
    index.apply(replace(verdict, kept=True))
    return index.experts.calibration


def numbers(hits: list[Hit]) -> dict[str, list[float]]:
    dense = [next(part for part in hit.parts if part.leg == "dense") for hit in hits]
    return {
        "cosine": [part.raw for part in dense],
        "dense z": [part.normalised for part in dense],
        "fused score": [hit.score for hit in hits],
        "relevance": [hit.relevance for hit in hits],
    }


def report(
    retriever: Retriever, collection: ev.Collection, foreign: list[str]
) -> dict[str, list[float]]:
    ids = list(collection.judged)
    own = retriever.retrieve([Query(collection.queries[id], k=DEPTH) for id in ids])
    right = [
        hit.chunk.doc_id in collection.qrels[id]
        for id, hits in zip(ids, own, strict=True)
        for hit in hits
    ]
    pooled = numbers([hit for hits in own for hit in hits])
    other = retriever.retrieve([Query(text, k=DEPTH) for text in foreign])
    best = [numbers(hits) for hits in [*own, *other]]
    answerable = [True] * len(own) + [False] * len(other)
    return {
        name: [
            float(average_precision_score(right, values)),
            float(roc_auc_score(answerable, [max(one[name]) for one in best])),
        ]
        for name, values in pooled.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("results/relevance.json"))
    parser.add_argument("--work", type=Path, help="keep the indexes here")
    arguments = parser.parse_args()
    console = Console(width=140)
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        train = ev.read_collection(arguments.data / "squad_train")
        calibration = fit(indexed(train, work), train, texts(arguments.data, "cosqa", 1000))
        console.print(f"fitted on squad_train: {calibration}")
        table = Table("set", "number", "average precision", "answerable or not, AUC")
        results = {}
        for name, foreign in REPORTED.items():
            collection = ev.read_collection(arguments.data / name)
            index = indexed(collection, work)
            hybrid = replace(index.experts.hybrid(), calibration=calibration)
            results[name] = report(hybrid, collection, texts(arguments.data, foreign, 500))
            for number, (precision, auc) in results[name].items():
                table.add_row(name, number, f"{precision:.3f}", f"{auc:.3f}")
    console.print(table)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps({"fitted": asdict(calibration), "sets": results}, indent=2))


if __name__ == "__main__":
    main()
