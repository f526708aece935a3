"""What a token may cost: bits a number and tokens pooled, against nDCG@10.

    python benchmarks/token_points.py --data DATA [--work DIR] [--queries 100] [--out results/token_points.json]

The candidates of ``benchmarks/tokens.py`` (default index, weight .125, best 40 of each query), their
tokens taken anew from the model and kept in different ways: sign bits, 2 bits (Lloyd-Max levels of a
normal distribution), 8 bits or floats a number; all tokens, the mean of 2, 3 or 4 neighbours, or of
clusters (Ward) with as many tokens a cluster on average. Bytes count 4 for a token's id.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from quality import SETS
from rich.console import Console
from rich.table import Table
from scipy.cluster.hierarchy import fcluster, linkage
from tokens import DEFAULT, Candidates, candidates, indexed

from rag_embed import Document, Index, Query
from rag_embed import evaluation as ev
from rag_embed.maths.resampling import stratified_paired_bootstrap
from rag_embed.maths.vectors import unit
from rag_embed.ranking.token_evidence import EQUAL, TokenStage
from rag_embed.situated.tokens import WithTokens
from rag_embed.types import Chunk, Cut, TokenRows, Vectors

DIM = 384
THRESHOLD, NEAR, FAR = 0.9816, 0.4528, 1.5104
"""Of the 2-bit quantiser with least squared error on a normal distribution (Max, 1960)."""

Row = npt.NDArray[np.float64]


def signs(rows: Vectors) -> Vectors:
    return np.where(rows > 0, 1.0, -1.0).astype(np.float32)


def two_bits(rows: Vectors) -> Vectors:
    spread = rows.std() or 1.0
    levels = np.where(np.abs(rows) > THRESHOLD * spread, FAR, NEAR)
    return (np.sign(rows) * levels).astype(np.float32)


def eight_bits(rows: Vectors) -> Vectors:
    scale = np.abs(rows).max(axis=1, keepdims=True) / 127
    return np.round(rows / np.where(scale, scale, 1)).astype(np.float32)


def floats(rows: Vectors) -> Vectors:
    return rows


def apart(rows: Vectors, factor: int) -> Vectors:
    return rows


def neighbours(rows: Vectors, factor: int) -> Vectors:
    starts = np.arange(0, len(rows), factor)
    return unit(np.add.reduceat(rows, starts, axis=0))


def clusters(rows: Vectors, factor: int) -> Vectors:
    wanted = -(-len(rows) // factor)
    if len(rows) <= wanted or len(rows) < 2:
        return rows
    labels = fcluster(linkage(rows, "ward"), wanted, "maxclust") - 1
    sums = np.zeros((labels.max() + 1, rows.shape[1]), dtype=np.float32)
    np.add.at(sums, labels, rows)
    return unit(sums)


BITS: dict[str, tuple[Callable[[Vectors], Vectors], float]] = {
    "1": (signs, 1),
    "2": (two_bits, 2),
    "8": (eight_bits, 8),
    "32": (floats, 32),
}
POOLS: dict[str, tuple[Callable[[Vectors, int], Vectors], int]] = {
    "all tokens": (apart, 1),
    "2 neighbours": (neighbours, 2),
    "3 neighbours": (neighbours, 3),
    "4 neighbours": (neighbours, 4),
    "Ward, 2": (clusters, 2),
    "Ward, 3": (clusters, 3),
    "Ward, 4": (clusters, 4),
}
POINTS = [(pool, bits) for pool in POOLS for bits in BITS]


def evidence(query: TokenRows, weights: Row, kept: Sequence[Vectors]) -> Row:
    """Evidence of a query for documents whose token rows are kept as they are."""
    scores = np.zeros(len(kept))
    for i, rows in enumerate(kept):
        if len(rows) and len(query.ids):
            best = np.maximum((query.rows @ unit(rows).T).max(axis=1), 0.0)
            scores[i] = (best**2 @ weights) / weights.sum() / EQUAL
    return scores


def measured(index: Index, some: Sequence[Candidates]) -> dict[tuple[str, str], Row]:
    """nDCG@10 of every query at every point."""
    space, view = index.spaces.own, index.store.view()
    assert isinstance(space, WithTokens)
    ids = list(dict.fromkeys(id for one in some for id in one.chunks[: len(one.tokens)]))
    chunks: list[Chunk] = view.chunks(ids)
    cuts = [Cut(Document(chunk.doc_id, chunk.text), [chunk]) for chunk in chunks]
    _, tokens = space.encoder.encode_document_tokens(space.space.texts(cuts), space.centred)
    [stage] = index.experts.hybrid().stages
    assert isinstance(stage, TokenStage)
    queries = stage.ask(view, [Query(one.text) for one in some], {}).said
    found = {}
    for pool, (pooled, factor) in POOLS.items():
        rows = [pooled(one.rows, factor) for one in tokens]
        for bits, (rounded, _) in BITS.items():
            known = {c.id: rounded(r) for c, r in zip(chunks, rows, strict=True)}
            scores = []
            for one, query in zip(some, queries, strict=True):
                late = np.zeros(len(one.tokens))
                if query is not None:
                    weights = view.frequencies("dense").idf(query.ids)
                    late = evidence(query, weights, [known[id] for id in one.chunks[: len(late)]])
                scores.append(one.ndcg(DEFAULT, late))
            found[pool, bits] = np.array(scores)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--queries", type=int, default=100, help="a set")
    parser.add_argument("--out", type=Path, default=Path("results/token_points.json"))
    parser.add_argument("--work", type=Path, help="keep the indexes here")
    arguments = parser.parse_args()
    console = Console(width=110)
    without: list[Row] = []
    points: dict[tuple[str, str], list[Row]] = {point: [] for point in POINTS}
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.sets:
            collection = ev.read_collection(arguments.data / name)
            index = indexed(collection, arguments.work or Path(scratch))
            some = candidates(collection, index)
            some = random.Random(0).sample(some, min(arguments.queries, len(some)))
            without.append(np.array([one.ndcg(0.0) for one in some]))
            for point, scores in measured(index, some).items():
                points[point].append(scores)
            console.print(name, len(some))
    table = Table("tokens", "bits", "bytes a token", "nDCG@10", "gain", "95 % interval")
    rows = {}
    for pool, bits in POINTS:
        factor = POOLS[pool][1]
        size = (4 + DIM * BITS[bits][1] / 8) / factor
        gain = stratified_paired_bootstrap(list(zip(points[pool, bits], without, strict=True)))
        value = float(np.mean([scores.mean() for scores in points[pool, bits]]))
        rows[f"{pool}, {bits} bits"] = [size, value, gain.value, gain.low, gain.high]
        interval = f"{gain.low:+.4f} to {gain.high:+.4f}"
        table.add_row(pool, bits, f"{size:.0f}", f"{value:.4f}", f"{gain.value:+.4f}", interval)
    console.print(f"without tokens: {np.mean([scores.mean() for scores in without]):.4f}")
    console.print(table)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
