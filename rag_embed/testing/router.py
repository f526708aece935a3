"""`RouterContract`: what everything that weighs legs per query must do."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

import numpy as np
import pytest

from rag_embed.index import Index
from rag_embed.protocols import Router
from rag_embed.testing.corpus import OverIndex
from rag_embed.types import Query, Route

MakeRouter = Callable[[Index], Router]

QUERIES = [
    Query("the violin and the river"),
    Query("fox", user="ann", previous=["a lamp"]),
    Query("number 17"),
    Query("whale wine", group_by="document"),
]


class RouterContract(OverIndex):
    """The laws of `protocols.Router`. Subclass it and give it a ``make`` fixture.

    The fixture has the scope of a class and makes a router from an index, whose legs are ``"dense"``
    and ``"lexical"``.

    Examples:
        >>> import pytest
        >>> from rag_embed.types import Route
        >>> class Numbers:
        ...     def route(self, queries, vectors):
        ...         return [
        ...             Route({"lexical": 1.0} if any(map(str.isdigit, query.text)) else {"dense": 1.0}, 1.0)
        ...             for query in queries
        ...         ]
        >>> class TestNumbers(RouterContract):
        ...     @pytest.fixture(scope="class")
        ...     @classmethod
        ...     def make(cls):
        ...         return lambda index: Numbers()
    """

    @pytest.fixture(scope="class")
    @classmethod
    def router(cls, make: MakeRouter, index: Index) -> Router:
        """The router over `OverIndex.index`."""
        return make(index)

    def test_each_query_has_one_route(self, router: Router, index: Index) -> None:
        """Weights of known legs, finite and at least 0, one of them above it; none for no query."""
        rows = index.spaces.own.encode_query([query.text for query in QUERIES])
        routes = router.route(QUERIES, rows)
        assert len(routes) == len(QUERIES)
        known = index.experts.hybrid().mixture.keys()
        for route in routes:
            assert route.weights.keys() <= known
            assert all(isfinite(weight) and weight >= 0 for weight in route.weights.values())
            assert any(route.weights.values()) and 0.0 <= route.confidence <= 1.0
        assert router.route([], rows[:0]) == []

    def test_a_batch_is_routed_like_single_queries(self, router: Router, index: Index) -> None:
        """No query of a batch changes another's route, and to ask again changes nothing."""
        rows = index.spaces.own.encode_query([query.text for query in QUERIES])
        together = router.route(QUERIES, rows)
        for i, route in enumerate(together):
            [alone] = router.route(QUERIES[i : i + 1], rows[i : i + 1])
            assert _numbers(alone) == pytest.approx(_numbers(route), rel=1e-4, abs=1e-6)

    def test_vectors_are_used_as_given(self, router: Router, index: Index) -> None:
        """They are not written to, and any unit rows are answered: queries may come bent."""
        rows = index.spaces.own.encode_query([query.text for query in QUERIES])
        bent = np.ascontiguousarray(rows[::-1])
        before = bent.copy()
        bent.flags.writeable = False
        assert len(router.route(QUERIES, bent)) == len(QUERIES)
        np.testing.assert_array_equal(bent, before)

    def test_an_index_follows_it(self, router: Router, index: Index) -> None:
        """As ``index.experts.router`` its weights are those of the parts of every hit."""
        before, index.experts.router = index.experts.router, router
        try:
            found = index.search_many(QUERIES)
        finally:
            index.experts.router = before
        for hits in found:
            for hit in hits:
                assert hit.route is not None
                for part in hit.parts:
                    assert part.weight == hit.route.weights.get(part.leg, 0.0)


def _numbers(route: Route) -> dict[str, float]:
    return {**route.weights, " confidence": route.confidence}
