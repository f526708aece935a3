"""Re-ranking by affinity and by neighbours: the formula, prefixes, and exactly off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.errors import BadInput
from rag_embed.maths.vectors import unit
from rag_embed.personal.affinity import AFFINITY, Affinity
from rag_embed.ranking.legs import Z_EQUAL
from rag_embed.ranking.neighbours import NEIGHBOURS, Neighbours

from .conftest import ENCODER

ASK = "a good drink"


def ids(hits) -> list[str]:
    return [hit.id for hit in hits]


def test_affinity_lifts_what_is_liked(index, profiles) -> None:
    asked = Affinity(index.retriever, index.store, profiles, 5.0)
    for user, liked in (("ann", "wine"), ("ben", "tea")):
        assert asked.retrieve([Query(ASK, user=user)])[0][0].chunk.doc_id == liked


def test_affinity_is_its_formula_and_parts_add_up(index, profiles) -> None:
    asked = Affinity(index.retriever, index.store, profiles, 0.7, nearest=2)
    [hits] = asked.retrieve([Query(ASK, user="ann", k=20)])
    view, values = index.store.view(), profiles.history("ann").values
    rows = view.vectors("dense", ids(hits))
    raw = np.sort(values @ rows.T, axis=0)[-2:].mean(axis=0)
    z = view.moments("dense", "ann").z(unit(values.mean(axis=0)[None])[0], raw)
    for hit, r, one in zip(hits, raw, z, strict=True):
        part = hit.parts[-1]
        assert part.leg == AFFINITY and part.weight == pytest.approx(0.7 * 4 / 14)
        assert part.raw == pytest.approx(r, abs=1e-5)
        assert part.normalised == pytest.approx(one / Z_EQUAL, abs=1e-4)
        assert sum(p.contribution for p in hit.parts) == pytest.approx(hit.score, abs=1e-5)


def test_affinity_off_or_cold_changes_nothing(index, profiles) -> None:
    queries = [Query(ASK, user=user, k=3) for user in ("ann", "cold", None)] + [Query(ASK, k=0)]
    plain = index.retriever.retrieve(queries)
    assert Affinity(index.retriever, index.store, profiles).retrieve(queries) == plain
    on = Affinity(index.retriever, index.store, profiles, 3.0).retrieve(queries)
    assert on[1:] == plain[1:] and on[0] != plain[0]


@pytest.mark.parametrize("depth", [2, 4, 40])
def test_fewer_are_a_prefix_of_more(index, profiles, depth) -> None:
    talk = talks()
    for asked, query in (
        (
            Affinity(index.retriever, index.store, profiles, 2.0, depth=depth),
            Query(ASK, user="ann"),
        ),
        (Neighbours(talk.retriever, talk.store, 0.5, depth=depth), Query("the red boat")),
    ):
        whole = asked.retrieve([replace(query, k=30)])[0]
        assert len(whole) > 4
        for k in range(8):
            assert asked.retrieve([replace(query, k=k)])[0] == whole[:k]


def talks() -> Index:
    index = Index.in_memory(encoder=ENCODER, chunk_tokens=8)
    first = "Where is the red boat moored? It lies at the north pier. Thanks and goodbye to you."
    other = "The red boat race is old. Nobody rows it any more. They prefer the green canoe now."
    index.add([Document("talk", first), Document("other", other)])
    return index


def test_the_turn_beside_a_good_hit_is_lifted() -> None:
    index = talks()
    query = Query("where is the red boat moored?", k=6)
    plain, [lifted] = (
        index.retriever.retrieve([query])[0],
        Neighbours(index.retriever, index.store, 0.9).retrieve([query]),
    )
    answer = next(hit.id for hit in plain if "north pier" in hit.text)
    assert ids(lifted).index(answer) == 1 < ids(plain).index(answer)
    scores = {hit.id: hit.score for hit in plain}
    for hit in lifted:
        around = [one.id for one in index.neighbours(hit) if one.id != hit.id]
        near = max(scores.get(id, 0.0) for id in around)
        assert hit.parts[-1].leg == NEIGHBOURS
        assert hit.score == pytest.approx(scores[hit.id] + 0.9 * max(near, 0.0), abs=1e-6)
        assert sum(part.contribution for part in hit.parts) == pytest.approx(hit.score, abs=1e-5)


def test_neighbours_off_and_refusals(index, profiles) -> None:
    talk = talks()
    queries = [Query("red boat", k=3), Query("pier", k=0, group_by="document")]
    assert Neighbours(talk.retriever, talk.store).retrieve(queries) == talk.retriever.retrieve(
        queries
    )
    with pytest.raises(BadInput, match="chunk"):
        Neighbours(talk.retriever, talk.store, 0.3).retrieve(queries)
    for wrong in ({"depth": 0}, {"nearest": 0}, {"prior": -1.0}):
        with pytest.raises(BadInput):
            Affinity(index.retriever, index.store, profiles, 1.0, **wrong)
    with pytest.raises(BadInput):
        Neighbours(talk.retriever, talk.store, depth=0)
