"""Queries that bring a vector, and hybrids that lack something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.ranking.legs import DenseLeg


def test_a_query_can_bring_its_own_vector() -> None:
    encoder = HashEncoder()
    index = Index.in_memory(encoder=encoder)
    index.add([Document("a", "The fox is red."), Document("b", "The sea is blue.")])
    row = encoder.encode_query(["the sea is blue"])[0]
    alone = index.search(Query("", vectors={"dense": row}))
    assert [hit.chunk.doc_id for hit in alone] == ["b", "a"]
    assert {part.leg: part.raw for part in alone[0].parts}["lexical"] == 0.0
    longer = index.search(Query("", vectors={"dense": 7 * row}))
    assert [hit.score for hit in longer] == pytest.approx([hit.score for hit in alone])
    mixed = index.search_many([Query("fox", vectors={"dense": row}), "fox", Query("fox")])
    assert mixed[1] == mixed[2] and mixed[0] != mixed[1]
    for bad in (row[:5], row[None], row * np.nan):
        with pytest.raises(BadInput, match="finite query vector of shape"):
            index.search(Query("fox", vectors={"dense": bad}))
    with pytest.raises(
        BadInput, match=r"names \['other'\]; the legs here that compare vectors are \['dense'\]"
    ):
        index.search(Query("fox", vectors={"other": row}))
    with pytest.raises(BadInput, match=r"names \['lexical'\]"):  # it would not read it
        index.search(Query("fox", vectors={"lexical": row}))
    legs = (DenseLeg("one", index.spaces.own), DenseLeg("two", index.spaces.own))
    lone = replace(index.experts.hybrid(), legs=legs, weights={"one": 1.0, "two": 1.0})
    with pytest.raises(BadInput, match="neither a text nor a vector for leg 'two'"):
        lone.retrieve([Query("", vectors={"one": row})])
    with pytest.raises(BadInput, match="maps names of legs"):
        Query("fox", vectors=row)


def test_a_leg_without_an_encoder_needs_vectors() -> None:
    encoder = HashEncoder()
    index = Index.in_memory(encoder=encoder)
    index.add([Document("a", "The fox is red.")])
    bare = replace(index.experts.hybrid(), legs=(DenseLeg("dense", None),), weights={"dense": 1.0})
    row = encoder.encode_query(["fox"])[0]
    assert bare.retrieve([Query("", vectors={"dense": row})])[0][0].chunk.doc_id == "a"
    with pytest.raises(BadInput, match=r"give Query\.vectors\['dense'\]"):
        bare.retrieve([Query("fox")])


def test_a_hybrid_needs_legs_and_a_pool() -> None:
    retriever = Index.in_memory(encoder=HashEncoder()).experts.hybrid()
    for broken, message in (({"pool": 0}, "pool must be"), ({"legs": ()}, "needs a leg")):
        with pytest.raises(BadInput, match=message):
            replace(retriever, **broken)
