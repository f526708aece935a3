"""Token evidence: what it brings, what it costs.

    python benchmarks/tokens.py --data DATA [--work DIR] [--out results/tokens.json]

*Quality*: nDCG@10 of the default index (chunks of 200 tokens, one hit per document), with and without
token evidence, on nine sets. The weight is chosen on one half of each set's queries, the best average
among those that lose no set more than .01, and reported on the other; the halves share no relevant
document (``limit_small``, where all queries hang together, is split by query). *Float*: the same
evidence on the unpacked token vectors of the candidates, for 100 queries a set. *LIMIT*: R@2 with
2,000 documents, all but 46 made of items that nobody asks for: dense evidence alone, dense and token
evidence over all documents without lexical search, with the default weights and with ten times as
much token as dense evidence, and the default. *Costs*: index time, disk (old
versions dropped) and query time with and without, taking turns.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fusion import training_half
from quality import SETS
from rich.console import Console
from rich.table import Table

from rag_embed import Document, Index, Query
from rag_embed import evaluation as ev
from rag_embed.maths.maxsim import maxsim, sign_bits
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.resampling import stratified_paired_bootstrap
from rag_embed.ranking.hybrid import DEPTH, Hybrid
from rag_embed.ranking.token_evidence import EQUAL, TokenStage
from rag_embed.situated.tokens import WithTokens
from rag_embed.stores.lance import LanceStore
from rag_embed.types import DENSE, LEXICAL, TOKENS, Cut

WEIGHTS = (0.0, 0.125, 0.1875, 0.25, 0.375, 0.5, 0.75, 1.0)
DEFAULT = 0.125
FLOAT_QUERIES = 100

Row = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """One query's chunks by fused score, those with token evidence first."""

    text: str
    chunks: list[str]
    documents: list[str]
    fused: Row
    tokens: Row
    judged: dict[str, int]
    train: bool

    def ndcg(self, weight: float, tokens: Row | None = None) -> float:
        """nDCG@10 of the documents, each at its best chunk."""
        evidence = self.tokens if tokens is None else tokens
        first = len(evidence)
        scores = self.fused[:first] + weight * evidence
        order = [*np.argsort(-np.round(scores, 5), kind="stable"), *range(first, len(self.fused))]
        ranked = list(dict.fromkeys(self.documents[i] for i in order))[:10]
        return ndcg(ranked, self.judged, 10)


def indexed(collection: ev.Collection, work: Path, tokens: bool = True) -> Index:
    path = work / f"{collection.name}-{tokens}"
    index = Index.open(path) if path.exists() else Index.create(path, tokens=tokens)
    index.add(collection.documents)
    return index


def candidates(collection: ev.Collection, index: Index) -> list[Candidates]:
    train = training_half(collection)
    texts = [collection.queries[id] for id in collection.judged]
    found = []
    for id, text, hits in zip(
        collection.judged, texts, index.search_many(texts, k=100), strict=True
    ):
        fused = {h.id: sum(p.contribution for p in h.parts if p.leg != TOKENS) for h in hits}
        late = {h.id: p.normalised for h in hits for p in h.parts if p.leg == TOKENS}
        order = sorted(fused, key=lambda one: (one not in late, -round(fused[one], 5), one))
        found.append(
            Candidates(
                text,
                order,
                [one.rpartition("#")[0] for one in order],
                np.array([fused[one] for one in order]),
                np.array([late[one] for one in order if one in late]),
                dict(collection.qrels[id]),
                id in train,
            )
        )
    return found


def float_evidence(index: Index, some: Sequence[Candidates]) -> list[Row]:
    """Evidence on token vectors that were never packed."""
    space, view = index.spaces.own, index.store.view()
    assert isinstance(space, WithTokens)
    ids = list(dict.fromkeys(id for one in some for id in one.chunks[: len(one.tokens)]))
    documents = {chunk.id: chunk for chunk in view.chunks(ids)}
    cuts = [Cut(Document(chunk.doc_id, chunk.text), [chunk]) for chunk in documents.values()]
    _, rows = space.encoder.encode_document_tokens(space.space.texts(cuts), space.centred)
    known = dict(zip(documents, rows, strict=True))
    [stage] = index.experts.hybrid().stages
    assert isinstance(stage, TokenStage)
    queries = stage.ask(view, [Query(one.text) for one in some], {}).said
    found = []
    for one, query in zip(some, queries, strict=True):
        if query is None:
            found.append(np.zeros(len(one.tokens)))
            continue
        weights = view.frequencies("dense").idf(query.ids)
        scores = np.zeros(len(one.tokens))
        for i, id in enumerate(one.chunks[: len(scores)]):
            if len(known[id].ids) and len(query.ids):
                best = np.maximum((query.rows @ known[id].rows.T).max(axis=1), 0.0)
                scores[i] = (best**2 @ weights) / weights.sum() / EQUAL
        found.append(scores)
    return found


