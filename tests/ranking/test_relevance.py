from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from rag_embed import Index
from rag_embed.errors import BadInput
from rag_embed.maths.vectors import unit
from rag_embed.protocols import View
from rag_embed.ranking import DenseLeg, Hybrid, LexicalLeg
from rag_embed.ranking.legs import FOR_LONG
from rag_embed.ranking.relevance import (
    BASIS,
    LIKELY,
    RIDGE,
    SCALE,
    Calibration,
    default,
    figure,
    fitted,
    meaning,
)
from rag_embed.serving.searching import _ABOUT
from rag_embed.stores import MemoryStore
from rag_embed.types import Chunk, ChunkRows, Document, Query


def test_fit_is_the_maximum_of_the_smoothed_likelihood() -> None:
    """Against scipy's general optimiser on the same objective."""
    rng = np.random.default_rng(0)
    scores, cosines, levels = rng.normal(size=(3, 400))
    logits = 3 * scores + 2 * cosines + levels - 1
    labels = rng.random(400) < 1 / (1 + np.exp(-logits))
    positives, negatives = labels.sum(), (~labels).sum()
    target = np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(theta):
        logit = theta[:3] @ [scores, cosines, levels] + theta[3]
        ridge = RIDGE / 2 * (theta[:3] @ theta[:3])
        return np.sum(np.logaddexp(0, logit) - target * logit) + ridge

    expected = minimize(loss, np.zeros(4), method="BFGS").x
    got = fitted(scores.tolist(), cosines.tolist(), labels.tolist(), levels.tolist())
    found = [got.score, got.cosine, got.words, got.intercept]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=20), st.floats(0.1, 50), st.floats(-20, 20))
def test_relevance_is_a_probability_in_the_order_of_scores(scores, slope, intercept) -> None:
    calibration = Calibration(slope, 3.0, intercept)
    values = [calibration.relevance(score, 0.2) for score in sorted(scores)]
    assert all(0.0 <= value <= 1.0 for value in values) and values == sorted(values)


def test_separable_and_senseless_labels() -> None:
    none = [0.0] * 4
    separable = fitted([0.0, 0.1, 0.9, 1.0], none, [False, False, True, True])
    assert np.isfinite([separable.score, separable.intercept]).all() and separable.cosine == 0.0
    assert separable.relevance(0.0, 0.0) < 0.5 < separable.relevance(1.0, 0.0)
    for scores, labels in (([1.0, 2.0], [True, True]), ([0.0, 1.0], [True, False])):
        with pytest.raises(BadInput):
            fitted(scores, none[:2], labels)


WORDS = [f"word{i}" for i in range(400)]


def corpus(size: int, seed: int) -> tuple[Hybrid, Query, str]:
    """Texts of one subject, the first of which answers a query; vectors as a model has them."""
    rng = np.random.default_rng(seed)
    subject, question = rng.normal(size=(2, 64))
    rows = rng.normal(size=(size, 64)) + 0.5 * subject
    rows[0] += 0.8 * question
    query = question + 0.5 * subject
    texts = [" ".join(rng.choice(WORDS[8:], 20)) for _ in range(size)]
    for i in range(size):  # chance words of the query
        texts[i] += "".join(f" {word}" for word in WORDS[:8] if rng.random() < 0.05)
    texts[0] += " " + " ".join(WORDS[:6])
    documents = [Document(f"d{i}", text) for i, text in enumerate(texts)]
    chunks = [Chunk.of(one, 0, len(one.text)) for one in documents]
    store = MemoryStore({"dense": 64})
    store.replace([(one, "") for one in documents], ChunkRows(chunks, {"dense": unit(rows)}))
    legs = (DenseLeg("dense", None), LexicalLeg())
    asked = Query(" ".join(WORDS[:8]), k=1, vectors={"dense": unit(query[None])[0]})
    return Hybrid(store, legs, BASIS, default("")), asked, "d0"


def level(size: int) -> float:
    """Mean relevance of the right hit."""
    found = []
    for seed in range(20):
        search, query, answer = corpus(size, seed)
        [[hit]] = search.retrieve([query])
        assert hit.chunk.doc_id == answer
        found.append(hit.relevance)
    return float(np.mean(found))


def test_a_right_hit_has_the_same_relevance_in_a_small_corpus() -> None:
    large = level(1000)
    assert 0.3 < large < 0.9
    for size in (5, 10, 36, 214):
        assert abs(level(size) - large) <= 0.12


def test_a_chance_word_is_not_relevance_because_there_is_no_better() -> None:
    documents = [Document("a", "A red fox."), Document("b", "The sea is blue.")]
    store = MemoryStore({"dense": 2})
    chunks = [Chunk.of(one, 0, len(one.text)) for one in documents]
    rows = np.eye(2, dtype=np.float32)
    store.replace([(one, "") for one in documents], ChunkRows(chunks, {"dense": rows}))
    search = Hybrid(store, (LexicalLeg(),), {"lexical": 1.0}, default("", {"lexical": 1.0}))
    chance, named = (search.retrieve([Query(text, k=1)])[0][0] for text in (CHANCE, "red fox"))
    assert chance.parts[0].normalised < 0.5 < named.parts[0].normalised <= 1.0


