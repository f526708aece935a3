"""`SecondStageContract`: what everything that looks again at the best candidates must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rag_embed.index import Index
from rag_embed.protocols import SecondStage
from rag_embed.ranking.visibility import visible
from rag_embed.testing.corpus import OverIndex
from rag_embed.types import Query, Scores

MakeStage = Callable[[Index], SecondStage]

QUERIES = [Query("the violin and the river"), Query("fox", user="ann"), Query("the?")]


class SecondStageContract(OverIndex):
    """The laws of `protocols.SecondStage`. Subclass it and give it a ``make`` fixture.

    The fixture has the scope of a class and makes a second stage from an index.

    Examples:
        >>> import pytest
        >>> from rag_embed.ranking.token_evidence import TokenStage
        >>> class TestTokenStage(SecondStageContract):
        ...     @pytest.fixture(scope="class")
        ...     @classmethod
        ...     def make(cls):
        ...         return lambda index: TokenStage(index.spaces.own)
    """

    @pytest.fixture(scope="class")
    @classmethod
    def stage(cls, make: MakeStage, index: Index) -> SecondStage:
        """The second stage over `OverIndex.index`."""
        return make(index)

    def test_each_chunk_has_one_finite_score(self, stage: SecondStage, index: Index) -> None:
        """Of the chunks that are asked about, in their order; or None, about all of a query's."""
        for ids, some in zip(_seen(index), _scores(stage, index), strict=True):
            assert stage.name
            if some is None:
                continue
            assert some.shape == (len(ids),) and some.dtype == np.float32
            assert np.isfinite(some).all()

    def test_a_chunk_keeps_its_score_among_others(self, stage: SecondStage, index: Index) -> None:
        """Neither the other chunks nor their order matter, nor the other queries of the batch."""
        view, seen, whole = index.store.view(), _seen(index), _scores(stage, index)
        for query, ids, some in zip(QUERIES, seen, whole, strict=True):
            alone = stage.ask(view, [query], {})
            _same(alone.score(0, ids[::-1]), None if some is None else some[::-1])
            _same(alone.score(0, ids[:1]), None if some is None else some[:1])

    def test_what_legs_computed_saves_work_alone(self, stage: SecondStage, index: Index) -> None:
        """The answers of the legs change no score."""
        view, seen = index.store.view(), _seen(index)
        answers = {leg.name: leg.ask(view, QUERIES) for leg in index.experts.hybrid().legs}
        evidence = stage.ask(view, QUERIES, answers)
        for i, (ids, some) in enumerate(zip(seen, _scores(stage, index), strict=True)):
            _same(evidence.score(i, ids), some)

    def test_the_common_scale_keeps_the_order(self, stage: SecondStage, index: Index) -> None:
        """Better raw scores stay better, equal ones equal, and all are finite."""
        evidence = stage.ask(index.store.view(), QUERIES, {})
        for i, some in enumerate(_scores(stage, index)):
            if some is None:
                continue
            raw = np.sort(some)
            scaled = evidence.normalise(i, raw)
            assert scaled.shape == raw.shape and np.isfinite(scaled).all()
            assert (np.diff(scaled) >= -1e-6).all()

    def test_hits_add_up_and_fewer_are_a_prefix(self, stage: SecondStage, index: Index) -> None:
        """In a search only the best have its part, and they stay in front."""
        plain = index.experts.hybrid()
        weights = {leg.name: 0.5 for leg in plain.legs} | {stage.name: 0.3}
        hybrid = replace(plain, stages=(stage,), weights=weights, depth=15)
        for query in QUERIES:
            [most] = hybrid.retrieve([replace(query, k=120)])
            for place, hit in enumerate(most):
                total = sum(part.contribution for part in hit.parts)
                assert hit.score == pytest.approx(total, abs=1e-5)
                assert place < 15 or all(part.leg != stage.name for part in hit.parts)
            for k in (1, 14, 16, 101):
                assert hybrid.retrieve([replace(query, k=k)])[0] == most[:k]

    def test_nobody_notices_what_belongs_to_another(
        self, make: MakeStage, stage: SecondStage, index: Index, crowded: Index
    ) -> None:
        """Texts of eve change no score of anybody else's."""
        seen = _seen(index)
        beside = make(crowded).ask(crowded.store.view(), QUERIES, {})
        for i, (ids, some) in enumerate(zip(seen, _scores(stage, index), strict=True)):
            _same(beside.score(i, ids), some)


def _seen(index: Index) -> list[list[str]]:
    """For each of `QUERIES` some chunks that its user sees."""
    view = index.store.view()
    return [view.passing(visible(query, view))[::7] for query in QUERIES]


def _scores(stage: SecondStage, index: Index) -> list[Scores | None]:
    evidence = stage.ask(index.store.view(), QUERIES, {})
    return [evidence.score(i, ids) for i, ids in enumerate(_seen(index))]


def _same(found: Scores | None, expected: Scores | None) -> None:
    if found is None or expected is None:
        assert found is expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
