"""What is new counts before what is old, by a margin that is stated, and says so."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection, Verdict
from rag_embed.ranking import BestChunks, Reranked
from rag_embed.tuning import reset
from rag_embed.types import Fresh

TODAY = datetime.now(timezone.utc).date()
RULE = "Parents may stay at home for {} days."


def dated(id: str, text: str, age: int | None, **more) -> Document:
    day = {} if age is None else {"day": TODAY - timedelta(days=age)}
    return Document(id, text, metadata=day, **more)


def held(*documents: Document, **making) -> Index:
    making = {"encoder": HashEncoder(64), "fields": {"day": date}, **making}
    index = Index.in_memory(**making)
    index.add(documents)
    return index


@pytest.fixture(scope="module")
def rules() -> Index:
    return held(
        dated("old", RULE.format("twenty"), 900),
        dated("new", RULE.format("thirty"), 3),
        dated("undated", RULE.format("forty"), None),
        dated("noise", "The canteen is closed on Fridays.", 0),
    )


def ids(hits) -> list[str]:
    return [hit.chunk.doc_id for hit in hits]


def test_of_two_versions_the_newer_one_is_first(rules) -> None:
    asked = "how many days may parents stay at home"
    found = rules.search(asked, fresh=timedelta(days=90), by="day")
    assert ids(found)[0] == "new" and set(ids(found)[:3]) == {"new", "old", "undated"}
    assert ids(found)[3:] in ([], ["noise"])
    assert found == rules.search(asked, fresh=90)
    for hit in found:
        [part] = [part for part in hit.parts if part.leg == "fresh"]
        assert hit.score == pytest.approx(sum(one.contribution for one in hit.parts), abs=1e-6)
        assert 0 <= part.contribution <= Fresh(1).strength + 1e-9
    plain = {hit.id: hit for hit in rules.search(asked)}
    assert all(hit.relevance == plain[hit.id].relevance for hit in found), "no more relevant"
    by_age = {hit.chunk.doc_id: hit.parts[-1].raw for hit in found}
    assert by_age["new"] == pytest.approx(0.5 ** (3 / 90), abs=0.01)
    assert by_age["undated"] == 0 < by_age["old"] < 0.01


def test_what_is_to_come_counts_as_today() -> None:
    index = held(dated("a", "A red fox.", -400), dated("b", "A red fox.", 400))
    first = index.search("red fox", fresh=30)[0]
    assert first.chunk.doc_id == "a" and first.parts[-1].raw == 1.0


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 4000), min_size=4, max_size=4),
    st.sampled_from([1, 30, 365]),
    st.sampled_from([None, {"dense": 3.0, "lexical": 1.0}, {"lexical": 0.2}]),
)
def test_the_margin_holds_whatever_the_ages_and_weights(ages, days, weights) -> None:
    texts = (
        RULE.format("thirty"),
        "Parents call the office.",
        "The canteen is closed.",
        "At home.",
    )
    index = held(*(dated(f"d{i}", text, ages[i]) for i, text in enumerate(texts)), tokens=False)
    if weights:
        index.experts.weigh(weights)
    asked = "how many days may parents stay at home"
    before = {hit.id: hit.score for hit in index.search(asked)}
    after = [hit.id for hit in index.search(asked, fresh=days)]
    margin = Fresh(1).strength * (sum(weights.values()) if weights else 1.0)
    for place, id in enumerate(after):
        assert all(before[id] >= before[other] - margin - 1e-4 for other in after[place:])


def test_nothing_is_found_for_being_new_alone() -> None:
    index = held(
        *(dated(f"n{i}", f"Canteen news number {i}.", 0) for i in range(300)),
        dated("rule", RULE.format("thirty"), 4000),
    )
    index.experts.weigh({"lexical": 1.0})
    assert ids(index.search("parents stay", fresh=1)) == ["rule"]


def test_a_query_says_no_where_the_index_says_yes(rules) -> None:
    asked = "how many days may parents stay at home"
    index = held(dated("old", RULE.format("twenty"), 900), dated("new", RULE.format("thirty"), 3))
    plain = index.search(asked)
    index.apply(Verdict("fresh", Fresh(30, "day", 0.2), None, True, "as chosen"))
    tuned = index.search(asked)
    assert ids(tuned) == ["new", "old"] and tuned[0].parts[-1].weight == pytest.approx(0.2)
    assert index.search(asked, fresh=0) == plain
    assert index.search(asked, fresh=30)[0].parts[-1].weight == pytest.approx(0.1)
    reset(index, "fresh")
    assert index.search(asked) == plain


@pytest.mark.parametrize(
    ("fields", "asked", "told"),
    [
        ({"year": int}, {"fresh": 3}, "has none: declare it.*declare KB day:date"),
        ({"day": date, "at": datetime}, {"fresh": 3}, "Name the field that fresh reads with by"),
        ({"day": date}, {"fresh": 3, "by": "days"}, "Did you mean 'day'"),
        ({"day": date, "year": int}, {"fresh": 3, "by": "year"}, "one of day; got 'year'"),
        ({"day": date}, {"by": "day"}, "give both"),
        ({"day": date}, {"fresh": -1}, "days >= 0"),
        ({"day": date}, {"fresh": float("nan")}, "days >= 0"),
        ({"day": date}, {"fresh": "3"}, "days >= 0"),
        ({"day": date}, {"fresh": True}, "days >= 0"),
    ],
)
def test_what_cannot_be_asked_is_told(fields, asked, told) -> None:
    index = held(Document("a", "A red fox."), fields=fields)
    with pytest.raises(BadInput, match=told):
        index.search("fox", **asked)


def test_the_bound_cannot_be_chosen_away() -> None:
    for wrong in (0, -0.1, 0.3, float("nan")):
        with pytest.raises(BadInput, match="at most 0.25"):
            Fresh(30, strength=wrong)
    with pytest.raises(BadInput, match="more than 0 days"):
        Fresh(0)


def test_a_reranker_beside_it_keeps_it_and_one_alone_does_not(rules) -> None:
    beside = Reranked(rules.retriever, BestChunks(), weight=0.1, spread=False)
    alone = Reranked(rules.retriever, BestChunks(), spread=False)
    [kept], [left] = (one.retrieve([Query("parents", fresh=90)]) for one in (beside, alone))
    weight = {part.leg: part.weight for part in kept[0].parts}["fresh"]
    assert weight == pytest.approx(0.1)
    assert {part.leg: part.weight for part in left[0].parts}["fresh"] == 0


def versions(newer_answers: bool) -> tuple[Index, Collection]:
    """Forty rules in two versions each; labels call the newer or the older one right."""
    things = ["fox", "whale", "tea", "wine", "river", "stone", "cloud", "bread", "lamp", "violin"]
    documents, judged = [], {}
    for i in range(40):
        rule = f"Rule {i}: a {things[i % 10]} for {things[i // 10]} is"
        documents += [
            dated(f"{i}-old", f"{rule} free of charge.", 700 + i),
            dated(f"{i}-new", f"{rule} paid.", i),
        ]
        judged[f"{rule} paid or free of charge"] = [f"{i}-{'new' if newer_answers else 'old'}"]
    return held(*documents), Collection.of(judged)


def test_labels_decide_whether_it_is_on(tmp_path) -> None:
    index, labels = versions(newer_answers=True)
    verdict = index.tune("fresh", labels, candidates=[Fresh(30), Fresh(365, strength=0.2)])
    assert verdict.kept and verdict.gain.low > 0 and verdict.value.by == "day"
    assert "queries held out" in verdict.reason and verdict.tried[1].name == "without"
    index, labels = versions(newer_answers=False)
    refused = index.tune("fresh", labels, candidates=[Fresh(30)])
    assert not refused.kept
    index.apply(refused)
    assert index.experts.fresh is None
    with pytest.raises(BadInput, match="'fresh' cannot be tuned for 'ann' alone"):
        index.tune("fresh", labels, user="ann")
    with pytest.raises(BadInput, match="this index has none"):
        held(Document("a", "x"), fields={}).tune("fresh", Collection.of({"x": ["a"]}))


def test_what_was_tuned_is_there_wherever_the_index_is_opened(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(64), fields={"day": date})
    index.add([dated("old", RULE.format("twenty"), 900), dated("new", RULE.format("thirty"), 3)])
    index.apply(Verdict("fresh", Fresh(30, "day"), None, True, "as chosen"))
    found = index.search("days at home")
    assert found == Index.open(tmp_path / "kb").search("days at home")
    assert found[0].parts[-1].leg == "fresh"
