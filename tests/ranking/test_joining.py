"""Passages made of neighbouring hits, against trying every one."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Document
from rag_embed.errors import BadInput
from rag_embed.ranking.joining import best_run, cover
from rag_embed.types import Chunk, Hit


def cut(name: str, lengths: list[int]) -> list[Chunk]:
    document = Document(name, "x" * sum(lengths))
    edges = [0, *np.cumsum(lengths).tolist()]
    return [Chunk.of(document, a, b, ordinal=i) for i, (a, b) in enumerate(pairwise(edges))]


def characters(_: str, start: int, end: int) -> int:
    return end - start


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 5)), max_size=14), st.integers(0, 30))
def test_the_best_run_against_every_run(items, budget) -> None:
    values = np.array([value for value, _ in items], dtype=np.float64)
    edges = [0, *np.cumsum([length for _, length in items]).tolist()]

    def within(first: int, last: int) -> bool:
        return edges[last + 1] - edges[first] <= budget

    every = [(a, b - 1) for a, b in combinations(range(len(items) + 1), 2) if within(a, b - 1)]
    worth = {run: values[run[0] : run[1] + 1].sum() for run in every}
    best = max(worth.values(), default=0)
    found = best_run(values, within)
    if best <= 0:
        assert found is None
    else:
        assert found in worth and worth[found] == best
        shortest = min(b - a for (a, b), value in worth.items() if value == best)
        assert found[1] - found[0] == shortest


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
    st.dictionaries(st.integers(0, 11), st.floats(0, 1), min_size=1),
    st.integers(1, 40),
    st.floats(0, 0.5),
)
def test_every_hit_is_in_one_passage_within_the_budget(lengths, found, budget, penalty) -> None:
    chunks = {"a": cut("a", lengths), "b": cut("b", lengths[::-1])}
    hits = [
        Hit(chunks[name][i], 0.0, relevance)
        for i, relevance in sorted(found.items(), key=lambda one: -one[1])
        for name in ("a", "b")
        if i < len(lengths)
    ]
    got = cover(hits, chunks, budget, characters, penalty=penalty)
    assert sorted(hit.id for one in got for hit in one.hits) == sorted(hit.id for hit in hits)
    covered = [chunk.id for one in got for chunk in one.chunks]
    assert len(covered) == len(set(covered))
    for one in got:
        assert one.tokens == one.end - one.start and one.hits
        assert one.tokens <= budget or len(one.chunks) == 1
        value = sum(hit.relevance for hit in one.hits) - penalty * len(one.chunks)
        assert one.value == pytest.approx(value)
        ordinals = [chunk.ordinal for chunk in one.chunks]
        assert ordinals == list(range(ordinals[0], ordinals[-1] + 1))
    ranked = [round(one.value, 9) for one in got]  # sums differ by the order of their parts
    assert ranked == sorted(ranked, reverse=True)
    for name in ("a", "b"):  # the first of a document is the best of all of its runs
        mine = [one.value for one in got if one.doc_id == name]
        if mine:
            values = np.full(len(lengths), -penalty)
            for hit in hits:
                if hit.chunk.doc_id == name:
                    values[hit.chunk.ordinal] += hit.relevance
            runs = combinations(range(len(lengths) + 1), 2)
            allowed = [
                values[a:b].sum()
                for a, b in runs
                if b - a == 1 or chunks[name][b - 1].end - chunks[name][a].start <= budget
            ]
            if max(allowed) > 1e-6:
                assert max(mine) == pytest.approx(max(allowed))


def test_a_gap_is_bridged_where_it_pays() -> None:
    parts = cut("d", [10] * 6)
    hits = [Hit(parts[i], 0.0, r) for i, r in ((1, 0.9), (3, 0.5), (5, 0.1))]
    got = cover(hits, {"d": parts}, 100, characters)
    assert [(one.start, one.end) for one in got] == [(10, 40), (50, 60)]
    assert got[0].value == pytest.approx(0.9 + 0.5 - 3 * 0.18) and len(got[0].hits) == 2
    narrow = cover(hits, {"d": parts}, 20, characters)
    assert [(one.start, one.end) for one in narrow] == [(10, 20), (30, 40), (50, 60)]
    assert cover([], {}, 5, characters) == []


def test_what_does_not_fit_is_refused() -> None:
    parts = cut("d", [3, 3])
    for budget, penalty in ((0, 0.1), (5, -0.1), (5, float("nan"))):
        with pytest.raises(BadInput, match="budget must be|penalty >= 0"):
            cover([], {}, budget, characters, penalty=penalty)
    with pytest.raises(BadInput, match="not among the chunks"):
        cover([Hit(parts[1], 0.0, 1.0)], {"d": parts[:1]}, 5, characters)
