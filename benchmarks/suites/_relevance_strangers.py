"""What is asked of a set, by people who know what is in it and by others: nothing there answers those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common import Bench, choosing
from benchmarks.suites._relevance_sizes import FOREIGN
from rag_embed import Index
from rag_embed import evaluation as ev
from rag_embed.cli.demo import OFF_TOPIC
from rag_embed.cli.demo import QUESTIONS as ASKED
from rag_embed.cli.python_docs import standard_library

PYTHON = "python"
"""Python's standard library, as ``rag-embed demo`` has it; nothing is fitted to it."""

NOT_FITTED = ("policyqa_ctx", PYTHON)
"""The terms of the first allow no commercial use, so nothing that is shipped may be fitted to it."""

STRANGERS = (
    *("squad_train", "cosqa", "anthropic_docs", "cranfield"),
    *("chroma_chunks", "pubmedqa", "scifact", "cacm"),
)
"""Sets whose questions are asked of the others, a few each."""

ALIKE = {
    "chroma_chunks": ("pubmedqa", "scifact"),
    "scifact": ("pubmedqa", "chroma_chunks"),
    "squad_ctx": ("chroma_chunks",),
}
"""Set -> others that are of the same subjects."""

A_FEW = 20

UNANSWERABLE = (
    *OFF_TOPIC,
    "What time does the supermarket close?",
    "How do I get rid of ants in the kitchen?",
    "Who wrote Pride and Prejudice?",
    "What is the boiling point of water?",
    "How many calories are in an apple?",
    "When was Abraham Lincoln born?",
    "best hiking trails near Seattle",
    "How do vaccines work?",
    "What is the tallest mountain in Africa?",
    "how to renew my passport",
    "symptoms of vitamin D deficiency",
    "Which planet has the most moons?",
    "How much does a plumber cost?",
    "train your dog to sit",
    "What does GDP stand for?",
    "Who painted the Mona Lisa?",
    "how do I change a flat tire",
    "population of Japan",
    "can I return shoes without the receipt?",
    "What is the speed of light?",
    "cheap flights to Lisbon",
    "how to write a cover letter",
    "React useEffect runs twice",
    "kubectl restart a deployment",
    "CSS center a div",
    "What is the price of gold?",
)
"""What people ask that Python's standard library cannot answer; written down before it was asked."""


@dataclass(frozen=True, eq=False)
class Questions:
    """What is asked of an index.

    Attributes:
        index: A chunk per entry.
        collection: Its own questions.
        own: Their ids, and whether they are of the reported half.
        elsewhere: Texts of others, likewise.
    """

    index: Index
    collection: ev.Collection
    own: Sequence[tuple[str, bool]]
    elsewhere: Sequence[tuple[str, bool]]


def questions(bench: Bench, name: str, rng: np.random.Generator) -> Questions:
    if name == PYTHON:
        index = Index.at(bench.work / "whole" / name, chunk_tokens=None)
        documents = tuple(standard_library())
        index.add(documents)
        qrels = {text: dict.fromkeys(right, 1) for text, right in ASKED.items()}
        collection = ev.Collection(name, documents, {text: text for text in ASKED}, qrels)
        asked = [(text, True) for text in ASKED], [(text, True) for text in UNANSWERABLE]
        return Questions(index, collection, *asked)
    collection, most = bench.collection(name), bench.options.foreign
    other = bench.collection(FOREIGN[name])
    own = drawn(collection, most, rng)
    elsewhere = [(other.queries[id], side) for id, side in drawn(other, most, rng)]
    for stranger in STRANGERS:
        if stranger not in (name, FOREIGN[name], *ALIKE.get(name, ())):
            one = bench.collection(stranger)
            elsewhere += [(one.queries[id], side) for id, side in drawn(one, A_FEW, rng)]
    mixed = [elsewhere[i] for i in rng.permutation(len(elsewhere))]
    return Questions(bench.whole(collection), collection, own, mixed)


def drawn(collection: ev.Collection, most: int, rng: np.random.Generator) -> list[tuple[str, bool]]:
    """Questions, half of each half, and whether they are of the reported one."""
    asked = list(zip(collection.judged, (~choosing(collection)).tolist(), strict=True))
    mixed = [asked[i] for i in rng.permutation(len(asked))]
    halves = [[one for one in mixed if one[1] is side][: most // 2] for side in (False, True)]
    return [*halves[0], *halves[1]]