def quality(data: Path, names: Sequence[str], work: Path, console: Console) -> dict[str, object]:
    without, with_, chosen, packed, unpacked = [], [], [], [], []
    halves: dict[float, list[list[float]]] = {weight: [[], []] for weight in WEIGHTS}
    table = Table("set", "queries", "without", "with", "difference", title="nDCG@10, all queries")
    for name in names:
        collection = ev.read_collection(data / name)
        index = indexed(collection, work)
        some = candidates(collection, index)
        scores = {w: np.array([one.ndcg(w) for one in some]) for w in WEIGHTS}
        train = np.array([one.train for one in some])
        for w in WEIGHTS:
            halves[w][0].append(float(scores[w][train].mean()))
            halves[w][1].append(float(scores[w][~train].mean()))
        without.append(scores[0.0])
        with_.append(scores[DEFAULT])
        chosen.append((scores, ~train))
        sample = random.Random(0).sample(some, min(FLOAT_QUERIES, len(some)))
        floats = float_evidence(index, sample)
        packed.append(float(np.mean([one.ndcg(DEFAULT) for one in sample])))
        unpacked.append(
            float(np.mean([o.ndcg(DEFAULT, f) for o, f in zip(sample, floats, strict=True)]))
        )
        a, b = scores[0.0].mean(), scores[DEFAULT].mean()
        table.add_row(name, str(len(some)), f"{a:.3f}", f"{b:.3f}", f"{b - a:+.3f}")
    gain = stratified_paired_bootstrap(list(zip(with_, without, strict=True)))
    a, b = (float(np.mean([s.mean() for s in some])) for some in (without, with_))
    table.add_row("average", "", f"{a:.4f}", f"{b:.4f}", f"{gain.value:+.4f}")
    console.print(table)
    console.print(f"difference: 95 % interval {gain.low:+.4f} to {gain.high:+.4f}")
    losses = {w: float(np.min(np.subtract(halves[w][0], halves[0.0][0]))) for w in WEIGHTS}
    best = max((w for w in WEIGHTS if losses[w] >= -0.01), key=lambda w: np.mean(halves[w][0]))
    reported = stratified_paired_bootstrap([(s[best][t], s[0.0][t]) for s, t in chosen])
    weights = Table(
        "weight", "chosen on", "worst set there", "reported on", title="weight of token evidence"
    )
    for w in WEIGHTS:
        mark = " <- chosen" if w == best else ""
        weights.add_row(
            f"{w}",
            f"{np.mean(halves[w][0]):.4f}",
            f"{losses[w]:+.3f}",
            f"{np.mean(halves[w][1]):.4f}{mark}",
        )
    console.print(weights)
    console.print(
        f"chosen {best}, on the other half {reported.value:+.4f} "
        f"({reported.low:+.4f} to {reported.high:+.4f})"
    )
    console.print(
        f"packed {np.mean(packed):.4f}, float {np.mean(unpacked):.4f} ({FLOAT_QUERIES} queries a set)"
    )
    return {
        "without": dict(zip(names, (float(s.mean()) for s in without), strict=True)),
        "with": dict(zip(names, (float(s.mean()) for s in with_), strict=True)),
        "gain": [gain.value, gain.low, gain.high],
        "held_out": [best, reported.value, reported.low, reported.high],
        "packed": float(np.mean(packed)),
        "float": float(np.mean(unpacked)),
    }


def limit(data: Path, work: Path, console: Console, total: int = 2000) -> dict[str, float]:
    """LIMIT with distractors: 45 of the items that no query names, for people with made-up names."""
    collection = ev.read_collection(data / "limit_small")
    likes = [document.text.split(" likes ", 1)[1].rstrip(".") for document in collection.documents]
    asked = {
        match[1]
        for text in collection.queries.values()
        if (match := re.fullmatch(r"Who likes (.+)\?", text))
    }
    items = sorted({item for some in likes for item in re.split(", | and ", some)} - asked)
    names = [document.id.split(" ", 1) for document in collection.documents]
    rng = random.Random(0)
    people = sorted({f"{a[0]} {b[-1]}" for a in names for b in names})
    people = [name for name in people if name not in {d.id for d in collection.documents}]
    rng.shuffle(people)
    extra = []
    for name in people[: total - len(collection.documents)]:
        some = rng.sample(items, 45)
        extra.append(Document(name, f"{name} likes {', '.join(some[:-1])} and {some[-1]}."))
    path = work / "limit-2k"
    index = Index.open(path) if path.exists() else Index.create(path, tokens=True)
    index.add([*collection.documents, *extra])
    assert isinstance(index.spaces.own, WithTokens)
    n = len(index)
    full = {"pool": n, "depth": n}
    late = replace(index.experts.hybrid(), weights={DENSE: 0.5, TOKENS: 0.125}, **full)
    systems = {
        "dense": index.experts.hybrid().alone(DENSE),
        "dense and tokens": late,
        "mostly tokens": replace(late, weights={DENSE: 0.5, TOKENS: 5.0}),
        "default without tokens": replace(
            index.experts.hybrid(), weights={DENSE: 0.5, LEXICAL: 0.5}
        ),
        "default": index.experts.hybrid(),
    }
    ids = random.Random(0).sample(list(collection.judged), 300)
    recall = {}
    for name, retriever in systems.items():
        recall[name] = _recall(retriever, collection, ids, 2)
    table = Table(*recall, title=f"LIMIT, {n} chunks of {total} documents, R@2, 300 queries")
    table.add_row(*(f"{value:.3f}" for value in recall.values()))
    console.print(table)
    return recall


