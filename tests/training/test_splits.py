"""Splits that share no document and no query, whatever the pairs are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed.errors import BadInput
from rag_embed.training.pairs import Pair
from rag_embed.training.splits import Split, split


def pair(query: int, documents: tuple[int, ...]) -> Pair:
    return Pair(
        f"query {query}", tuple(f"c{d}" for d in documents), tuple(f"d{d}" for d in documents)
    )


SIDES = ("train", "validation", "held_out")


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60), st.lists(st.integers(0, 30), min_size=1, max_size=4, unique=True)
        ),
        min_size=12,
        max_size=40,
    ),
    st.integers(0, 5),
)
def test_nothing_is_shared(drawn, seed) -> None:
    pairs = [pair(query, tuple(documents)) for query, documents in drawn]
    try:
        sides = split(pairs, seed=seed)
    except BadInput as error:
        assert "No pair is left" in str(error)
        return
    assert sides == split(pairs, seed=seed)
    seen: dict[str, str] = {}
    for side in SIDES:
        for one in getattr(sides, side):
            for name in (*one.documents, one.query):
                assert seen.setdefault(name, side) == side
            assert any(
                p.query == one.query and {*p.chunks} == {*one.chunks, *one.ignored} for p in pairs
            )


def test_shares_are_reached() -> None:
    pairs = [pair(i, (i % 40,)) for i in range(400)]
    sides = split(pairs, held_out=0.5, validation=0.2)
    assert sides.pairs == {"train": 160, "validation": 40, "held_out": 200}
    assert sides.documents == {"train": 16, "validation": 4, "held_out": 20}
    assert split(pairs, seed=1) != split(pairs, seed=2)


def test_chunks_of_other_sides_are_neither_right_nor_wrong() -> None:
    pairs = [pair(i, (i,)) for i in range(40)] + [pair(100, tuple(range(20)))]
    sides = split(pairs)
    [wide] = [p for side in SIDES for p in getattr(sides, side) if p.query == "query 100"]
    assert {*wide.chunks, *wide.ignored} == {f"c{i}" for i in range(20)} and wide.ignored


@pytest.mark.parametrize("shared", [pair(9, (1,)), pair(1, (9,))])
def test_overlap_is_refused(shared) -> None:
    with pytest.raises(BadInput, match=r"share the (document|query)"):
        Split((pair(1, (1,)),), (pair(2, (2,)),), (shared,))


def test_empty_sides_are_refused() -> None:
    with pytest.raises(BadInput, match="No pair is left for validation"):
        Split((pair(1, (1,)),), (), (pair(2, (2,)),))
    with pytest.raises(BadInput, match="No pair is left"):
        split([pair(1, (1,)), pair(2, (1,))])
    with pytest.raises(BadInput, match="between 0 and 1"):
        split([pair(i, (i,)) for i in range(9)], held_out=1.0)


def test_more_training_pairs() -> None:
    sides = Split((pair(1, (1,)),), (pair(2, (2,)),), (pair(3, (3,)),))
    more = sides.with_more([pair(4, (4,)), pair(5, (3,)), pair(2, (6,))])
    assert [one.query for one in more.train] == ["query 1", "query 4"]
