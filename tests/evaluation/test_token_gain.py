"""The measurement that comes before token evidence is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection
from rag_embed.ranking import hybrid
from rag_embed.tuning.tokens import token_gain

PEOPLE = ("Ada", "Bela", "Cleo", "Dora", "Egon", "Fritz", "Gerd", "Hanna", "Igor", "Jana")
LIKES = ("apples", "boats", "chess", "dogs", "elks", "figs", "golf", "hats", "ink", "jazz")


@pytest.fixture(scope="module")
def index() -> Index:
    """Everybody likes three things; one vector blurs them."""
    index = Index.in_memory(tokens=False)
    for i, name in enumerate(PEOPLE):
        some = [LIKES[(i + step) % 10] for step in (0, 1, 3)]
        index.add([Document(name, f"{name} likes {some[0]}, {some[1]} and {some[2]}.", name)])
    return index


def test_labels_give_a_gain_with_an_interval_and_change_nothing(index) -> None:
    judged = {f"Who likes {LIKES[i]} and {LIKES[(i + 3) % 10]}?": [PEOPLE[i]] for i in range(10)}
    before = index.search("Who likes chess?")
    verdict = token_gain(index, Collection.of({**judged, "Who likes nothing?": ["nobody"]}))
    gain = verdict.gain
    assert gain.low <= gain.value <= gain.high and -0.2 < gain.value <= 1.0
    assert verdict.kept == (gain.low > 0) and verdict.name == "tokens"
    assert index.search("Who likes chess?") == before and not index.spaces.own.signature.tokens
    assert gain == token_gain(index, Collection.of(judged)).gain


def test_it_compares_with_and_without(index, monkeypatch) -> None:
    """With a weight of nothing there is no difference."""
    real = hybrid.Hybrid.retrieve
    monkeypatch.setattr(
        hybrid.Hybrid,
        "retrieve",
        lambda self, queries: real(replace(self, weights={**self.weights, "tokens": 0.0}), queries),
    )
    gain = token_gain(index, Collection.of({"Who likes figs and ink?": [PEOPLE[5]]})).gain
    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_without_labels_sentences_are_cut_out() -> None:
    index = Index.in_memory(tokens=False)
    text = "The {0} lives in the far north. It eats {1} all day long. Nobody has seen it sleep."
    index.add([Document(p, text.format(p, q), p) for p, q in zip(PEOPLE, LIKES, strict=True)])
    gain = token_gain(index, documents=6, queries=20).gain
    assert gain.low <= gain.value <= gain.high
    assert gain == token_gain(index, documents=6, queries=20).gain


def test_what_cannot_be_measured() -> None:
    index = Index.in_memory(encoder=HashEncoder(16))
    with pytest.raises(BadInput, match="no query"):
        token_gain(index)
    index.add([Document("a", "some text of five words. And there is another sentence.")])
    with pytest.raises(BadInput, match="no query"):
        token_gain(index, Collection.of({"text": ["b"]}))
    with pytest.raises(BadInput, match="no token vectors"):
        token_gain(index, Collection.of({"text": ["a"]}))
