"""Weights, routers and spaces that name what is not at hand: said, left aside, and taken back."""

from __future__ import annotations

import math

import pytest

from rag_embed import Document, Index
from rag_embed.encoders import FunctionEncoder, HashEncoder
from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.situated import described
from rag_embed.types import Route

DOCUMENTS = [Document("fox", "a fox in its den"), Document("sea", "the deep blue sea")]


def test_weights_that_count_what_is_not_at_hand_can_be_taken_back(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(48))
    index.add(DOCUMENTS)
    index.experts.add_space("hosted", FunctionEncoder(HashEncoder(8).encode_document, name="h"))
    index.experts.weigh({"dense": 0.5, "hosted": 0.5})
    again = Index.open(tmp_path / "kb")
    with pytest.raises(ModelUnavailable, match=r"index\.experts\.weigh"):
        again.search("fox")
    with pytest.raises(ModelUnavailable, match=r"spaces\.know"):
        again.experts.weigh({"hosted": 1.0})
    again.experts.weigh(None)
    assert again.search("a fox", k=1)[0].chunk.doc_id == "fox"
    again.experts.remove("hosted")


class Always:
    def __init__(self, weights) -> None:
        self.weights = weights

    def route(self, queries, vectors):
        return [Route(self.weights, 0.5) for _ in queries]


@pytest.mark.parametrize("weight", [math.nan, math.inf, -1.0])
def test_a_router_gives_weights(weight) -> None:
    index = Index.in_memory(encoder=HashEncoder(48))
    index.add(DOCUMENTS)
    index.experts.router = Always({"dense": weight, "lexical": 1.0})
    with pytest.raises(BadInput, match="Always must give weights >= 0 and finite"):
        index.search("fox")


def test_a_space_beside_written_contexts_is_told_how_to_situate() -> None:
    index = Index.in_memory(
        encoder=HashEncoder(48), situate=described(lambda document, chunk: "x", name="n")
    )
    index.add(DOCUMENTS)
    with pytest.raises(BadInput, match="say how those of the new space are, situate='titled'"):
        index.experts.add_space("other", HashEncoder(16))
    assert index.experts.add_space("other", HashEncoder(16), situate="titled") == 2
