"""Copies do not fill the first places: one of those that say nearly the same is a hit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag_embed import Document, Index, Query, field
from rag_embed.encoders import HashEncoder
from rag_embed.ranking.rerank import Reranked
from rag_embed.types import Hit

LICENCE = (
    "Permission is granted to use, copy and change this program. It comes without any warranty, and "
    "nobody is liable for what it does. Copyright {} the authors of the {} program."
)
OTHERS = (
    Document("manual", "The program asks for permission before it changes a file."),
    Document("story", "A fox asked a raven for permission to copy its voice."),
)


@pytest.fixture(scope="module", params=["memory", "lance"])
def index(request, tmp_path_factory) -> Index:
    encoder = HashEncoder(64)
    made = (
        Index.in_memory(encoder=encoder)
        if request.param == "memory"
        else Index.create(tmp_path_factory.mktemp("kb") / "kb", encoder=encoder)
    )
    copies = [Document(f"copy{i}", LICENCE.format(2001 + i, "red")) for i in range(8)]
    made.add([*copies, Document("mine", LICENCE.format(1999, "red"), user="ann"), *OTHERS])
    return made


ASKED = Query("granted to use, copy, change; without warranty", k=10)


def test_copies_fill_the_first_places_unless_they_are_one(index) -> None:
    every = index.search(ASKED)
    assert {hit.chunk.doc_id[:4] for hit in every[:5]} == {"copy"}
    found = index.search(ASKED, group_by="text")
    assert sorted(hit.chunk.doc_id[:4] for hit in found) == ["copy", "manu", "stor"]
    [licence] = [hit for hit in found if hit.siblings]
    assert licence.id == every[0].id and licence.score == every[0].score
    assert [one.id for one in licence.siblings] == [hit.id for hit in every[1:5]]


@pytest.mark.parametrize("k", range(4))
def test_fewer_are_a_prefix(index, k) -> None:
    found = index.search(ASKED, group_by="text")
    assert index.search(ASKED, group_by="text", k=k) == found[:k]


def test_a_private_copy_stands_for_its_owner_alone(index) -> None:
    def ids(user: str | None) -> set[str]:
        [hit] = [one for one in index.search(ASKED, group_by="text", user=user) if one.siblings]
        return {hit.chunk.doc_id, *(one.doc_id for one in hit.siblings)}

    assert "mine" not in ids(None) | ids("bob")
    [one] = index.search(replace(ASKED, text="1999", user="ann", k=1), group_by="text")
    assert one.chunk.doc_id == "mine"


def test_listing_and_diversity_leave_copies_out_too(index) -> None:
    everything = field("metadata.nothing").is_missing()
    listed = index.search(Query("", where=everything), group_by="text")
    assert len(listed) == 3
    diverse = index.search(ASKED, group_by="text", diversity=0.5)
    assert len({hit.chunk.doc_id[:4] for hit in diverse}) == len(diverse) == 3


class Longest:
    """A re-ranker to which longer is better."""

    def rerank(self, query: Query, hits: list[Hit]) -> list[float]:
        return [float(len(hit.text)) for hit in hits]


def test_a_reranked_search_asks_for_more_until_there_are_enough_texts(index) -> None:
    reranked = Reranked(index.retriever, Longest(), depth=3)
    [found] = reranked.retrieve([replace(ASKED, k=3, group_by="text")])
    assert len({hit.chunk.doc_id[:4] for hit in found}) == 3
