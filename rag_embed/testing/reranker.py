"""`RerankerContract`: what everything that scores hits again must do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from rag_embed.index import Index
from rag_embed.protocols import Reranker
from rag_embed.testing.corpus import OverIndex
from rag_embed.types import Hit, Query, Scores

MakeReranker = Callable[[Index], Reranker]

ASKED = [
    Query("the violin and the river", k=30),
    Query("fox", k=30, user="ann", previous=["a lamp"]),
    Query("whale wine", k=30, group_by="document"),
    Query("nothing of all that", k=30),
]


class RerankerContract(OverIndex):
    """The laws of `protocols.Reranker`. Subclass it and give it a ``make`` fixture.

    The fixture has the scope of a class and makes a re-ranker from an index, which most have no need
    of. That the index is ranked well by it is no law: see `RetrieverContract` for what it does in
    `ranking.rerank.Reranked`.

    Examples:
        >>> import pytest
        >>> from rag_embed.ranking.rerankers import FunctionReranker
        >>> class TestShortest(RerankerContract):
        ...     @pytest.fixture(scope="class")
        ...     @classmethod
        ...     def make(cls):
        ...         shortest = FunctionReranker(lambda query, texts: [-len(one) for one in texts])
        ...         return lambda index: shortest
    """

    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, make: MakeReranker, index: Index) -> Reranker:
        """The re-ranker over `OverIndex.index`."""
        return make(index)

    @pytest.mark.parametrize("query", ASKED, ids=lambda query: query.text)
    def test_each_hit_has_one_finite_score(
        self, reranker: Reranker, index: Index, query: Query
    ) -> None:
        """A float for each hit, in order; or None, about all hits of the query."""
        hits = index.search(query)
        found = reranker.rerank(query, hits)
        if found is None:
            assert all(reranker.rerank(query, [hit]) is None for hit in hits[:3])
            return
        assert found.shape == (len(hits),) and found.dtype == np.float32
        assert np.isfinite(found).all()

    @pytest.mark.parametrize("query", ASKED, ids=lambda query: query.text)
    def test_the_order_of_the_hits_does_not_matter(
        self, reranker: Reranker, index: Index, query: Query
    ) -> None:
        """A hit keeps its score wherever it stands among the others, and whenever it is asked."""
        hits = index.search(query)
        found = reranker.rerank(query, hits)
        for order in (range(len(hits)), np.random.default_rng(0).permutation(len(hits))):
            again = reranker.rerank(query, [hits[i] for i in order])
            _same(again, None if found is None else found[list(order)])

    @pytest.mark.parametrize("query", ASKED, ids=lambda query: query.text)
    def test_no_hits_have_no_scores(self, reranker: Reranker, query: Query) -> None:
        """An empty list gives an empty array, or None."""
        none: Sequence[Hit] = []
        found = reranker.rerank(query, none)
        assert found is None or found.shape == (0,)


def _same(found: Scores | None, expected: Scores | None) -> None:
    if found is None or expected is None:
        assert found is expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
