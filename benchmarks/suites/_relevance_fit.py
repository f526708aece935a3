"""The best hits of questions of a set and of another, in corpora of three sizes, and curves fitted to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common import Bench, choosing
from benchmarks.suites._relevance_sizes import FOREIGN, Samples
from rag_embed import Query
from rag_embed import evaluation as ev
from rag_embed.ranking import Hybrid
from rag_embed.ranking.relevance import BASIS, Calibration, fitted
from rag_embed.types import doc_id_of

SIZES = (36, 214, 0)
"""Chunks of a corpus; 0 for the whole set."""

SHARED = 6
"""So many chunks of a sample are there for each question that is asked of it."""


@dataclass(frozen=True, eq=False)
class Best:
    """The best hit of a question.

    Attributes:
        size: Chunks in the corpus, 0 for the whole set.
        foreign: Whether the question is another set's.
        answers: Whether the hit answers it.
        reported: Whether it is of the half on which nothing is fitted.
        features: What relevance goes by.
    """

    size: int
    foreign: bool
    answers: bool
    reported: bool
    features: Mapping[str, float]


def bests(bench: Bench) -> list[Best]:
    found: list[Best] = []
    for name in bench.sets:
        found += of_set(bench, name)
        bench.say(f"{name}: done")
    return found


def of_set(bench: Bench, name: str) -> Iterator[Best]:
    collection, other = bench.collection(name), bench.collection(FOREIGN[name])
    samples, rng = Samples(bench.whole(collection)), np.random.default_rng(1)
    own, elsewhere = (drawn(one, bench.options.foreign, rng) for one in (collection, other))
    below: dict[str, list[str]] = {}
    for id in samples.ids:
        below.setdefault(doc_id_of(id), []).append(id)
    for size in (one for one in SIZES if one < len(samples.ids)):
        together = max(SHARED, size // SHARED) if size else max(len(own), len(elsewhere))
        for start in range(0, max(len(own), len(elsewhere)), together):
            some = slice(start, start + together)
            answers = [
                [id for doc in relevant(collection, asked) for id in below.get(doc, [])]
                for asked, _ in own[some]
            ]
            ids = corpus(samples.ids, answers, size, rng) if size else samples.ids
            search = samples.of(ids)
            for asked, reported in own[some]:
                right = relevant(collection, asked)
                yield from best(search, collection.queries[asked], size, False, right, reported)
            for asked, reported in elsewhere[some]:
                yield from best(search, other.queries[asked], size, True, set(), reported)


def drawn(collection: ev.Collection, most: int, rng: np.random.Generator) -> list[tuple[str, bool]]:
    """Questions, half of each half, and whether they are of the reported one."""
    asked = list(zip(collection.judged, (~choosing(collection)).tolist(), strict=True))
    mixed = [asked[i] for i in rng.permutation(len(asked))]
    halves = [[one for one in mixed if one[1] is side][: most // 2] for side in (False, True)]
    return [*halves[0], *halves[1]]


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


def best(
    search: Hybrid, text: str, size: int, foreign: bool, right: set[str], reported: bool
) -> Iterator[Best]:
    basis = Calibration(1.0, 1.0, 0.0, 1.0, weights=BASIS)
    for hit in search.retrieve([Query(text, k=1)])[0]:
        values = zip(("score", "cosine", "level"), basis.basis(hit.parts), strict=True)
        yield Best(size, foreign, hit.chunk.doc_id in right, reported, dict(values))


def curves(some: Sequence[Best]) -> dict[str, Mapping[str, float]]:
    """Coefficients by what goes in."""
    ways = {
        "all": (1.0, 1.0),
        "no cosine": (0.0, 1.0),
        "no level": (1.0, 0.0),
        "the score alone": (0.0, 0.0),
    }
    found: dict[str, Mapping[str, float]] = {}
    for name, (cosine, level) in ways.items():
        made = fitted(
            [one.features["score"] for one in some],
            [cosine * one.features["cosine"] for one in some],
            [one.answers for one in some],
            [level * one.features["level"] for one in some],
        )
        known = (made.score, made.cosine, made.level, made.intercept)
        found[name] = dict(zip(("score", "cosine", "level", "intercept"), known, strict=True))
    return found
