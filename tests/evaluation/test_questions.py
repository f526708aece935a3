"""Which questions failed, were won and lost; what a cut loses; and what so many labels can prove."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rag_embed import Document, Index
from rag_embed import evaluation as ev
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection, Cut, Missed, Turned
from rag_embed.maths.resampling import Difference, paired_bootstrap

LABELS = Collection(
    "four",
    tuple(Document(id, "text") for id in "abcd"),
    {"1": "first?", "2": "second?", "3": "none?", "4": "best?", "5": "unanswerable?"},
    {"1": {"a": 1}, "2": {"b": 1, "a": 0}, "3": {"c": 1}, "4": {"d": 2}, "5": {"a": 0}},
)


def measured() -> ev.Evaluation:
    found = {
        "first?": ["a", "b"],
        "second?": ["a", "d", "b"],
        "none?": ["a"],
        "best?": ["c", "d"],
    }
    other = {"first?": ["b", "a"], "second?": ["b"], "none?": [], "best?": ["c", "d"]}
    systems = {
        "own": lambda texts: [found[text] for text in texts],
        "other": lambda texts: [other[text] for text in texts],
    }
    return ev.evaluate(systems, LABELS, metrics=["mrr@10"], depth=20)


def test_questions_that_failed_worst_first() -> None:
    assert ev.missed(measured(), "own") == (
        Missed("3", "none?", "a", None),
        Missed("2", "second?", "a", 3),
        Missed("4", "best?", "c", 2),
    )
    assert ev.missed(measured(), "other")[0] == Missed("3", "none?", None, None)
    with pytest.raises(BadInput, match="'mine' was not measured"):
        ev.missed(measured(), "mine")


def test_questions_won_and_lost_largest_first() -> None:
    won, lost = Turned("1", "first?", 0.5, 1, 2), Turned("2", "second?", 1 / 3 - 1, 3, 1)
    assert ev.turned(measured(), "own", "other", "mrr@10") == (lost, won)


def test_a_report_lists_them_and_its_json_keeps_all() -> None:
    report = ev.make_report([measured()], baseline="other", system="own", metric="mrr@10")
    text = ev.to_markdown(report)
    assert "| none? | a | not among 20 |" in text and "| second? | a | rank 3 |" in text
    assert "| second? | lost | rank 3 | rank 1 | -0.667 |" in text
    assert text.index("none?") < text.index("rank 3")
    assert "none?" in ev.to_html(report, plots=False)
    data = json.loads(ev.to_json(report))["evaluations"][0]
    assert data["texts"] == ["first?", "second?", "none?", "best?"]
    assert data["systems"]["own"]["found"][1] == {"first": "a", "rank": 3}
    assert ev.to_json(ev.read_report(ev.to_json(report))) == ev.to_json(report)
    data["texts"].pop()
    with pytest.raises(BadInput, match="3 texts for 4 queries"):
        ev.Evaluation.from_dict(data)


def test_at_most_ten_are_listed_and_the_others_counted() -> None:
    texts = {str(i): f"question {i}?" for i in range(14)}
    labels = Collection("many", (Document("a", ""),), texts, {id: {"a": 1} for id in texts})
    run = ev.evaluate({"none": lambda some: [[] for _ in some]}, labels)
    [table] = [t for t in ev.make_report([run]).tables() if "does not come first" in t.title]
    assert len(table.rows) == 10
    assert table.note.startswith("14 of 14") and "4 more" in table.note


@pytest.mark.parametrize("wrong", [0.5, ["x"], [0.1, -1], [float("nan")], "0.5"])
def test_a_cut_is_a_share(wrong) -> None:
    index = Index.in_memory(encoder=HashEncoder())
    with pytest.raises(BadInput, match="list of numbers between 0 and 1"):
        ev.cuts(index.retriever, ev.Collection.of({"sea": []}), wrong)


def test_a_cut_of_relevance_loses_and_lets_through() -> None:
    index = Index.in_memory(encoder=HashEncoder())
    index.add([Document("sea", "The sea is deep and blue."), Document("tea", "Tea is a drink.")])
    labels = Collection.of(
        {"deep blue sea": ["sea"], "sea tea": ["tea"], "drink the world": [], "qqq zzz": []}
    )
    found = ev.cuts(index.retriever, labels, [0.9, 0.0, 0.3])
    assert [one.least for one in found] == [0.0, 0.3, 0.9]
    for one in found:
        asked = {text: index.search(text, k=1) for text in labels.queries}
        right = [
            asked[text][0].relevance
            for text in labels.judged
            if asked[text][0].chunk.doc_id in labels.qrels[text]
        ]
        passed = [
            index.search(text, min_relevance=one.least) for text in ("drink the world", "qqq zzz")
        ]
        lost = sum(value < one.least for value in right)
        assert one == Cut(one.least, lost, len(right), sum(map(bool, passed)), 2)
    assert found[0].passed > found[-1].passed


def test_the_smallest_gain_that_labels_can_show() -> None:
    rng = np.random.default_rng(0)
    seen = paired_bootstrap(0.3 * rng.standard_normal(400), np.zeros(400))
    least = ev.smallest_gain(seen, 400)
    assert least == pytest.approx(2.8016 * 0.3 / 20, rel=0.1)
    assert ev.smallest_gain(seen, 400, of=100) == pytest.approx(2 * least)
    shown = [
        paired_bootstrap(least + 0.3 * rng.standard_normal(400), np.zeros(400), resamples=400).low
        > 0
        for _ in range(150)
    ]
    assert 0.65 < np.mean(shown) < 0.95, "four times of five"
    assert "can show no gain" in ev.reach(seen, 5)
    assert "six better ones" in ev.reach(Difference(0.0, 0.0, 0.0, 1.0), 20)
    assert "; 200 of" not in ev.reach(seen, 400)
