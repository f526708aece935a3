"""Long context: what each method finds, and what it costs.

    python benchmarks/long_context.py --data DATA [--work DIR] [--parts PART ...]

*Choose-windows*, *choose*: settings of all-MiniLM-L6-v2 (windows; trained length and scaling) on generated
documents with pass keys, three in each. *Passkey*: Acc@1 at each length of the ``passkey`` set (in words,
1.3 tokens each), among documents of the same length; whole texts are made one vector up to ``--longest``
words, the longest of them for a sample, as the table says. *Centred*: less the mean vector of those
documents.
*Documents*: nDCG@10 on ``qmsum_docs``, whole meetings, chunks of 200 tokens: how many chunks of a
document count is chosen on one half, split by document, and reported on the other. *Costs*: seconds
and memory per document against length.

With ``--work`` an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from long_context_costs import LENGTHS, METHODS, costs
from long_context_passkey import SINGLE, choose, choose_windows, report
from rich.console import Console
from rich.table import Table

from rag_embed import Index, Query
from rag_embed import evaluation as ev
from rag_embed.encoders import HashEncoder
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.resampling import bootstrap, paired_bootstrap
from rag_embed.maths.vectors import unit
from rag_embed.maths.windowing import novelty
from rag_embed.protocols import Retriever
from rag_embed.ranking.best_chunks import BestChunks
from rag_embed.ranking.rerank import Reranked
from rag_embed.types import DENSE, LEXICAL

PARTS = ("choose-windows", "choose", "passkey", "documents", "costs")
TAKE = (1, 2, 3, 5)


def documents(data: Path, work: Path, console: Console) -> dict[str, list[float]]:
    """nDCG@10 on qmsum_docs."""
    collection = ev.read_collection(data / "qmsum_docs")
    path = work / "qmsum_docs-200"
    index = Index.open(path) if path.exists() else Index.create(path)
    index.add(collection.documents)
    hybrid = index.experts.hybrid()
    dense, lexical = hybrid.alone(DENSE), hybrid.alone(LEXICAL)
    systems: dict[str, Retriever] = {}
    for name, retriever in {"dense": dense, "BM25 on chunks": lexical, "hybrid": hybrid}.items():
        for take in TAKE:
            systems[f"{name}, best {take}"] = Reranked(
                retriever, BestChunks(take), 400, spread=False
            )
    ids = list(collection.judged)
    queries = [Query(collection.queries[id], k=10, group_by="document") for id in ids]
    whole = Index.in_memory(encoder=HashEncoder(8), chunk_tokens=None, situate="isolated")
    whole.add(collection.documents)
    systems["BM25 on whole documents"] = whole.experts.hybrid().alone(LEXICAL)
    scores = {
        name: np.array(
            [
                ndcg([hit.chunk.doc_id for hit in hits], dict(collection.qrels[id]), 10)
                for id, hits in zip(ids, system.retrieve(queries), strict=True)
            ]
        )
        for name, system in systems.items()
    }
    scores |= one_vector(collection, index, ids)
    train_ids = set(ev.split_by_document(collection)[0].judged)
    train = np.array([id in train_ids for id in ids])
    table = Table(
        "system", "choosing half", "other half", "all", "95 %", title="qmsum_docs, nDCG@10"
    )
    rows = {}
    for name, row in scores.items():
        mean = bootstrap([row])
        rows[name] = [float(row[train].mean()), float(row[~train].mean()), mean.value]
        table.add_row(
            name, *(f"{value:.3f}" for value in rows[name]), f"{mean.low:.3f} to {mean.high:.3f}"
        )
    console.print(table)
    base = scores["BM25 on whole documents"]
    for family in ("dense", "hybrid"):
        options = [name for name in systems if name.startswith(family)]
        name = max(options, key=lambda one: rows[one][0])
        for where, some in (("other half", ~train), ("all", np.ones(len(train), bool))):
            gain = paired_bootstrap(scores[name][some], base[some])
            console.print(
                f"chosen {name!r}, {where}: {scores[name][some].mean():.3f}, against BM25 on whole "
                f"documents {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
            )
    return rows


def one_vector(
    collection: ev.Collection, index: Index, ids: Sequence[str]
) -> dict[str, npt.NDArray[np.float64]]:
    """A meeting as its first chunk, the mean of its chunks, and the same centred."""
    view = index.store.view()
    first, means, novel = [], [], []
    for document in collection.documents:
        chunks = [chunk.id for chunk in view.document_chunks(document.id)]
        rows = view.vectors("dense", chunks)
        first.append(rows[0])
        means.append(rows.mean(axis=0))
        novel.append(novelty(rows) @ rows)
    mean = unit(np.array(means))
    queries = index.spaces.own.encode_query([collection.queries[id] for id in ids])
    names = [document.id for document in collection.documents]
    found = {}
    for name, rows in {
        "one vector: first chunk": np.array(first),
        "one vector: mean of chunks": mean,
        "one vector: mean, centred": unit(mean - mean.mean(axis=0)),
        "one vector: novelty": unit(np.array(novel)),
    }.items():
        ranked = np.argsort(-(queries @ rows.T), axis=1, kind="stable")[:, :10]
        found[name] = np.array(
            [
                ndcg([names[i] for i in row], dict(collection.qrels[id]), 10)
                for id, row in zip(ids, ranked.tolist(), strict=True)
            ]
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="keep vectors and indexes here")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--methods", nargs="*", default=list(SINGLE), help="of single vectors")
    parser.add_argument("--most", type=int, default=8, help="generated documents of each length")
    parser.add_argument("--longest", type=int, default=4096, help="words of single vectors")
    parser.add_argument("--lengths", nargs="+", type=int, default=list(LENGTHS), help="of costs")
    parser.add_argument("--costs", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--out", type=Path, default=Path("results/long_context.json"))
    arguments = parser.parse_args()
    console = Console(width=150)
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        if "choose-windows" in arguments.parts:
            figures["choose windows"] = choose_windows(work, console, arguments.most)
        if "choose" in arguments.parts:
            figures["choose"] = choose(work, console, arguments.most)
        if "passkey" in arguments.parts:
            figures["passkey"] = report(
                arguments.data, work, console, arguments.methods, arguments.longest
            )
        if "documents" in arguments.parts:
            figures["documents"] = documents(arguments.data, work, console)
        if "costs" in arguments.parts:
            figures["costs"] = costs(work, console, arguments.lengths, arguments.costs)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
