"""Re-ranking by affinity and by neighbours: the formula, prefixes, order, and exactly off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.errors import BadInput
from rag_embed.maths.vectors import unit
from rag_embed.personal.affinity import Affinity
from rag_embed.ranking.best_chunks import BestChunks
from rag_embed.ranking.legs import Z_EQUAL
from rag_embed.ranking.neighbours import Neighbours
from rag_embed.ranking.rerank import Reranked, stored_rows
from rag_embed.types import Principal

from .conftest import ENCODER

ASK = "a good drink"


def ids(hits) -> list[str]:
    return [hit.id for hit in hits]


def liked(index, profiles, strength, *, depth=40, **options) -> Reranked:
    affinity = Affinity(index.store, profiles, **options)
    return Reranked(
        index.retriever,
        affinity,
        depth=depth,
        weight=strength,
        spread=False,
        rows=stored_rows(index.store),
    )


def beside(talk, strength, depth=100) -> Reranked:
    return Reranked(
        talk.retriever,
        Neighbours(talk.store),
        depth=depth,
        weight=strength,
        spread=False,
        rows=stored_rows(talk.store),
    )


def test_affinity_lifts_what_is_liked(index, profiles) -> None:
    asked = liked(index, profiles, 5.0)
    for user, best in (("ann", "wine"), ("ben", "tea")):
        assert asked.retrieve([Query(ASK, user=user)])[0][0].chunk.doc_id == best


def test_affinity_is_its_formula_and_parts_add_up(index, profiles) -> None:
    [hits] = liked(index, profiles, 0.7, nearest=2).retrieve([Query(ASK, user="ann", k=20)])
    view, values = index.store.view(), profiles.history("ann").values
    rows = view.vectors("dense", ids(hits))
    raw = np.sort(values @ rows.T, axis=0)[-2:].mean(axis=0)
    z = view.moments("dense", Principal("ann")).z(unit(values.mean(axis=0)[None])[0], raw)
    for hit, one in zip(hits, z, strict=True):
        part = hit.parts[-1]
        assert part.weight == 0.7 and part.raw == part.normalised
        assert part.normalised == pytest.approx(4 / 14 * one / Z_EQUAL, abs=1e-4)
        assert sum(p.contribution for p in hit.parts) == pytest.approx(hit.score, abs=1e-5)


def test_affinity_of_the_unknown_changes_nothing(index, profiles) -> None:
    queries = [Query(ASK, user=user, k=3) for user in ("ann", "cold", None)] + [Query(ASK, k=0)]
    plain = index.retriever.retrieve(queries)
    on = liked(index, profiles, 3.0).retrieve(queries)
    assert on[1:] == plain[1:] and on[0] != plain[0]


@pytest.mark.parametrize("group_by", ["chunk", "document"])
@pytest.mark.parametrize("depth", [2, 4, 40])
def test_fewer_are_a_prefix_of_more_and_scores_fall(index, profiles, depth, group_by) -> None:
    talk = talks()
    red = Query("the red boat", group_by=group_by)
    for asked, query in (
        (liked(index, profiles, 2.0, depth=depth), Query(ASK, user="ann", group_by=group_by)),
        (beside(talk, 0.5, depth), red),
        (
            Reranked(
                talk.retriever,
                BestChunks(),
                depth=depth,
                spread=False,
                rows=stored_rows(talk.store),
            ),
            red,
        ),
    ):
        whole = asked.retrieve([replace(query, k=30)])[0]
        assert len(whole) > (4 if group_by == "chunk" else 1)
        scores = [hit.score for hit in whole]
        assert scores == sorted(scores, reverse=True)
        for hit in whole:
            assert sum(p.contribution for p in hit.parts) == pytest.approx(hit.score, abs=1e-5)
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
    plain, [lifted] = index.retriever.retrieve([query])[0], beside(index, 0.9).retrieve([query])
    answer = next(hit.id for hit in plain if "north pier" in hit.text)
    assert ids(lifted).index(answer) == 1 < ids(plain).index(answer)
    scores = {hit.id: hit.score for hit in plain}
    for hit in lifted:
        around = [one.id for one in index.contents.neighbours(hit) if one.id != hit.id]
        near = max(scores.get(id, 0.0) for id in around)
        assert hit.parts[-1].raw == pytest.approx(max(near, 0.0))
        assert hit.score == pytest.approx(scores[hit.id] + 0.9 * max(near, 0.0), abs=1e-6)


def test_parameters_out_of_range(index, profiles) -> None:
    for wrong in ({"nearest": 0}, {"prior": -1.0}):
        with pytest.raises(BadInput):
            Affinity(index.store, profiles, **wrong)
    with pytest.raises(BadInput, match="take"):
        BestChunks(0)
