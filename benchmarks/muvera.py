"""MUVERA encodings as a first stage for MaxSim, against the mean of the same tokens. Needs extra muvera.

    python benchmarks/muvera.py --data DATA [--model NAME] [--set scifact] [--out results/muvera.json]

Token vectors are those of the default model, or of a ColBERT-style model named by ``--model``; 150 queries,
their relevant texts and 700 others. Exact MaxSim over all texts is the truth to approximate: *nearest* is
how often its best text is among the first 1, 10 and 40, *relevant* how often a relevant one is. Dot
products of encodings as they are, and scaled to length 1 as a space keeps them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from rag_embed import encoders
from rag_embed import evaluation as ev
from rag_embed.encoders import MultiVectorEncoder, Muvera
from rag_embed.maths.chamfer import chamfer
from rag_embed.maths.vectors import unit
from rag_embed.types import TokenRows

QUERIES, OTHERS = 150, 700
FIRST = (1, 10, 40)
SETTINGS = ((20, 3, 8), (20, 4, 8), (20, 5, 16))
"""Repetitions, hyperplanes, projection: two of the paper's points, and fastembed's default."""

Rows = npt.NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", default="scifact")
    parser.add_argument("--model", help="a ColBERT-style model; by default the default model")
    parser.add_argument("--out", type=Path, default=Path("results/muvera.json"))
    arguments = parser.parse_args()
    collection = ev.read_collection(arguments.data / arguments.set)
    ids = list(collection.judged)[:QUERIES]
    relevant = {id for query in ids for id in collection.qrels[query]}
    others = [one for one in collection.documents if one.id not in relevant][:OTHERS]
    texts = [*(one for one in collection.documents if one.id in relevant), *others]
    model = MultiVectorEncoder(arguments.model) if arguments.model else encoders.load()
    _, asked = model.encode_query_tokens([collection.queries[id] for id in ids], _rows)
    _, found = model.encode_document_tokens([f"{one.title}\n{one.text}" for one in texts], _rows)
    place = {one.id: i for i, one in enumerate(texts)}
    right = [[place[id] for id in collection.qrels[query]] for query in ids]
    exact = np.stack([chamfer(query, found) for query in asked])
    means = [unit(np.stack([rows.mean(axis=0) for rows in some])) for some in (asked, found)]
    systems = {"MaxSim": (0, exact), "mean": (means[0].shape[1], means[0] @ means[1].T)}
    for setting in SETTINGS:
        muvera = Muvera(asked[0].shape[1], *setting)
        queries = np.stack([muvera.query(rows) for rows in asked])
        documents = np.stack([muvera.document(rows) for rows in found])
        systems[f"muvera {setting}"] = (muvera.size, queries @ documents.T)
        systems[f"muvera {setting}, length 1"] = (muvera.size, queries @ unit(documents).T)
    table = Table("", "numbers", "nearest", "relevant", title=f"first {FIRST}, {len(texts)} texts")
    figures = {}
    for name, (size, scores) in systems.items():
        order = np.argsort(-scores, axis=1, kind="stable")
        best = exact.argmax(axis=1)[:, None]
        nearest = [float((order[:, :n] == best).any(axis=1).mean()) for n in FIRST]
        hit = [
            float(np.mean([bool({*o[:n]} & {*r}) for o, r in zip(order, right, strict=True)]))
            for n in FIRST
        ]
        figures[name] = {"numbers": size, "nearest": nearest, "relevant": hit}
        shown = (" ".join(f"{value:.3f}" for value in values) for values in (nearest, hit))
        table.add_row(name, str(size or ""), *shown)
    Console(width=110).print(table)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(figures, indent=2))


def _rows(tokens: TokenRows) -> Rows:
    return tokens.rows.copy()


if __name__ == "__main__":
    main()