def _recall(retriever: Hybrid, collection: ev.Collection, ids: Sequence[str], k: int) -> float:
    queries = [Query(collection.queries[id], k=k, group_by="document") for id in ids]
    shares = []
    for id, hits in zip(ids, retriever.retrieve(queries), strict=True):
        right = {document for document, grade in collection.qrels[id].items() if grade > 0}
        shares.append(len(right & {hit.chunk.doc_id for hit in hits}) / len(right))
    return float(np.mean(shares))


def costs(data: Path, console: Console, repeats: int = 5) -> dict[str, float]:
    collection = ev.read_collection(data / "squad_ctx")
    spent: dict[bool, list[float]] = {False: [], True: []}
    indexes = {}
    with tempfile.TemporaryDirectory() as scratch:
        for turn in range(repeats):
            for tokens in (False, True) if turn % 2 else (True, False):
                index = Index.create(Path(scratch, f"{turn}-{tokens}"), tokens=tokens)
                spent[tokens].append(_seconds(lambda index=index: index.add(collection.documents)))
                indexes[tokens] = index
        view = indexes[True].store.view()
        ids = [c.id for d in collection.documents for c in view.document_chunks(d.id)]
        count = sum(len(one.ids) for one in view.tokens("dense", ids))
        size = {}
        for tokens, index in indexes.items():
            assert isinstance(index.store, LanceStore)
            index.store._chunks.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
            size[tokens] = int(str(index.contents.stats()["bytes"]))
        texts = [collection.queries[id] for id in collection.judged][:300]
        asked: dict[bool, list[float]] = {False: [], True: []}
        for text in texts[:20]:  # once unmeasured
            for index in indexes.values():
                index.search(text)
        for text in texts:
            for tokens in random.sample([False, True], 2):
                search = indexes[tokens].search
                asked[tokens].append(_seconds(lambda search=search, text=text: search(text)))
        kept = view.tokens("dense", ids[:DEPTH])
    rng = np.random.default_rng(0)
    query = rng.normal(size=(12, 384)).astype(np.float32)
    bits = [sign_bits(rng.normal(size=(150, 384)), np.zeros(384)) for _ in range(40)]
    scorer = statistics.median(
        _seconds(lambda: maxsim(query, np.ones(12), bits)) for _ in range(200)
    )
    index_time = [statistics.median(spent[tokens]) for tokens in (False, True)]
    ms = [1000 * statistics.median(asked[tokens]) for tokens in (False, True)]
    figures = {
        "index_seconds_without": index_time[0],
        "index_seconds_with": index_time[1],
        "index_ratio": index_time[1] / index_time[0],
        "tokens": count,
        "bytes_per_token": (size[True] - size[False]) / count,
        "query_ms_without": ms[0],
        "query_ms_with": ms[1],
        "candidate_tokens": sum(len(one.ids) for one in kept) / len(kept),
        "maxsim_ms": 1000 * scorer,
    }
    table = Table("", "without", "with", "difference", title="costs, squad_ctx, medians")
    table.add_row(
        "index, s", f"{index_time[0]:.2f}", f"{index_time[1]:.2f}", f"{figures['index_ratio']:.3f}x"
    )
    table.add_row(
        "disk, MB",
        f"{size[False] / 1e6:.2f}",
        f"{size[True] / 1e6:.2f}",
        f"{figures['bytes_per_token']:.1f} bytes a token",
    )
    table.add_row("query, ms", f"{ms[0]:.2f}", f"{ms[1]:.2f}", f"{ms[1] - ms[0]:+.2f}")
    console.print(table)
    console.print(f"maxsim alone, 40 candidates of 150 tokens: {1000 * scorer:.2f} ms")
    return figures


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--parts", nargs="+", default=["quality", "limit", "costs"])
    parser.add_argument("--out", type=Path, default=Path("results/tokens.json"))
    parser.add_argument("--work", type=Path, help="keep the indexes here")
    arguments = parser.parse_args()
    console = Console(width=110)
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        if "quality" in arguments.parts:
            figures["quality"] = quality(arguments.data, arguments.sets, work, console)
        if "limit" in arguments.parts:
            figures["limit"] = limit(arguments.data, work, console)
        if "costs" in arguments.parts:
            figures["costs"] = costs(arguments.data, console)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
