"""What is learned of an index tells nothing of a user: it comes out as if private things were not there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection, shared
from rag_embed.indexing.installed import ROUTER, install, installed
from rag_embed.tuning.pilots import learned

SECRET = "zyxwvut"
SHARED = [Document(f"d{i}", f"part number {i * 7919 % 9000} of the wing") for i in range(60)]
MINE = [Document(f"n{i}", f"{SECRET} note {i} on number {i * 7919 % 9000}") for i in range(30)]
OPEN = Collection(
    "labels",
    (),
    {f"q{i}": f"the number {i * 7919 % 9000}" for i in range(50)},
    {f"q{i}": {f"d{i}": 1} for i in range(50)},
)
ALL = replace(
    OPEN,
    queries={**OPEN.queries, "p": f"{SECRET} note", "m": f"my {SECRET}", "b": "number 0"},
    qrels={**OPEN.qrels, "p": {"n1": 1}, "m": {"d3": 1}, "b": {"n2": 1, "d0": 1}},
    users={"m": "ann"},
)
"""One that a private document answers, one that ann asks, one that both kinds answer."""


def made(*documents: Document) -> Index:
    index = Index.in_memory(encoder=HashEncoder(4), weights={"dense": 1.0, "lexical": 0.02})
    index.add(documents)
    return index


@pytest.fixture(scope="module")
def alone() -> Index:
    return made(*SHARED)


@pytest.fixture(scope="module")
def beside() -> Index:
    return made(*SHARED, *(replace(one, user="ann") for one in MINE))


@pytest.mark.parametrize("what", ["relevance", "weights", "router", "situate"])
def test_the_verdict_is_that_without_private_things(alone, beside, what) -> None:
    queries, qrels = {**OPEN.queries, "b": "number 0"}, {**OPEN.qrels, "b": {"d0": 1}}
    left = replace(OPEN, queries=queries, qrels=qrels)
    if what == "relevance":  # needs hits that do not answer
        left, everything = (
            replace(one, queries={**one.queries, "t": "tea"}, qrels={**one.qrels, "t": {}})
            for one in (left, ALL)
        )
    else:
        everything = ALL
    expected, found = alone.tune(what, left), beside.tune(what, everything)
    assert found.gain == expected.gain and found.kept == expected.kept
    assert found.reason == (
        f"{expected.reason} Left out 2 labels: 1 that only private documents answer, 1 that name a "
        "user."
    )
    if what == "router":
        assert found.value.pilots.texts == expected.value.pilots.texts
        assert not any(SECRET in text for text in found.value.pilots.texts)
        np.testing.assert_allclose(
            found.value.pilots.gradients, expected.value.pilots.gradients, atol=1e-4
        )
    else:
        assert found.value == expected.value


@pytest.mark.parametrize("what", ["relevance", "weights", "router", "situate", "personal"])
def test_nothing_but_private_labels_is_an_error(beside, what) -> None:
    private = Collection.of({f"{SECRET} {i}": [f"n{i}"] for i in range(30)})
    private = replace(private, users=dict.fromkeys(private.queries, "ann"))
    beside.users.remember("ann", ["a note"])
    with pytest.raises(
        BadInput, match="No label of 'labels' is left. Left out 30 labels: 30 that"
    ) as error:
        beside.tune(what, private)
    assert "name no user" not in str(error.value), "none was left out for that"


def test_pilots_are_refused_and_those_of_another_day_left_aside(alone, beside) -> None:
    with pytest.raises(BadInput, match="shown to everybody.*1 that only private"):
        learned(beside.experts.hybrid(), beside.spaces.own.signature, ALL)
    router = alone.tune("router", OPEN).value
    index = made(*SHARED)
    install(index.store, router)
    assert len(installed(index.store).pilots) == len(router.pilots)
    taken = router.pilots.documents[0][0]
    index.delete([taken])
    index.add([Document(taken, SECRET, user="ann")])  # the id is a user's now
    assert taken not in installed(index.store).pilots.answered
    assert index.forget("ann") == 1
    assert f'"{taken}"'.encode() not in index.store.files.get([ROUTER])[ROUTER]


@given(
    st.dictionaries(
        st.sampled_from("uvwxyz"),
        st.tuples(
            st.dictionaries(st.sampled_from(["d1", "d2", "n1", "n2", "gone"]), st.integers(0, 2)),
            st.sampled_from([None, "ann", "bob"]),
        ),
    ),
    st.sampled_from([None, "ann", "bob"]),
    st.booleans(),
)
def test_what_is_left_names_nobody_else(beside, rows, user, asked) -> None:
    labels = Collection(
        "l",
        (),
        {id: id for id in rows},
        {id: grades for id, (grades, _) in rows.items()},
        users={id: one for id, (_, one) in rows.items() if one},
    )
    found = shared(labels, beside.store, user=user, asked=asked)
    named = {id for grades in found.labels.qrels.values() for id in grades}
    assert user == "ann" or not named & {"n1", "n2"}
    assert asked or set(found.labels.users.values()) <= {user}
    assert len(found.labels.queries) == len(rows) - found.private - found.asked - found.unknown
    for id in set(rows) - set(found.labels.queries):
        answers = {one for one, grade in rows[id][0].items() if grade}
        hidden = {"gone"} if user == "ann" else {"n1", "n2", "gone"}
        assert (answers and answers <= hidden) or rows[id][1] not in (None, user)
    assert (found.told == "") == (len(found.labels.queries) == len(rows))


def test_what_is_no_collection_is_told() -> None:
    index = Index.in_memory(encoder=HashEncoder())
    index.add(SHARED[:2])
    with pytest.raises(
        BadInput, match=r"got dict; make one with Collection.of\(\{question: \[document"
    ):
        index.tune("weights", {"the number 0": ["d0"]})  # type: ignore[arg-type]
