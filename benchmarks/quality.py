"""Fusion side by side: every peer gets the same two legs, only the fusion differs.

    python benchmarks/quality.py --data DATA [--sets scifact cosqa ...] [--out results/quality]

Each set is indexed whole (title + text, one chunk per corpus entry) with the default model; the
dense and the lexical leg hand their 100 best to every peer:

- ``RRF``: reciprocal rank fusion, k = 60
- ``LangChain ensemble``: ``EnsembleRetriever``, weights 0.5 / 0.5
- ``LlamaIndex rrf | relative | dist``: ``QueryFusionRetriever`` in its three score modes
- ``rag_embed``: the default of this library
"""

from __future__ import annotations

import argparse
import importlib.metadata
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from rag_embed import Index, Query
from rag_embed import evaluation as ev
from rag_embed.cli.evaluate import systems as own_systems
from rag_embed.types import doc_id_of

SETS = [
    "scifact",
    "cosqa",
    "squad_ctx",
    "policyqa_ctx",
    "anthropic_docs",
    "limit_small",
    "cranfield",
    "cacm",
    "chroma_chunks",
]
DEPTH = 100
LEGS = ("dense", "lexical")

Ranked = list[tuple[str, float]]


class Legs:
    """The 100 best of each leg for every query, computed once and handed to all peers."""

    def __init__(self, index: Index, texts: Sequence[str]) -> None:
        view = index.store.view()
        queries = [Query(text) for text in texts]
        self.found: dict[str, dict[str, Ranked]] = {}
        for leg in index.experts.hybrid().legs:
            tops = leg.ask(view, queries).top([None] * len(texts), DEPTH)
            self.found[leg.name] = {
                text: [(doc_id_of(id), float(score)) for id, score in zip(ids, scores, strict=True)]
                for text, (ids, scores) in zip(texts, tops, strict=True)
            }


def rrf(legs: Legs, k: int = 60) -> ev.System:
    def system(texts: Sequence[str], /) -> list[list[str]]:
        rankings = []
        for text in texts:
            scores: dict[str, float] = {}
            for leg in LEGS:
                for rank, (id, _) in enumerate(legs.found[leg][text], 1):
                    scores[id] = scores.get(id, 0.0) + 1.0 / (k + rank)
            rankings.append(sorted(scores, key=lambda id: (-scores[id], id))[:DEPTH])
        return rankings

    return system


def indexed(collection: ev.Collection, folder: Path) -> Index:
    """The collection's index; an earlier run's is used again, since unchanged texts cost nothing."""
    path = folder / collection.name
    index = Index.open(path) if path.exists() else Index.create(path, chunk_tokens=None)
    index.add(collection.documents)
    return index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--out", type=Path, default=Path("results/quality"))
    parser.add_argument("--work", type=Path, help="keep the indexes here")
    arguments = parser.parse_args()
    from peers import peers  # needs the extra 'bench', --help does not

    console = Console(width=160)
    evaluations = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.sets:
            collection = ev.read_collection(arguments.data / name)
            index = indexed(collection, arguments.work or Path(scratch))
            legs = Legs(index, [collection.queries[id] for id in collection.judged])
            measured = {**own_systems(index), "RRF": rrf(legs), **peers(legs)}
            evaluations.append(ev.evaluate(measured, collection, depth=DEPTH))
            console.print(f"{name}: done")
            signature = asdict(index.spaces.own.signature)
    versions = ("rag-embed", "lancedb", "langchain-classic", "llama-index-core")
    settings = {name: importlib.metadata.version(name) for name in versions}
    report = ev.make_report(
        evaluations,
        baseline="rag_embed",
        title="Fusion quality, same legs",
        settings={**settings, "encoder": signature["model"]},
    )
    console.print(ev.to_rich(report))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.with_suffix(".json").write_text(ev.to_json(report), encoding="utf-8")
    arguments.out.with_suffix(".md").write_text(ev.to_markdown(report), encoding="utf-8")
    arguments.out.with_suffix(".html").write_text(ev.to_html(report), encoding="utf-8")


if __name__ == "__main__":
    main()
