"""Trained adapters: an expert per set, and one encoder of several.

*Experts*: gains on documents that training has not seen, for two sets also on a set of the same kind. *Merge*:
one encoder of the experts of `MERGED` that are better than the model. A card in ``--work`` is used again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.common import Bench, Suite
from benchmarks.records import Table
from rag_embed import evaluation as ev
from rag_embed.encoders import load, load_adapted
from rag_embed.encoders.adapter_card import Card
from rag_embed.maths.resampling import Difference, paired_bootstrap
from rag_embed.training import Domain, Recipe, Schedule, merge_experts, train_expert
from rag_embed.training.corpus import Corpus
from rag_embed.training.pairs import labelled
from rag_embed.training.splits import Split, split

SETS = (
    *("policyqa_train", "squad_train", "cosqa", "anthropic_docs"),
    *("cranfield", "lihua", "limit_small"),
)
AGAIN = {"policyqa_train": "policyqa_ctx", "squad_train": "squad_ctx"}
MERGED = ("policyqa_train", "lihua", "limit_small")
"""Three kinds of questions that the model is weak at: policies, a year of chats, who likes what."""

PAIRS, HELD_OUT = 1000, 0.4
RECIPE = Recipe(schedule=Schedule(epochs=6, patience=2))


def corpus(bench: Bench, collection: ev.Collection) -> Corpus:
    """The collection with its vectors, encoded once."""
    encoder, documents = load(), collection.documents
    rows = bench.kept(
        f"training/{collection.name}", lambda: Corpus.of_collection(collection, encoder).vectors
    )
    owners = tuple(str(d.metadata.get("doc_id", d.id)) for d in documents)
    return Corpus(tuple(d.id for d in documents), owners, rows, encoder.signature)


def sides(collection: ev.Collection) -> Split:
    pairs = labelled(collection)
    random.Random(0).shuffle(pairs)
    return split(pairs[: round(PAIRS / (1 - HELD_OUT) / 0.8)], held_out=HELD_OUT)


def expert(bench: Bench, name: str) -> Card:
    folder = bench.work / "training" / f"expert-{name}"
    if (folder / "card.json").exists():
        return Card.read(folder)
    collection = bench.collection(name)
    searched = corpus(bench, collection)
    card = train_expert(searched, sides(collection), folder, name=name, data=name, recipe=RECIPE)
    if card.installed and name in AGAIN:
        card = replace(card, others={AGAIN[name]: again(bench, AGAIN[name], str(folder))})
        card.write(folder)
    bench.say(f"{name}: {card.verdict}")
    return card


def again(bench: Bench, name: str, folder: str) -> Difference:
    """What an expert gains on another set."""
    collection = bench.collection(name)
    searched, pairs, base = corpus(bench, collection), labelled(collection), load()
    texts = [pair.query for pair in pairs]
    none = np.zeros((len(pairs), base.signature.dim), np.float32)
    both = [one.encode_query(texts) for one in (load_adapted(folder), base)]
    return paired_bootstrap(*(searched.ndcg(pairs, queries, none) for queries in both))


def _cell(gain: Difference) -> list[float]:
    return [gain.value, gain.low, gain.high]


def experts(bench: Bench) -> Iterator[Table]:
    rows: list[list[Any]] = []
    for name in bench.sets:
        card = expert(bench, name)
        pairs = card.pairs["train"] + card.pairs["validation"]
        said = "yes" if card.installed else "no"
        figures = [card.before, card.after, _cell(card.gain)]
        rows.append([name, pairs, card.pairs["held_out"], *figures, said, card.seconds])
        rows += [
            [f"the same on {other}", *[None] * 4, _cell(gain), None, None]
            for other, gain in card.others.items()
        ]
    columns = {"set": "", "pairs": ",d", "held-out queries": "d", "model": ".3f", "expert": ".3f"}
    yield Table("nDCG@10", {**columns, "gain": "+.3f", "installed": "", "s": ".0f"}, rows)


def merge(bench: Bench) -> Iterator[Table]:
    known = [name for name in MERGED if expert(bench, name).installed]
    if len(known) < 2:
        raise SystemExit(f"Nothing to merge: only {known} are better than the model.")
    folders = {name: bench.work / "training" / f"expert-{name}" for name in known}
    collections = map(bench.collection, known)
    domains = {one.name: Domain(corpus(bench, one), sides(one)) for one in collections}
    card = merge_experts(folders, domains, bench.work / "training" / "merged")
    bench.say(f"{card.settings['coefficients']}, {card.settings['validation']}, {card.verdict}")
    rows = [
        [name, _cell(Card.read(folders[name]).gain), _cell(gain)]
        for name, gain in card.others.items()
    ]
    yield Table("gain", {"domain": "", "own expert": "+.3f", "merged": "+.3f"}, rows)


SUITE = Suite({"experts": experts, "merge": merge}, sets=SETS)
