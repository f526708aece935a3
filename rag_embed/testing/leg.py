"""`LegContract`: what every source of evidence must do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rag_embed.errors import BadInput
from rag_embed.filters import Filter, field, matches
from rag_embed.index import Index
from rag_embed.maths.vectors import DIGITS
from rag_embed.protocols import Answers, Leg
from rag_embed.ranking.visibility import visible
from rag_embed.testing.corpus import OverIndex
from rag_embed.types import Query

MakeLeg = Callable[[Index], Leg]

STEP = 2 * 10.0**-DIGITS
"""Scores closer than this may stand in any order; see `maths.vectors.best`."""

QUERIES = [Query("the violin and the river"), Query("fox", user="ann"), Query("a lamp")]


class LegContract(OverIndex):
    """The laws of `protocols.Leg`. Subclass it and give it a ``make`` fixture.

    The fixture has the scope of a class and makes a leg from an index.

    Examples:
        >>> import pytest
        >>> from rag_embed.ranking.legs import LexicalLeg
        >>> class TestLexicalLeg(LegContract):
        ...     @pytest.fixture(scope="class")
        ...     @classmethod
        ...     def make(cls):
        ...         return lambda index: LexicalLeg()
    """

    @pytest.fixture(scope="class")
    @classmethod
    def leg(cls, make: MakeLeg, index: Index) -> Leg:
        """The leg over `OverIndex.index`."""
        return make(index)

    def test_the_best_come_first(self, leg: Leg, index: Index) -> None:
        """Distinct chunks of the index with finite scores that fall; fewer are a prefix of more."""
        view = index.store.view()
        where = [visible(query, view) for query in QUERIES]
        most = leg.ask(view, QUERIES).top(where, 1000)
        assert leg.name and len(most) == len(QUERIES) and any(ids for ids, _ in most)
        for ids, scores in most:
            assert len(ids) == len(scores) == len(set(ids)) == len(view.chunks(ids))
            assert scores.dtype == np.float32 and np.isfinite(scores).all()
            assert (np.diff(scores) <= STEP).all()
        for n in (1, 2, 10, 100, 101):
            for (few, some), (ids, scores) in zip(
                leg.ask(view, QUERIES).top(where, n), most, strict=True
            ):
                assert few == ids[:n]
                np.testing.assert_allclose(some, scores[:n], rtol=1e-4, atol=1e-5)

    def test_scores_of_the_best_are_those_of_the_search(self, leg: Leg, index: Index) -> None:
        """What `score` says of the best is what `top` said, and nothing else is better."""
        answers, where = _asked(leg, index)
        tops = answers.top(where, 50)
        scored = answers.score([ids for ids, _ in tops])
        every = [chunk.id for chunk in index.store.view().chunks(index.store.view().passing(None))]
        others = answers.score([every for _ in QUERIES])
        for (ids, scores), same, all_of_them in zip(tops, scored, others, strict=True):
            np.testing.assert_allclose(same, scores, rtol=1e-4, atol=1e-5)
            assert all_of_them.shape == (len(every),) and np.isfinite(all_of_them).all()
            assert ids or not all_of_them.any()
        assert [len(some) for some in answers.score([[] for _ in QUERIES])] == [0] * len(QUERIES)

    def test_the_common_scale_keeps_the_order(self, leg: Leg, index: Index) -> None:
        """Better raw scores stay better, equal ones equal, and all are finite."""
        answers, where = _asked(leg, index)
        for i, (_, scores) in enumerate(answers.top(where, 50)):
            scaled = answers.normalise(i, scores)
            assert scaled.shape == scores.shape and np.isfinite(scaled).all()
            assert (np.diff(scaled[np.argsort(-scores)]) <= 1e-6).all()
            np.testing.assert_allclose(
                answers.normalise(i, scores[::-1]), scaled[::-1], rtol=1e-5, atol=1e-6
            )
            assert answers.normalise(i, scores[:0]).shape == (0,)

    def test_filters_are_respected_query_by_query(self, leg: Leg, index: Index) -> None:
        """Nothing that a query's own filter keeps out is returned."""
        view = index.store.view()
        where: list[Filter | None] = [field("year") >= 2010, field("doc_id") == "d04", None]
        for one, (ids, _) in zip(where, leg.ask(view, QUERIES).top(where, 1000), strict=True):
            for chunk in view.chunks(ids):
                row = {"doc_id": chunk.doc_id, **chunk.metadata}
                assert one is None or matches(one, row)
        nothing = leg.ask(view, QUERIES).top([field("doc_id") == "nope"] * len(QUERIES), 10)
        assert [ids for ids, _ in nothing] == [[]] * len(QUERIES)

    def test_a_batch_is_answered_like_single_queries(self, leg: Leg, index: Index) -> None:
        """No query of a batch changes another's answers; an empty batch has none."""
        view, (answers, where) = index.store.view(), _asked(leg, index)
        for i, (ids, scores) in enumerate(answers.top(where, 40)):
            alone = leg.ask(view, [QUERIES[i]])
            [(same, again)] = alone.top([where[i]], 40)
            assert same == ids
            np.testing.assert_allclose(again, scores, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(
                alone.normalise(0, again), answers.normalise(i, scores), rtol=1e-4, atol=1e-5
            )
        assert leg.ask(view, []).top([], 5) == []

    def test_unknown_chunks_are_refused_or_score_finitely(self, leg: Leg, index: Index) -> None:
        """A chunk that is not there is a `BadInput`, or has a finite score, such as one that says nothing.

        Which chunks there are a leg asks its view, ``view.chunks(ids)``: a table of its own that has no such
        key raises another error, which nobody who searches could tell from a fault.
        """
        answers, where = _asked(leg, index)
        answers.top(where, 5)
        try:
            found = answers.score([["nowhere#0-1"] for _ in QUERIES])
        except BadInput:
            return
        assert all(some.shape == (1,) and np.isfinite(some).all() for some in found)

    def test_nobody_notices_what_belongs_to_another(
        self, make: MakeLeg, leg: Leg, index: Index, crowded: Index
    ) -> None:
        """Texts of eve change neither raw nor normalised scores of anybody else's."""
        alone, where = _asked(leg, index)
        beside, also = _asked(make(crowded), crowded)
        pairs = zip(alone.top(where, 50), beside.top(also, 50), strict=True)
        for i, ((ids, scores), (same, again)) in enumerate(pairs):
            assert same == ids
            np.testing.assert_allclose(again, scores, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(
                beside.normalise(i, again), alone.normalise(i, scores), rtol=1e-4, atol=1e-5
            )


def _asked(leg: Leg, index: Index) -> tuple[Answers, list[Filter | None]]:
    """A leg's answers to `QUERIES`, and what their users see."""
    view = index.store.view()
    return leg.ask(view, QUERIES), [visible(query, view) for query in QUERIES]
