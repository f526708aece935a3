import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection, Evaluation, Outcome, evaluate, from_retriever
from rag_embed.maths.metrics import Metric
from rag_embed.types import Chunk, Document, Hit, Progress, Query

DOCUMENTS = tuple(Document(f"d{i}", f"text {i}") for i in range(10))
COLLECTION = Collection(
    "tiny",
    DOCUMENTS,
    {f"q{i}": f"query {i}" for i in range(7)},
    {f"q{i}": {f"d{i}": 1, "d9": 2} for i in range(5)} | {"q5": {"d5": 0}},
)


def forward(texts: Sequence[str]) -> list[list[str]]:
    return [[document.id for document in DOCUMENTS] for _ in texts]


def own_first(texts: Sequence[str]) -> list[list[str]]:
    return [[f"d{text.split()[1]}"] for text in texts]


def test_scores_are_those_of_the_metrics_per_query() -> None:
    found = evaluate({"forward": forward, "own": own_first}, COLLECTION, batch=2)
    assert found.query_ids == ("q0", "q1", "q2", "q3", "q4")
    assert (found.collection, found.documents, found.excluded) == ("tiny", 10, 2)
    assert found.metrics == ("ndcg@10", "recall@10", "recall@100", "mrr@10", "map@100")
    ranking = [document.id for document in DOCUMENTS]
    for name in found.metrics:
        expected = [Metric.parse(name)(ranking, COLLECTION.qrels[q]) for q in found.query_ids]
        np.testing.assert_allclose(found.scores("forward", name), expected)
    np.testing.assert_allclose(found.scores("forward", "MRR@10"), 1 / np.arange(1, 6))
    assert found.mean("own", "recall@10") == 0.5
    assert found.systems["own"].milliseconds.shape == (5,)
    assert (found.systems["own"].milliseconds >= 0).all()


def test_systems_see_batches_of_judged_queries_and_progress_is_told() -> None:
    seen: list[list[str]] = []
    told: list[Progress] = []

    def system(texts: Sequence[str]) -> list[list[str]]:
        seen.append(list(texts))
        return [[] for _ in texts]

    found = evaluate({"s": system}, COLLECTION, batch=2, progress=told.append)
    assert seen == [["query 0", "query 1"], ["query 2", "query 3"], ["query 4"]]
    assert told == [Progress(done, 5, "s") for done in (0, 2, 4, 5)]
    assert found.mean("s", "ndcg@10") == 0.0


def test_what_lies_beyond_the_cutoff_does_not_count() -> None:
    found = evaluate({"s": forward}, COLLECTION, metrics=["recall@5"], depth=5)
    assert found.scores("s", "recall@5").tolist() == [0.5] * 5


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (lambda texts: [["d1"]], "got 2 queries and returned 1 rankings"),
        (lambda texts: [["d1", "d1"] for _ in texts], "twice for query 'q0'"),
        (lambda texts: [["d1#0-4"] for _ in texts], "'d1#0-4' for query 'q0'.*not chunk ids"),
    ],
)
def test_a_system_that_misbehaves_is_named(system, message) -> None:
    with pytest.raises(BadInput, match=f"System 'bad' .*{message}"):
        evaluate({"bad": system}, COLLECTION, batch=2)


def test_settings_that_cannot_work() -> None:
    with pytest.raises(BadInput, match="No system"):
        evaluate({}, COLLECTION)
    with pytest.raises(BadInput, match="No metric"):
        evaluate({"s": forward}, COLLECTION, metrics=[])
    with pytest.raises(BadInput, match=r"recall@100 looks deeper .*depth=10"):
        evaluate({"s": forward}, COLLECTION, depth=10)
    with pytest.raises(BadInput, match="batch must be an integer >= 1"):
        evaluate({"s": forward}, COLLECTION, batch=0)
    with pytest.raises(BadInput, match="no query with a relevant document"):
        evaluate({"s": forward}, COLLECTION.subset(["q5", "q6"]))


def test_survives_json() -> None:
    found = evaluate({"forward": forward, "own": own_first}, COLLECTION)
    data = json.loads(json.dumps(found.to_dict()))
    back = Evaluation.from_dict(data)
    assert back.to_dict() == found.to_dict()
    assert data["systems"]["own"]["means"]["recall@10"] == 0.5
    del data["systems"]["own"]["milliseconds"][0]
    with pytest.raises(BadInput, match=r"shape \(4,\) for 5 queries"):
        Evaluation.from_dict(data)
    del data["query_ids"]
    with pytest.raises(BadInput, match="'query_ids' is missing"):
        Evaluation.from_dict(data)