CHANCE = "who painted the blue ceiling above an organ by candle light in winter"


NOTES = {
    "vpn": "Set PersistentKeepalive to 25. Error E-4711 means that your key has expired.",
    "travel": "Hand in receipts within 30 days, in the travel portal.",
    "badge": "Ask Wojciechowski at the help desk for a new badge.",
    "kitchen": "The kitchen closes at nine. Hettich drawers must be cleaned weekly.",
}


@pytest.fixture(scope="module")
def notes() -> Index:
    index = Index.in_memory()
    index.add([Document(name, text) for name, text in NOTES.items()])
    return index


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("what does E-4711 mean?", "vpn"),
        ("who is Wojciechowski?", "badge"),
        ("what is PersistentKeepalive set to?", "vpn"),
        ("Hettich", "kitchen"),
    ],
)
def test_a_name_that_the_model_has_never_met_is_relevant(notes, asked, answer) -> None:
    [hit] = notes.search(asked, k=1)
    assert hit.chunk.doc_id == answer and hit.relevance > 0.3


@pytest.mark.parametrize("asked", ["which GPU is best for gaming?", "what is the price per month?"])
def test_a_question_from_elsewhere_is_not(notes, asked) -> None:
    assert notes.search(asked, k=1)[0].relevance < 0.1


LEG = LexicalLeg()


@pytest.mark.parametrize(
    ("asked", "share"),
    [
        ("red fox", 1.0),
        ("foxes, red foxes!", 1.0),  # its distinct words, as stems
        ("what is the red fox of France?", 2 / 3),
        ("blue", 0.0),
        ("the", 0.0),  # no word of it counts
    ],
)
def test_the_level_is_the_share_of_the_words_that_a_chunk_holds(asked, share) -> None:
    view = small("A red fox.", "The sea.")
    words = {"red fox": 2, "foxes, red foxes!": 2, "what is the red fox of France?": 3}.get(
        asked, 1
    )
    got = LEG.ask(view, [Query(asked)]).levels(0, ["d0#0-10", "nope"])
    longer = FOR_LONG * np.log(words)
    np.testing.assert_allclose(got, [share + longer, longer], rtol=1e-6)


def test_the_level_is_that_of_the_language_in_which_most_is_held() -> None:
    """Nobody can tell the language of one word, so it is looked for in each."""
    view = small("Die Katzen schlafen auf den Dächern.", "The sea.")
    assert len(view.analyzer.readings("Katze")) > 2
    assert LEG.ask(view, [Query("Katze")]).levels(0, ["d0#0-36", "d1#0-8"]).tolist() == [1, 0]


def small(*texts: str) -> View:
    documents = [Document(f"d{i}", text) for i, text in enumerate(texts)]
    store = MemoryStore({"dense": 2})
    chunks = [Chunk.of(one, 0, len(one.text)) for one in documents]
    rows = np.ones((len(texts), 2), dtype=np.float32)
    store.replace([(one, "") for one in documents], ChunkRows(chunks, {"dense": rows}))
    return store.view()


def test_relevance_is_the_same_in_every_corpus(notes) -> None:
    """Where the model's cosines are known: more chunks change the order's scores, and it not."""
    asked = "what does E-4711 mean?"
    more = Index.in_memory()
    more.add([Document(name, text) for name, text in NOTES.items()])
    more.add([Document(str(i), f"What does error {i} of the key mean?") for i in range(30)])
    before, after = (
        next(hit for hit in one.search(asked, k=40) if hit.chunk.doc_id == "vpn")
        for one in (notes, more)
    )
    assert after.score != pytest.approx(before.score, abs=0.01)
    assert after.relevance == pytest.approx(before.relevance, abs=1e-6)


def test_one_of_two_words_is_little() -> None:
    index = Index.in_memory()
    index.add([Document("str.capitalize", "Return a capitalized version of the string: capitals.")])
    assert index.search("What is the capital of France?", k=1)[0].relevance < 0.3


def test_relevance_needs_no_words_where_no_leg_has_any(notes) -> None:
    curve = default("", {"dense": 1.0})
    assert curve.words == 0.0 and curve.legs == {"dense"}


SAID = (
    "README.md",
    "docs/searching.md",
    "docs/start.md",
    "skills/rag-embed/SKILL.md",
    "rag_embed/serving/page/templates/parts.html",
)


@pytest.mark.parametrize("path", SAID)
def test_what_a_relevance_means_is_said_alike_everywhere(path) -> None:
    said = " ".join((Path(__file__).parents[2] / path).read_text(encoding="utf-8").split())
    assert SCALE in said and SCALE in _ABOUT
    assert meaning(LIKELY).startswith("most likely") and meaning(0.19).startswith("hardly")


@pytest.mark.parametrize(
    "value", [0.1949, 0.195, 0.1999, 0.2, 0.2001, 0.4951, 0.49999, 0.5, 0.999, 0.0]
)
def test_a_figure_does_not_contradict_its_word(value) -> None:
    assert meaning(float(figure(value))) == meaning(value)
    assert abs(float(figure(value)) - value) < 0.01
    assert float(figure(value - 1e-4, least=value)) < value or value == 0
