"""The best hits of questions of a set and of another, in corpora of three sizes, and curves fitted to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common import Bench
from benchmarks.suites._relevance_sizes import Samples
from benchmarks.suites._relevance_strangers import PYTHON, questions
from rag_embed import Query
from rag_embed import evaluation as ev
from rag_embed.ranking import Hybrid
from rag_embed.ranking.relevance import BASIS, Calibration, fitted
from rag_embed.types import Hit, doc_id_of

SIZES = (36, 214, 0)
"""Chunks of a corpus; 0 for the whole set."""

FACTS = ("score", "cosine", "words")

WAYS = {
    "cosine and words": (0.0, 1.0, 1.0),
    "all three": (1.0, 1.0, 1.0),
    "no cosine": (1.0, 0.0, 1.0),
    "no words": (1.0, 1.0, 0.0),
    "the score alone": (1.0, 0.0, 0.0),
}
"""What goes in, by fact."""

SHARED = 6
"""So many chunks of a sample are there for each question that is asked of it."""


@dataclass(frozen=True, eq=False)
class Best:
    """The best hit of a question.

    Attributes:
        set: What it is asked of.
        size: Chunks in the corpus, 0 for the whole set.
        foreign: Whether the question is another set's.
        answers: Whether the hit answers it.
        reported: Whether it is of the half on which nothing is fitted.
        features: What relevance goes by.
    """

    set: str
    size: int
    foreign: bool
    answers: bool
    reported: bool
    features: Mapping[str, float]


def bests(bench: Bench) -> list[Best]:
    found: list[Best] = []
    for name in (*bench.sets, PYTHON):
        found += of_set(bench, name)
        bench.say(f"{name}: done")
    return found


def of_set(bench: Bench, name: str) -> Iterator[Best]:
    rng = np.random.default_rng(1)
    asked = questions(bench, name, rng)
    collection, own, elsewhere = asked.collection, asked.own, asked.elsewhere
    samples = Samples(asked.index)
    below: dict[str, list[str]] = {}
    for id in samples.ids:
        below.setdefault(doc_id_of(id), []).append(id)
    for size in (one for one in SIZES if one < len(samples.ids)):
        together = max(SHARED, size // SHARED) if size else max(len(own), len(elsewhere))
        for start in range(0, max(len(own), len(elsewhere)), together):
            some = slice(start, start + together)
            answers = [
                [id for doc in relevant(collection, one) for id in below.get(doc, [])]
                for one, _ in own[some]
            ]
            ids = corpus(samples.ids, answers, size, rng) if size else samples.ids
            search = samples.of(ids)
            for id, reported in own[some]:
                for hit in first(search, collection.queries[id]):
                    answers_it = hit.chunk.doc_id in relevant(collection, id)
                    yield Best(name, size, False, answers_it, reported, facts(hit))
            for text, reported in elsewhere[some]:
                for hit in first(search, text):
                    yield Best(name, size, True, False, reported, facts(hit))


def relevant(collection: ev.Collection, asked: str) -> set[str]:
    return {document for document, grade in collection.qrels[asked].items() if grade > 0}


def corpus(
    ids: Sequence[str], answers: Sequence[Sequence[str]], size: int, rng: np.random.Generator
) -> list[str]:
    """One chunk that answers each question, and others that answer none of them."""
    right = dict.fromkeys(some[int(rng.integers(len(some)))] for some in answers if some)
    answering = {id for some in answers for id in some}
    others = [id for id in ids if id not in answering]
    more = min(max(size - len(right), 0), len(others))
    return [*right, *(others[i] for i in rng.choice(len(others), more, replace=False))]


def first(search: Hybrid, text: str) -> list[Hit]:
    return search.retrieve([Query(text, k=1)])[0]


def facts(hit: Hit) -> dict[str, float]:
    basis = Calibration(1.0, 1.0, 0.0, 1.0, weights=BASIS)
    return dict(zip(FACTS, basis.basis(hit.parts), strict=True))


def curve(some: Sequence[Best], way: str) -> dict[str, float]:
    """Coefficients, fitted to best hits."""
    score, cosine, words = WAYS[way]
    made = fitted(
        [score * one.features["score"] for one in some],
        [cosine * one.features["cosine"] for one in some],
        [one.answers for one in some],
        [words * one.features["words"] for one in some],
    )
    known = (made.score, made.cosine, made.words, made.intercept)
    return dict(zip((*FACTS, "intercept"), known, strict=True))