def test_joined() -> None:
    one = evaluate({"forward": forward}, COLLECTION)
    two = evaluate({"own": own_first}, COLLECTION, metrics=["ndcg@10", "hit@1"])
    both = one.joined(two)
    assert list(both.systems) == ["forward", "own"]
    assert both.metrics == ("ndcg@10",)
    with pytest.raises(BadInput, match="'own' is in both"):
        both.joined(two)
    with pytest.raises(BadInput, match="query_ids differs"):
        one.joined(evaluate({"own": own_first}, COLLECTION.subset(["q1"])))
    with pytest.raises(BadInput, match="depth differs"):
        one.joined(replace(two, depth=7))
    with pytest.raises(BadInput, match="'other' was not measured on 'tiny'; measured: forward"):
        one.scores("other", "ndcg@10")
    with pytest.raises(BadInput, match="'hit@1' was not measured"):
        one.scores("forward", "hit@1")


class Fixed:
    """Retrieves the same documents' chunks for everything, ``cap`` hits at most."""

    def __init__(self, doc_ids: str, cap: int = 10_000) -> None:
        self.chunks = [
            Chunk.of(Document(f"d{name}", "x" * 100), place, place + 1)
            for place, name in enumerate(doc_ids)
        ]
        self.cap = cap
        self.asked: list[Query] = []

    def retrieve(self, queries: Sequence[Query]) -> list[list[Hit]]:
        self.asked += queries
        return [
            [Hit(chunk, 1.0, 1.0) for chunk in self.chunks[: min(query.k, self.cap)]]
            for query in queries
        ]


def test_a_retrievers_documents_keep_their_best_rank() -> None:
    assert from_retriever(Fixed("1121331"), depth=10)(["a", "b"]) == [["d1", "d2", "d3"]] * 2


def test_asks_for_more_until_enough_documents_are_there() -> None:
    retriever = Fixed("1" * 50 + "2345")
    assert from_retriever(retriever, depth=3)(["a"]) == [["d1", "d2", "d3"]]
    assert [query.k for query in retriever.asked] == [3, 6, 12, 24, 48, 96]


def test_a_retriever_with_a_cap_of_its_own_ends_the_search() -> None:
    retriever = Fixed("1" * 50 + "2", cap=8)
    assert from_retriever(retriever, depth=4)(["a"]) == [["d1"]]
    assert [query.k for query in retriever.asked] == [4, 8, 16]


def test_only_queries_that_lack_documents_are_asked_again() -> None:
    class Mixed(Fixed):
        def retrieve(self, queries: Sequence[Query]) -> list[list[Hit]]:
            self.asked += queries
            return [
                Fixed("12345" if query.text == "b" else "1112").retrieve([query])[0]
                for query in queries
            ]

    retriever = Mixed("")
    system = from_retriever(retriever, depth=2, user="me", group_by="chunk")
    assert system(["a", "b"]) == [["d1", "d2"], ["d1", "d2"]]
    assert [query.text for query in retriever.asked] == ["a", "b", "a"]
    assert {(query.user, query.group_by) for query in retriever.asked} == {("me", "chunk")}


def test_a_retriever_is_measured_end_to_end() -> None:
    found = evaluate({"fixed": from_retriever(Fixed("0912"))}, COLLECTION, metrics=["recall@2"])
    assert found.scores("fixed", "recall@2").tolist() == [1.0, 0.5, 0.5, 0.5, 0.5]


def test_outcome_arrays_do_not_share_memory() -> None:
    outcome = evaluate({"s": forward}, COLLECTION).systems["s"]
    assert isinstance(outcome, Outcome)
    assert all(row.flags["C_CONTIGUOUS"] for row in outcome.scores.values())


class Remembering:
    """Finds nothing, and remembers who asked what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, tuple[str, ...]]] = []

    def retrieve(self, queries):
        self.asked += [(query.text, query.user, tuple(query.previous)) for query in queries]
        return [[] for _ in queries]


def test_a_retriever_is_told_who_asks_and_what_was_said_before() -> None:
    labels = Collection(
        "talks",
        DOCUMENTS,
        {"a": "and then?", "b": "why?"},
        {"a": {"d1": 1}, "b": {"d2": 1}},
        {"a": "ann"},
        {"a": ("what is first?",)},
    )
    retriever = Remembering()
    evaluate({"r": from_retriever(retriever), "texts": forward}, labels)
    assert retriever.asked == [("and then?", "ann", ("what is first?",)), ("why?", None, ())]
    evaluate({"r": from_retriever(retriever, user="ben")}, labels)
    assert [user for _, user, _ in retriever.asked[2:]] == ["ben", "ben"]
