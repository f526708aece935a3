"""Fitted weights: better where the labels say so, and measured on labels they have not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection
from rag_embed.evaluation.collection import halves
from rag_embed.maths.metrics import ndcg
from rag_embed.tuning import reset
from rag_embed.tuning.weights import fit_weights


@pytest.fixture(scope="module")
def labels() -> Collection:
    """Numbers, which vectors of four dimensions cannot tell apart."""
    numbers = np.random.default_rng(0).permutation(90_000)[:120] + 10_000
    documents = tuple(Document(f"d{i}", f"part number {n}") for i, n in enumerate(numbers))
    asked = {f"q{i}": f"the number {n}" for i, n in enumerate(numbers[:80])}
    return Collection("parts", documents, asked, {q: {f"d{q[1:]}": 1} for q in asked})


@pytest.fixture(scope="module")
def index(labels) -> Index:
    index = Index.in_memory(encoder=HashEncoder(4), weights={"dense": 1.0, "lexical": 0.02})
    index.add(labels.documents)
    return index


def mean_ndcg(hybrid, collection) -> float:
    hits = hybrid.retrieve(
        [Query(collection.queries[id], 10, group_by="document") for id in collection.judged]
    )
    ranked = ([hit.chunk.doc_id for hit in some] for some in hits)
    values = [
        ndcg(ids, collection.qrels[q], 10) for ids, q in zip(ranked, collection.judged, strict=True)
    ]
    return float(np.mean(values))


def test_weights_follow_the_labels(index, labels) -> None:
    hybrid = index.experts.hybrid()
    found = fit_weights(hybrid, labels)
    assert found.kept and found.value["lexical"] > 0.3
    assert found.value["dense"] + found.value["lexical"] == pytest.approx(1, abs=1e-3)
    _, unseen = halves(labels, 0)
    gain = mean_ndcg(replace(hybrid, weights=found.value), unseen) - mean_ndcg(hybrid, unseen)
    assert found.gain.value == pytest.approx(gain, abs=1e-6) and found.gain.low > 0.1
    assert fit_weights(hybrid, labels) == found


def test_a_verdict_takes_effect(tmp_path, labels) -> None:
    start = {"dense": 1.0, "lexical": 0.02}
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(4), weights=start)
    index.add(labels.documents)
    verdict = index.tune("weights", labels)
    assert verdict == fit_weights(index.experts.hybrid(), labels) and index.experts.weights == start
    index.apply(verdict)
    again = Index.open(tmp_path / "kb", encoder=HashEncoder(4))
    assert index.experts.weights == again.experts.weights == verdict.value
    second = again.tune("weights", labels, metric="mrr@10")
    assert not second.kept and "mrr@10" in second.reason
    again.apply(second)
    assert again.experts.weights == verdict.value
    reset(again, "weights")
    assert again.experts.weights == {"dense": 0.5, "lexical": 0.5}


def test_what_has_no_weight_yet_is_tried(labels) -> None:
    index = Index.in_memory(encoder=HashEncoder(4), weights={"dense": 1.0})
    index.add(labels.documents)
    found = fit_weights(index.experts.hybrid(), labels)
    assert found.kept and found.value["lexical"] > 0.04


def test_labels_that_say_nothing_change_nothing(index, labels) -> None:
    rng = np.random.default_rng(1)
    wrong = {q: {f"d{rng.integers(120)}": 1} for q in labels.queries}
    noise = Collection("noise", labels.documents, labels.queries, wrong)
    verdict = fit_weights(index.experts.hybrid(), noise)
    assert not verdict.kept
    names = [one.name for one in verdict.tried]
    assert len(set(names)) == len(names) and names[-1].endswith(", as it is")
    with pytest.raises(BadInput, match="no query with a relevant document"):
        fit_weights(
            index.experts.hybrid(), Collection("none", labels.documents, labels.queries, {})
        )


def test_weights_that_a_kept_router_was_not_learned_beside_are_refused(tmp_path) -> None:
    words = ("bees", "wasps", "frogs", "roses", "slugs", "sage", "mint", "beans", "peas", "plums")
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(64))
    index.add([Document(one, f"We look after {one}.") for one in words])
    labels = Collection.of({f"care for {one}": [one] for one in words})
    index.apply(replace(index.tune("router", labels), kept=True))
    index.experts.router = None  # in this process; the router is kept
    with pytest.raises(BadInput, match="Remove it first.*reset"):
        index.experts.weigh({"dense": 0.4, "lexical": 0.6})
    assert Index.open(tmp_path / "kb").search("bees")
    reset(index, "router")
    index.experts.weigh({"dense": 0.4, "lexical": 0.6})
    assert Index.open(tmp_path / "kb").experts.weights == {"dense": 0.4, "lexical": 0.6}
    assert Index.open(tmp_path / "kb").search("bees")


def test_labels_whose_documents_are_not_there_are_counted() -> None:
    index = Index.in_memory(encoder=HashEncoder(64))
    index.add([Document(one, f"All of {one}.") for one in ("bees", "wasps", "frogs", "roses")])
    known = {f"what of {one}?": [one] for one in ("bees", "wasps", "frogs", "roses")}
    told = index.tune("weights", Collection.of({**known, "slugs": ["slugz"]})).reason
    assert told.endswith(
        "Left out 1 label: 0 that only private documents answer, 0 that name a user, "
        "1 whose documents are not in the index."
    )
    with pytest.raises(BadInput, match="3 whose documents are not in the index"):
        index.tune("weights", Collection.of({"a": ["x"], "b": ["y"], "c": ["z"]}))
