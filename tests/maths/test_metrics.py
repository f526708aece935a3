import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed.errors import BadInput
from rag_embed.maths.metrics import (
    Metric,
    average_precision,
    hit,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
)

ALL = (ndcg, recall, precision, hit, reciprocal_rank, average_precision)
IDS = [f"d{number}" for number in range(12)]
rankings = st.lists(st.sampled_from(IDS), unique=True)
judgements = st.dictionaries(st.sampled_from(IDS), st.integers(0, 3), min_size=1).filter(
    lambda judged: any(judged.values())
)
cutoffs = st.one_of(st.none(), st.integers(1, 15))


RANX = """
import json, sys
from ranx import Qrels, Run, evaluate

qrels, run, names = json.load(sys.stdin)
scores = evaluate(Qrels(qrels), Run(run), names, return_mean=False)
print(json.dumps({name: row.tolist() for name, row in scores.items()}))
"""


def test_agrees_with_ranx_on_random_runs() -> None:
    rng = random.Random(7)
    qrels, run = {}, {}
    for number in range(60):
        judged = {f"d{i}": rng.randint(0, 3) for i in rng.sample(range(40), rng.randint(1, 12))}
        judged[next(iter(judged))] = rng.randint(1, 3)
        found = rng.sample(range(40), rng.randint(1, 30))
        qrels[f"q{number:02d}"] = judged
        run[f"q{number:02d}"] = {f"d{i}": 1.0 / (place + 1) for place, i in enumerate(found)}
    theirs = {"mrr": "mrr", "hit": "hit_rate", "ndcg": "ndcg", "recall": "recall", "map": "map"}
    theirs["precision"] = "precision"
    names = {f"{ours}@{k}": f"{name}@{k}" for ours, name in theirs.items() for k in (1, 5, 10, 100)}
    # Compiling ranx takes a minute, running it uncompiled nothing; only a fresh process can choose.
    done = subprocess.run(
        [sys.executable, "-c", RANX],
        input=json.dumps([qrels, run, list(names.values())]),
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = json.loads(done.stdout)
    for ours, name in names.items():
        metric = Metric.parse(ours)
        mine = [metric(list(run[query]), qrels[query]) for query in qrels]
        np.testing.assert_allclose(mine, expected[name], atol=1e-9, err_msg=ours)


def test_worked_example() -> None:
    ranking, judged = ["x", "b", "a", "y", "c"], {"a": 3, "b": 1, "c": 2, "missed": 1, "zero": 0}
    gained = 1 / np.log2(3) + 3 / np.log2(4) + 2 / np.log2(6)
    ideal = 3 / np.log2(2) + 2 / np.log2(3) + 1 / np.log2(4) + 1 / np.log2(5)
    assert ndcg(ranking, judged) == pytest.approx(gained / ideal)
    assert ndcg(ranking, judged, 2) == pytest.approx((1 / np.log2(3)) / (3 + 2 / np.log2(3)))
    assert average_precision(ranking, judged) == pytest.approx((1 / 2 + 2 / 3 + 3 / 5) / 4)
    assert average_precision(ranking, judged, 3) == pytest.approx((1 / 2 + 2 / 3) / 4)
    assert recall(ranking, judged, 3) == 0.5
    assert precision(ranking, judged, 4) == 0.5
    assert precision(ranking, judged, 10) == 0.3
    assert reciprocal_rank(ranking, judged, 10) == 0.5
    assert reciprocal_rank(ranking, judged, 1) == 0.0
    assert hit(ranking, judged, 1) == 0.0


@pytest.mark.parametrize("metric", ALL)
@given(ranking=rankings, judged=judgements, k=cutoffs)
def test_in_unit_interval_and_only_the_first_k_count(metric, ranking, judged, k) -> None:
    score = metric(ranking, judged, k)
    assert 0.0 <= score <= 1.0 + 1e-12
    assert isinstance(score, float)
    if k is not None:
        assert metric(ranking[:k], judged, k) == score


@pytest.mark.parametrize("metric", ALL)
@given(ranking=rankings, judged=judgements, k=cutoffs, data=st.data())
def test_moving_a_relevant_document_up_never_hurts(metric, ranking, judged, k, data) -> None:
    places = [i for i, id_ in enumerate(ranking) if i and judged.get(id_, 0) > 0]
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    above = ranking[place - 1]
    if judged.get(above, 0) > judged[ranking[place]]:
        return
    better = list(ranking)
    better[place - 1], better[place] = better[place], above
    assert metric(better, judged, k) >= metric(ranking, judged, k) - 1e-12


@given(judged=judgements, k=st.integers(1, 15))
def test_the_ideal_ranking_is_perfect(judged, k) -> None:
    ideal = sorted(judged, key=lambda id_: -judged[id_])
    assert ndcg(ideal, judged, k) == pytest.approx(1.0)
    assert reciprocal_rank(ideal, judged, k) == 1.0
    assert average_precision(ideal, judged) == pytest.approx(1.0)
    assert recall(ideal, judged) == 1.0


@pytest.mark.parametrize("metric", ALL)
def test_an_empty_ranking_scores_nothing(metric) -> None:
    assert metric([], {"a": 1}, 10) == 0.0
    assert metric([], {"a": 1}) == 0.0


@pytest.mark.parametrize("metric", ALL)
def test_negative_grades_count_as_not_relevant(metric) -> None:
    assert metric(["bad", "a"], {"a": 1, "bad": -2}, 5) == metric(["bad", "a"], {"a": 1}, 5)


@pytest.mark.parametrize("metric", ALL)
def test_bad_input(metric) -> None:
    with pytest.raises(BadInput, match="'a' twice"):
        metric(["a", "b", "a"], {"a": 1}, 1)
    with pytest.raises(BadInput, match="No relevant document"):
        metric(["a"], {"a": 0}, 1)
    with pytest.raises(BadInput, match="at least 1"):
        metric(["a"], {"a": 1}, 0)


def test_metric_spelling() -> None:
    assert str(Metric.parse(" nDCG@10 ")) == "ndcg@10"
    assert Metric.parse("map@100").label == "MAP@100"
    assert Metric.parse("recall@2")(["x", "a", "b"], {"a": 1, "b": 1}) == 0.5
    for wrong in ("ndcg", "ndcg@0", "ndcg@-1", "ndcg@x", "f1@10", "", "ndcg@10@5"):
        with pytest.raises(BadInput, match="like 'ndcg@10'"):
            Metric.parse(wrong)
