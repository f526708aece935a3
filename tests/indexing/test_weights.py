"""How much each leg counts is a setting of an index: checked, stored, found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection
from rag_embed.indexing.settings import read
from rag_embed.ranking.legs import LexicalLeg
from rag_embed.ranking.weights import WEIGHTS
from rag_embed.tuning import reset

MOSTLY_WORDS = {"dense": 0.2, "lexical": 0.8}


def documents() -> list[Document]:
    words = ["fox", "whale", "tea", "wine"]
    return [Document(f"d{i}", f"The {words[i % 4]} of {words[i % 3]}, {i}.") for i in range(24)]


def weights_of(hit) -> dict[str, float]:
    return {part.leg: part.weight for part in hit.parts}


class Twin(LexicalLeg):
    """Lexical search under another name."""


class Even:
    """A second stage that finds all candidates equally good."""

    name = "even"

    def ask(self, view, queries, answers) -> Even:
        return self

    def score(self, query, ids):
        return np.ones(len(ids), np.float32)

    def normalise(self, query, raw):
        return raw


def test_they_are_stored_and_found_again(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(), weights=MOSTLY_WORDS)
    index.add(documents())
    again = Index.open(tmp_path / "kb", encoder=HashEncoder())
    memory = Index.in_memory(encoder=HashEncoder(), weights=MOSTLY_WORDS)
    memory.add(documents())
    for one in (index, again, memory):
        assert one.experts.weights == MOSTLY_WORDS
        assert weights_of(one.search("fox")[0]) == MOSTLY_WORDS
    again.experts.weigh({"lexical": 1})
    assert index.experts.weights == MOSTLY_WORDS
    last = Index.open(tmp_path / "kb", encoder=HashEncoder())
    assert last.experts.weights == {"lexical": 1.0} and weights_of(last.search("fox")[0]) == {
        "lexical": 1
    }


def test_nothing_is_stored_where_nothing_was_chosen() -> None:
    index = Index.in_memory(encoder=HashEncoder())
    assert read(index.store).weights is None
    assert index.experts.weights == {"dense": WEIGHTS["dense"], "lexical": WEIGHTS["lexical"]}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0.5, 0.5], "maps names to numbers, such as .*; got list"),
        ({"lexicle": 1.0}, "count 'lexicle', which is not there; there are: dense, lexical"),
        ({"dense": -0.1}, "weight of 'dense' must be a number >= 0, got -0.1"),
        ({"dense": np.nan}, "weight of 'dense' must be"),
        ({"dense": np.inf}, "weight of 'dense' must be"),
        ({"dense": True}, "weight of 'dense' must be"),
        ({"dense": "1"}, "weight of 'dense' must be"),
        ({}, "count none of the legs: dense, lexical"),
        ({"dense": 0.0}, "count none of the legs"),
        ({"dense": 1.0, "tokens": 0.1}, "count 'tokens', which is not there"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, weights, message) -> None:
    with pytest.raises(BadInput, match=message):
        Index.create(tmp_path / "kb", encoder=HashEncoder(), weights=weights)
    assert not (tmp_path / "kb").exists()
    index = Index.in_memory(encoder=HashEncoder())
    index.add(documents())
    with pytest.raises(BadInput, match=message):
        index.experts.weigh(weights)
    assert index.experts.weights == {"dense": 0.5, "lexical": 0.5} and index.search("fox")
    with pytest.raises(BadInput, match=message):
        Index.in_memory(encoder=HashEncoder(), weights=weights)


def test_an_index_that_is_there_was_made_with_them(tmp_path) -> None:
    for _ in range(2):
        index = Index.at(tmp_path / "kb", encoder=HashEncoder(), weights=MOSTLY_WORDS)
        assert index.experts.weights == MOSTLY_WORDS
    with pytest.raises(BadInput, match="was made with weights="):
        Index.at(tmp_path / "kb", encoder=HashEncoder(), weights={"dense": 1.0})


def test_only_their_proportions_count() -> None:
    """Also for relevance, before it is calibrated."""
    plain, large = (
        Index.in_memory(encoder=HashEncoder(), weights=one)
        for one in (None, {"dense": 4, "lexical": 4.0})
    )
    for one in (plain, large):
        one.add(documents())
    for a, b in zip(plain.search("fox wine"), large.search("fox wine"), strict=True):
        assert (a.id, a.relevance) == (b.id, pytest.approx(b.relevance))
        assert b.score == pytest.approx(8 * a.score)


def test_relevance_stays_as_it_was_calibrated(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(), weights=MOSTLY_WORDS)
    index.add(documents())
    answered = {f"the {word}, {i}": [f"d{i}"] for i, word in enumerate(("fox", "whale", "tea"))}
    labels = Collection.of({**answered, "bridges": [], "steel and glass": []})
    index.apply(replace(index.tune("relevance", labels), kept=True))
    before = {hit.id: hit.relevance for hit in index.search("fox of tea", k=24)}
    index.experts.weigh({"lexical": 1.0})
    for one in (index, Index.open(tmp_path / "kb", encoder=HashEncoder())):
        assert one.experts.calibration.weights == pytest.approx(MOSTLY_WORDS)
        hits = one.search("fox of tea", k=24)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert {hit.id: hit.relevance for hit in hits} == pytest.approx(before)


def test_an_expert_answers_for_its_weight_alone(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder())
    index.add(documents())
    index.experts.add_space("small", HashEncoder(16))
    assert "small" not in weights_of(index.search("fox")[0])
    index.experts.weigh({**MOSTLY_WORDS, "small": 0.1})
    assert weights_of(index.search("fox")[0])["small"] == 0.1
    for leave in (index.experts.remove, lambda name: index.experts.enable(name, False)):
        with pytest.raises(BadInput, match="count 'small'; take them back first"):
            leave("small")
    with pytest.raises(BadInput, match="count 'small'; take them back first"):
        index.experts.drop_space("small")
    assert "small" in index.store.view().spaces
    index.experts.weigh(MOSTLY_WORDS)
    index.experts.drop_space("small")
    assert index.search("fox")


def test_what_was_attached_is_missed_in_the_next_process(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder())
    index.add(documents())
    index.experts.attach_leg(Twin("twin"))
    index.experts.weigh({"dense": 1.0, "twin": 1.0})
    assert index.search("fox")
    again = Index.open(tmp_path / "kb", encoder=HashEncoder())
    for ask in (again.search, again.explain, lambda _: again.experts.calibration):
        with pytest.raises(BadInput, match=r"'twin', which is not here.*attach_leg.*weigh\(None\)"):
            ask("fox")
    assert again.add(Document("new", "a new fox")).added == 1 and again.delete(["new"]) == 1
    assert again.experts.weights == index.experts.weights and again.experts.list() == ()
    again.experts.attach_leg(Twin("twin"))
    assert again.search("fox") == index.search("fox")
    for take_back in (
        lambda other: other.experts.weigh({"dense": 1.0}),
        lambda other: other.experts.weigh(None),
        lambda other: reset(other, "weights"),
    ):
        index.experts.weigh({"dense": 1.0, "twin": 1.0})
        other = Index.open(tmp_path / "kb", encoder=HashEncoder())
        take_back(other)
        assert other.search("fox")


def test_a_second_stage_is_missed_too(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder())
    index.add(documents())
    for _ in range(2):
        index.experts.attach_stage(Even())
        index.experts.weigh({"dense": 1.0, "even": 1.0})
        assert index.search("fox") and [one.name for one in index.experts.list()] == ["even"]
        index = Index.open(tmp_path / "kb", encoder=HashEncoder())
        with pytest.raises(BadInput, match="'even', which is not here.*attach_stage"):
            index.search("fox")


def test_tokens_are_kept_for_a_weight(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", weights={"dense": 0.6, "lexical": 0.2})
    index.add(documents()[:6])
    assert index.experts.hybrid().stages == () and index.experts.keep_tokens() == 6
    assert index.experts.weights == pytest.approx({"dense": 0.6, "lexical": 0.2, "tokens": 0.1})
    assert weights_of(index.search("fox")[0])["tokens"] == pytest.approx(0.1)
    assert Index.open(tmp_path / "kb").experts.weights == index.experts.weights
    index.experts.weigh({"dense": 1.0, "tokens": 0.5})
    assert index.experts.keep_tokens() == 0 and index.experts.weights == {
        "dense": 1.0,
        "tokens": 0.5,
    }
    kept = Index.in_memory(tokens=True, weights={"dense": 1.0})
    assert kept.experts.weights == {"dense": 1.0} and len(kept.experts.hybrid().stages) == 1
    kept.experts.keep_tokens()
    assert kept.experts.weights == {"dense": 1.0}
