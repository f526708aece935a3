"""`RetrieverContract`: what everything that finds must do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from rag_embed.errors import BadInput
from rag_embed.filters import field
from rag_embed.maths.vectors import DIGITS
from rag_embed.protocols import Retriever
from rag_embed.testing.corpus import corpus, said, secrets, told
from rag_embed.types import Document, Query, place_of

MakeRetriever = Callable[[Sequence[Document]], Retriever]

STEP = 2 * 10.0**-DIGITS
"""Scores closer than this may stand in any order; see `maths.vectors.best`."""

EDGES = (0, 1, 2, 7, 39, 40, 41, 99, 100, 101, 160, 400)
LATE = field("year") >= 2010
ASKED = {
    "plain": Query("the violin and the river"),
    "no words": Query("number 17 of nothing"),
    "where": Query("a lamp on a stone", where=LATE),
    "user": Query("fox", user="ann"),
    "relevant": Query("violin", min_relevance=0.02),
    "diverse": Query("violin", diversity=0.7),
    "documents": Query("whale wine", group_by="document"),
    "texts": Query("whale wine", group_by="text"),
    "previous": Query("and the lamp", user="ann", previous=["where is the fox?", "the river"]),
    "everything": Query(
        "violin fox",
        where=LATE,
        user="ann",
        min_relevance=0.01,
        diversity=0.5,
        group_by="document",
        previous=["tea and bread"],
    ),
    "listed": Query("", where=LATE, user="ann"),
}
"""Every option, alone and with the others."""

asked = pytest.mark.parametrize("query", ASKED.values(), ids=list(ASKED))


class RetrieverContract:
    """The laws of `protocols.Retriever`. Subclass it and give it a ``make`` fixture.

    The fixture has the scope of a class and makes, from documents with the declared field ``year``, a
    retriever over their chunks; `corpus.indexed` makes an index of them.

    Examples:
        >>> import pytest
        >>> from rag_embed.testing.corpus import indexed
        >>> class TestMyRetriever(RetrieverContract):
        ...     @pytest.fixture(scope="class")
        ...     @classmethod
        ...     def make(cls):
        ...         return lambda documents: indexed(documents).retriever
    """

    @pytest.fixture(scope="class")
    @classmethod
    def retriever(cls, make: MakeRetriever) -> Retriever:
        """A retriever over `corpus.corpus`."""
        return make(corpus())

    @pytest.fixture(scope="class")
    @classmethod
    def crowded(cls, make: MakeRetriever) -> Retriever:
        """The same, beside texts of eve."""
        return make([*corpus(), *secrets()])

    @asked
    def test_fewer_hits_are_a_prefix_of_more(self, retriever: Retriever, query: Query) -> None:
        """However many hits are wanted, the first ones are the same; none are wanted by k = 0."""
        most = retriever.retrieve([replace(query, k=1000)])[0]
        assert most
        for k in EDGES:
            [few] = retriever.retrieve([replace(query, k=k)])
            assert len(few) == min(k, len(most)) and said(few) == told(most[:k])

    @asked
    def test_hits_are_sorted_explained_and_distinct(
        self, retriever: Retriever, query: Query
    ) -> None:
        """Scores fall, parts add up to them, and no chunk comes twice."""
        hits = retriever.retrieve([replace(query, k=300)])[0]
        if not query.diversity:
            scores = [hit.score for hit in hits]
            assert all(after - before < STEP for before, after in pairwise(scores))
        for hit in hits:
            assert 0.0 <= hit.relevance <= 1.0
            if hit.parts:
                total = sum(part.contribution for part in hit.parts)
                assert hit.score == pytest.approx(total, abs=1e-5)
        assert len({hit.id for hit in hits}) == len(hits)

    @asked
    def test_every_hit_is_what_was_asked_for(self, retriever: Retriever, query: Query) -> None:
        """Filter, owner, relevance and grouping hold for every hit and sibling."""
        hits = retriever.retrieve([replace(query, k=300)])[0]
        for hit in hits:
            assert hit.relevance >= query.min_relevance
            if query.group_by == "document":
                assert all(one.doc_id == hit.chunk.doc_id for one in hit.siblings)
            for chunk in (hit.chunk, *hit.siblings):
                assert chunk.user in (None, query.user)
                assert query.where is None or chunk.metadata["year"] >= 2010
        documents = [hit.chunk.doc_id for hit in hits]
        if query.group_by == "document":
            assert len(set(documents)) == len(documents)
        elif query.group_by == "text":
            assert len({hit.text for hit in hits}) == len(hits)
        else:
            assert not any(hit.siblings for hit in hits)

    def test_a_batch_answers_like_single_queries(self, retriever: Retriever) -> None:
        """No query of a batch changes another, and to ask again changes nothing."""
        queries = [replace(one, k=12 + i) for i, one in enumerate(ASKED.values())]
        together = retriever.retrieve(queries)
        for query, hits in zip(queries, together, strict=True):
            assert said(retriever.retrieve([query])[0]) == told(hits)
        assert retriever.retrieve([]) == []

    @asked
    def test_nobody_notices_what_belongs_to_another(
        self, retriever: Retriever, crowded: Retriever, query: Query
    ) -> None:
        """Texts of eve change neither a hit nor a number of anybody else's."""
        alone, beside = (one.retrieve([replace(query, k=60)])[0] for one in (retriever, crowded))
        assert said(beside) == told(alone)

    def test_a_filter_opens_no_door(self, crowded: Retriever) -> None:
        """To ask for the owner's id shows nothing of the owner's."""
        for where in (field("user_id") == "eve", ~field("user_id").is_missing()):
            for text in ("fox", ""):
                for user in (None, "ann"):
                    [hits] = crowded.retrieve([Query(text, k=50, where=where, user=user)])
                    assert {hit.chunk.user for hit in hits} <= {user}

    def test_unknown_filters_are_refused(self, retriever: Retriever) -> None:
        """A field that was not declared, or of another type, is an error and no empty answer."""
        for where in (field("nope") == 1, field("year") == "soon"):
            with pytest.raises(BadInput):
                retriever.retrieve([Query("fox", where=where)])

    def test_without_a_text_what_passes_is_listed(self, retriever: Retriever) -> None:
        """In reading order, with score 0 and relevance 1; nothing where no filter is given."""
        listed, nothing = retriever.retrieve([Query("", k=500, where=LATE), Query(" ", k=5)])
        assert [hit.id for hit in listed] == sorted((h.id for h in listed), key=place_of)
        assert {(hit.score, hit.relevance) for hit in listed} == {(0.0, 1.0)}
        assert nothing == []
