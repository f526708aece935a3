"""Trained adapters: an expert per set, all of them merged, and chunks read within their documents.

    python benchmarks/training.py --data DATA [--parts experts merge situated] [--sets ...]
                                  [--work DIR] [--out results/training]

*Experts*: at most 1,000 labelled pairs a set train a query adapter over frozen document vectors; steps
and strength are chosen on one side of a document-disjoint split, the gain is measured on another; those
of ``policyqa_train`` and ``squad_train`` also on ``policyqa_ctx`` and ``squad_ctx``, which share no document
with them. *Merge*: one encoder of the experts of `MERGED` that are better than the model. *Situated*: the
late part of ``unit(standard + weight * late)``, trained on ``squad_train`` and on the documentation of Python's
standard library with sentences cut out of it, measured on four other sets. Adapters and cards stay in
``--out``; a set that has a card there is not trained again.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from rag_embed import evaluation as ev
from rag_embed.encoders import load, load_adapted
from rag_embed.encoders.adapter_card import Card
from rag_embed.maths.resampling import Difference, paired_bootstrap
from rag_embed.maths.vectors import unit
from rag_embed.protocols import Encoder
from rag_embed.situated.expressions import STANDARD
from rag_embed.situated.expressions import situated as situate
from rag_embed.situated.late import Late
from rag_embed.training.clozed import clozed
from rag_embed.training.corpus import Corpus
from rag_embed.training.expert import Recipe, train_expert
from rag_embed.training.loop import Schedule
from rag_embed.training.merge import Domain, merge_experts
from rag_embed.training.pairs import labelled
from rag_embed.training.situated import SituatedRecipe, train_situated
from rag_embed.training.sources import read_chunk_set
from rag_embed.training.splits import Split, split
from rag_embed.types import Chunk, Cut, Document, Vectors

SETS = ["policyqa_train", "squad_train", "cosqa", "cranfield", "scifact", "anthropic_docs"]
AGAIN = {"policyqa_train": "policyqa_ctx", "squad_train": "squad_ctx"}
MERGED = ["policyqa_train", "lihua", "limit_small"]
"""Three kinds of questions that the model is weak at: policies, a year of chats, who likes what."""

UNSEEN = ["policyqa_ctx", "squad_ctx", "chroma_chunks"]
PAIRS = 1000
HELD_OUT = 0.4
RECIPE = Recipe(schedule=Schedule(epochs=6, patience=2))
BRIEF = Schedule(epochs=2, learning_rate=2e-4)
SITUATED = {
    "InSeNT, pulled": SituatedRecipe(pull=1.0, schedule=BRIEF),
    "margin, pulled": SituatedRecipe(objective="margin", pull=1.0, schedule=BRIEF),
    "InSeNT": SituatedRecipe(pull=0.0, schedule=BRIEF),
}
MODULES = [
    *("argparse", "asyncio", "calendar", "collections", "configparser", "csv", "datetime"),
    *("decimal", "difflib", "ftplib", "http.client", "ipaddress", "logging", "mailbox"),
    *("multiprocessing.pool", "pathlib", "random", "shutil", "socket", "sqlite3", "statistics"),
    *("subprocess", "tarfile", "tempfile", "threading", "turtle", "unittest.case", "zipfile"),
]
ARTICLES, PARTS = 13, 24
"""Documents of ``squad_train``, and chunks of a module: some minutes of training on two cores."""


def corpus(name: str, data: Path, work: Path, encoder: Encoder) -> tuple[ev.Collection, Corpus]:
    """A collection with its vectors, encoded once."""
    collection = ev.read_collection(data / name)
    file = work / f"{name}.npy"
    if not file.exists():
        work.mkdir(parents=True, exist_ok=True)
        np.save(file, Corpus.of_collection(collection, encoder).vectors)
    owners = tuple(str(d.metadata.get("doc_id", d.id)) for d in collection.documents)
    ids = tuple(d.id for d in collection.documents)
    return collection, Corpus(ids, owners, np.load(file), encoder.signature)


def sides(collection: ev.Collection) -> Split:
    pairs = labelled(collection)
    random.Random(0).shuffle(pairs)
    return split(pairs[: round(PAIRS / (1 - HELD_OUT) / 0.8)], held_out=HELD_OUT)


def experts(names: Sequence[str], data: Path, work: Path, to: Path, console: Console) -> None:
    base = load()
    for name in names:
        folder = to / name
        if (folder / "card.json").exists():
            continue
        collection, searched = corpus(name, data, work, base)
        card = train_expert(
            searched, sides(collection), folder, name=name, data=name, recipe=RECIPE
        )
        if card.installed and name in AGAIN:
            card = replace(card, others={AGAIN[name]: again(folder, AGAIN[name], data, work, base)})
            card.write(folder)
        console.print(f"{name}: {card.verdict}", markup=False)


def again(folder: Path, name: str, data: Path, work: Path, base: Encoder) -> Difference:
    collection, searched = corpus(name, data, work, base)
    pairs = labelled(collection)
    texts = [pair.query for pair in pairs]
    none = np.zeros((len(pairs), base.signature.dim), np.float32)
    before = searched.ndcg(pairs, base.encode_query(texts), none)
    return paired_bootstrap(
        searched.ndcg(pairs, load_adapted(folder).encode_query(texts), none), before
    )


def table(to: Path, names: Sequence[str], console: Console) -> None:
    shown = Table(
        *("set", "pairs", "held out", "model", "expert", "gain", "interval", "installed", "s"),
        title="experts, nDCG@10 on held-out documents",
    )
    for name in names:
        if not (to / name / "card.json").exists():
            continue
        card = Card.read(to / name)
        gain = card.gain
        shown.add_row(
            card.name,
            str(card.pairs["train"] + card.pairs["validation"]),
            str(card.pairs["held_out"]),
            f"{card.before:.3f}",
            f"{card.after:.3f}",
            f"{gain.value:+.3f}",
            f"{gain.low:+.3f} to {gain.high:+.3f}",
            "yes" if card.installed else "no",
            f"{card.seconds:.0f}",
        )
        for other, one in card.others.items():
            shown.add_row(
                f"  on {other}",
                *[""] * 4,
                f"{one.value:+.3f}",
                f"{one.low:+.3f} to {one.high:+.3f}",
            )
    console.print(shown)


def merged(data: Path, work: Path, to: Path, console: Console) -> None:
    experts(MERGED, data, work, to, console)
    base = load()
    known = [name for name in MERGED if Card.read(to / name).installed]
    if len(known) < 2:
        console.print(f"nothing to merge: {len(known)} experts are better than the model")
        return
    domains = {}
    for name in known:
        collection, searched = corpus(name, data, work, base)
        domains[name] = Domain(searched, sides(collection))
    card = merge_experts({name: to / name for name in known}, domains, to / "merged")
    console.print(card.settings["coefficients"], card.settings["validation"], card.verdict)
    for name, gain in card.others.items():
        alone = Card.read(to / name).gain.value
        console.print(
            f"  {name}: merged {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}), own expert {alone:+.3f}"
        )


def standard_library() -> list[Cut]:
    """What Python says about itself: a document per module, a chunk per class, function, method."""
    cuts = []
    for name in MODULES:
        module = importlib.import_module(name)
        texts = [inspect.getdoc(module) or ""]
        for _, thing in sorted(vars(module).items()):
            if getattr(thing, "__module__", None) == name and callable(thing):
                members = sorted(vars(thing).items()) if inspect.isclass(thing) else []
                texts += [inspect.getdoc(one) or "" for one in (thing, *(m for _, m in members))]
        short = (" ".join(text.split()[:130]) for text in dict.fromkeys(texts))
        kept = [text for text in short if len(text.split()) >= 12][:PARTS]
        if len(kept) < 4:
            continue
        starts = np.cumsum([0, *(len(text) + 2 for text in kept)])
        document = Document(name, "\n\n".join(kept), title=f"Python module {name}")
        spans = zip(starts, kept, strict=False)
        chunks = [
            Chunk.of(document, int(start), int(start) + len(text), ordinal=i)
            for i, (start, text) in enumerate(spans)
        ]
        cuts.append(Cut(document, chunks))
    return cuts


def situated(data: Path, work: Path, to: Path, recipes: Sequence[str], console: Console) -> None:
    base = load()
    cuts, pairs = read_chunk_set(data / "squad_train")
    cuts = [one for one in cuts if one.document.title != "Miscellaneous"][:ARTICLES]
    known = {document.id for document, _ in cuts}
    pairs = [pair for pair in pairs if known.issuperset(pair.documents)]
    random.Random(0).shuffle(pairs)
    cut, more = clozed(standard_library(), 1500)
    shown = Table(
        "recipe", "weight", *UNSEEN, "mean", title="standard + weight * late, nDCG@10, dense alone"
    )
    shown.add_row("standard", "0", *_scores(data, work, None, 0.0, base))
    shown.add_row("untrained", "0.5", *_scores(data, work, base, 0.5, base))
    for recipe in recipes:
        folder = to / f"situated-{recipe.replace(', ', '-').lower()}"
        if not (folder / "card.json").exists():
            card = train_situated(
                [*cuts, *cut],
                split([*pairs[:1500], *more], held_out=0.15, validation=0.15),
                folder,
                model=base.signature.model,
                name=recipe,
                data="squad_train, Python's standard library",
                recipe=SITUATED[recipe],
            )
            console.print(f"{recipe}: {card.verdict}", markup=False)
        card = Card.read(folder)
        if card.installed:
            weight = card.settings["weights"]["trained"]
            trained = load_adapted(folder)
            shown.add_row(recipe, str(weight), *_scores(data, work, trained, weight, base))
        else:
            shown.add_row(recipe, "", *["not installed"] * len(UNSEEN), "")
    console.print(shown)


def _scores(
    data: Path, work: Path, late: Encoder | None, weight: float, base: Encoder
) -> list[str]:
    means = []
    for name in UNSEEN:
        cuts, pairs = read_chunk_set(data / name)
        chunks = [chunk for _, some in cuts for chunk in some]
        own = _kept(
            work / f"{name}-{STANDARD}.npy",
            lambda g=cuts: situate(STANDARD, base).encode_chunks(g),
        )
        rows = own
        if late is not None:
            file = work / f"{name}-late-{late.signature.weights[:12]}.npy"
            rows = unit(
                own + np.float32(weight) * _kept(file, lambda g=cuts: Late(late).encode_chunks(g))
            )
        ids, owners = tuple(c.id for c in chunks), tuple(c.doc_id for c in chunks)
        searched = Corpus(ids, owners, rows, base.signature)
        queries = base.encode_query([pair.query for pair in pairs])
        means.append(float(searched.ndcg(pairs, queries, np.zeros_like(queries)).mean()))
    return [f"{value:.3f}" for value in (*means, np.mean(means))]


def _kept(file: Path, make) -> Vectors:  # noqa: ANN001
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, make())
    rows: Vectors = np.load(file)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", default=["experts", "merge", "situated"])
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--recipes", nargs="+", default=list(SITUATED))
    parser.add_argument("--out", type=Path, default=Path("results/training"))
    parser.add_argument("--work", type=Path, help="keep encoded vectors here")
    arguments = parser.parse_args()
    console = Console(width=120)
    out = arguments.out
    work = arguments.work or out / "vectors"
    if "experts" in arguments.parts:
        experts(arguments.sets, arguments.data, work, out, console)
    if "merge" in arguments.parts:
        merged(arguments.data, work, out, console)
    table(out, list(dict.fromkeys([*arguments.sets, *MERGED])), console)
    if "situated" in arguments.parts:
        situated(arguments.data, work, out, arguments.recipes, console)
    cards = {f.parent.name: asdict(Card.read(f.parent)) for f in sorted(out.glob("*/card.json"))}
    (out / "training.json").write_text(json.dumps(cards, indent=2))


if __name__ == "__main__":
    main()
