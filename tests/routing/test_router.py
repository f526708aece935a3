"""`PilotRouter` on the real model and LanceDB."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from rag_embed import Index, Query
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.routing.router import Paper, PilotRouter, Soft
from rag_embed.routing.storage import ARRAYS, load_router, packed, save_router
from rag_embed.tuning.candidates import gathered
from rag_embed.tuning.pilots import confirmed, fitted, learned
from rag_embed.tuning.router_report import DEFAULT, INSTANCE_ORACLE, PAPER, SOFT, measure_routing


@pytest.fixture(scope="module")
def fit(index, collections):
    return fitted(index.experts.hybrid(), index.spaces.own.signature, collections)


@pytest.fixture(scope="module")
def router(fit):
    return PilotRouter(fit[0])


def test_every_mixture_is_ordered_as_the_retriever_orders_it(index, collections) -> None:
    hybrid = replace(index.experts.hybrid(), depth=7)
    queries = [Query(text, k=100) for text in list(collections[0].queries.values())[:5]]
    for weights in ({"dense": 1.0}, {"dense": 0.4, "lexical": 0.6, "tokens": 0.5}):
        found = replace(hybrid, weights=weights).retrieve(queries)
        for one, hits in zip(gathered(hybrid, queries), found, strict=True):
            assert one.ranked(weights)[: len(hits)] == [hit.id for hit in hits]


def test_token_evidence_is_looked_up_once_and_the_same_in_any_company(index, collections) -> None:
    [one] = gathered(index.experts.hybrid(), [Query(next(iter(collections[0].queries.values())))])
    places = list(range(12))
    whole = one.said("tokens", places)
    [again] = gathered(index.experts.hybrid(), [Query(next(iter(collections[0].queries.values())))])
    few = [
        again.said("tokens", places[5:8]),
        again.said("tokens", [7, 2]),
        again.said("tokens", places),
    ]
    for found, at in zip(few, (places[5:8], [7, 2], places), strict=True):
        assert found == pytest.approx(whole[at], abs=1e-6)
    assert np.array_equal(few[0], few[2][5:8])
    assert one.said("dense", [3, 1]).tolist() == [one.scores["dense"][3], one.scores["dense"][1]]
    assert one.said("unheard", places).tolist() == [0.0] * 12


def test_without_token_evidence_its_column_is_empty(documents, collections, minilm) -> None:
    index = Index.in_memory(encoder=minilm, tokens=False)
    index.add(documents[:10])
    [one] = gathered(index.experts.hybrid(), [Query("a sly hunter")])
    assert one.said("tokens", [0, 1]).tolist() == [0.0, 0.0]


def test_routing_helps_on_documents_nobody_learned_from(index, router, fit) -> None:
    by_name = {}
    for one in measure_routing(index.experts.hybrid(), router, fit[1]):
        evaluation = one.evaluation
        by_name[evaluation.collection] = {
            name: evaluation.mean(name, "ndcg@10") for name in evaluation.systems
        }
    for scores in by_name.values():
        assert scores[SOFT] >= scores[DEFAULT] - 0.01
        assert scores[INSTANCE_ORACLE] >= max(scores["dense"], scores["lexical"], scores[PAPER])
    total = {name: sum(scores[name] for scores in by_name.values()) for name in (SOFT, DEFAULT)}
    assert total[SOFT] > total[DEFAULT]


def test_weights_follow_the_kind_of_question(index, router) -> None:
    by_number, by_meaning = (
        route.weights["lexical"] / route.weights["dense"]
        for route in _routes(index, router, ["number 12345", "where near Bern is a shy swimmer?"])
    )
    assert by_number > by_meaning


def test_paper_mode_is_the_paper(index, router) -> None:
    """The same rule written plainly: centroids by source and best expert, mean of the cosines."""
    pilots = router.pilots
    names = list(pilots.mixtures)
    library: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for source in dict.fromkeys(pilots.sources):
        for m, name in enumerate(names):
            members = [
                i
                for i in range(len(pilots))
                if pilots.sources[i] == source
                and pilots.utilities[i, m] > max(np.delete(pilots.utilities[i], m)) + 1e-6
            ]
            if members:
                centre = pilots.vectors[members].mean(axis=0)
                library[name].append(centre / np.linalg.norm(centre))
    texts = ["number 55555", "where near Lima is a bird?", "Spare part"]
    hard = replace(router, mode="paper")
    for route, vector in zip(
        _routes(index, hard, texts), index.spaces.own.encode_query(texts), strict=True
    ):
        scores = {name: np.mean([vector @ c for c in cs]) for name, cs in library.items() if cs}
        assert route.scores == pytest.approx(scores, abs=1e-5)
        assert route.weights == pilots.mixtures[max(scores, key=scores.__getitem__)]
        assert 0 < route.confidence <= 1


def test_paper_mode_with_a_margin_falls_back(index, router) -> None:
    careful = replace(router, mode="paper", paper=Paper(margin=10.0))
    [route] = _routes(index, careful, ["number 55555"])
    assert route.weights == router.pilots.default and route.confidence == 0.0


def test_far_from_all_pilots_the_default_answers(index, router) -> None:
    strict = replace(router, soft=Soft(far=0.9, near=0.95))
    text = "What is the meaning of justice?"
    [route] = _routes(index, strict, [text])
    assert route.weights == pytest.approx(router.pilots.default) and route.confidence == 0.0
    plain = index.experts.hybrid().retrieve([Query(text)])[0]
    routed = replace(index.experts.hybrid(), router=strict).retrieve([Query(text)])[0]
    assert [hit.id for hit in plain] == [hit.id for hit in routed]


def test_a_route_explains_itself(index, router) -> None:
    hits = replace(index.experts.hybrid(), router=router).retrieve([Query("number 12345", k=3)])[0]
    route = hits[0].route
    assert [one.source for one in route.pilots] == ["numbers (train)"] * 3
    similarities = [one.similarity for one in route.pilots]
    assert similarities == sorted(similarities, reverse=True)
    assert 0 < route.confidence <= 1
    for hit in hits:
        assert {part.leg: part.weight for part in hit.parts} == pytest.approx(route.weights)
        assert sum(part.contribution for part in hit.parts) == pytest.approx(hit.score, abs=1e-6)


def test_relevance_keeps_its_meaning(index, router) -> None:
    plain, routed = index.experts.hybrid(), replace(index.experts.hybrid(), router=router)
    query = Query("number 12345", k=50)
    known = {hit.id: hit.relevance for hit in plain.retrieve([query])[0]}
    hits = routed.retrieve([query])[0]
    assert len(known.keys() & {hit.id for hit in hits}) > 30
    for hit in hits:
        if hit.id in known:
            assert hit.relevance == pytest.approx(known[hit.id], abs=1e-6)
        score, *_ = plain.calibration.basis(hit.parts)
        assert score != pytest.approx(hit.score)


def test_batches_and_prefixes(index, router) -> None:
    routed = replace(index.experts.hybrid(), router=router)
    texts = ["number 12345", "where near Rome is a rider?", "number 12345"]
    together = routed.retrieve([Query(text, k=20) for text in texts])
    for text, hits in zip(texts, together, strict=True):
        for k in (1, 7, 20):
            alone = routed.retrieve([Query(text, k=k)])[0]
            assert [hit.id for hit in alone] == [hit.id for hit in hits[:k]]


def test_feedback_becomes_a_pilot(index, router) -> None:
    text = "number 777 of the museum"
    hit = index.search("Spare part red")[0]
    pilots = confirmed(router.pilots, index.experts.hybrid(), index.spaces.own.signature, text, hit)
    assert len(pilots) == len(router.pilots) + 1
    assert hit.chunk.doc_id in pilots.answered
    [route] = _routes(index, replace(router, pilots=pilots), [text])
    assert route.pilots[0].text == text and route.pilots[0].similarity == pytest.approx(1, abs=1e-3)
    again = confirmed(pilots, index.experts.hybrid(), index.spaces.own.signature, text, hit)
    assert len(again) == len(pilots)


def test_what_belongs_to_a_user_becomes_no_pilot(index, router) -> None:
    hit = index.search("Spare part red")[0]
    owned = replace(hit, chunk=replace(hit.chunk, user="ann"))
    for query, one in ((Query("my part", user="ann"), hit), (Query("my part"), owned)):
        with pytest.raises(BadInput, match="shown to every user"):
            confirmed(router.pilots, index.experts.hybrid(), index.spaces.own.signature, query, one)


def test_an_expert_leaves_exactly(index, collections) -> None:
    """Without a leg the pilots are what they would be had it never been there."""
    signature = index.spaces.own.signature
    twin = replace(index.spaces.own)
    from rag_embed.ranking.legs import DenseLeg

    more = replace(
        index.experts.hybrid(), legs=(*index.experts.hybrid().legs, DenseLeg("twin", twin))
    )
    small = collections[1].subset(list(collections[1].queries)[:8])
    with_ = learned(more, signature, small)
    without = learned(index.experts.hybrid(), signature, small)
    assert with_.legs == ("dense", "lexical", "twin", "tokens")
    left = with_.without_leg("twin")
    assert (left.legs, left.mixtures) == (without.legs, without.mixtures)
    assert left.default == without.default
    for name in ("utilities", "gradients", "hessians"):
        np.testing.assert_allclose(getattr(left, name), getattr(without, name), atol=1e-6)
    with pytest.raises(BadInput, match="default mixture counts"):
        with_.without_leg("dense")
    with pytest.raises(BadInput, match="no leg 'x'"):
        with_.without_leg("x")
    with pytest.raises(BadInput, match="legs differs"):
        with_.joined(without)


def test_gradients_are_taken_at_the_default(index, collections) -> None:
    """A small step against the gradient lowers the pilots' loss."""
    small = collections[0].subset(list(collections[0].queries)[:6])
    pilots = learned(index.experts.hybrid(), index.spaces.own.signature, small)
    slope = pilots.gradients.astype(np.float64).sum(axis=0)
    curvature = pilots.hessians.astype(np.float64).sum(axis=0)
    step = -1e-3 * slope
    assert slope @ step + step @ curvature @ step / 2 < 0
    assert pilots.weights == pytest.approx([0.5, 0.5, 0.125])


@pytest.mark.parametrize("factor", [0.2, 30.0])
def test_a_factor_of_the_default_mixture_changes_no_route(
    index, collections, router, factor
) -> None:
    """Scores are ranked, so their scale says nothing; it did, where the loss was taken at one sharpness."""
    hybrid = index.experts.hybrid()
    scaled = replace(
        hybrid, weights={name: factor * weight for name, weight in hybrid.weights.items()}
    )
    signature = index.spaces.own.signature
    other = PilotRouter(fitted(scaled, signature, collections)[0])
    texts = ["number 1", "where is a bird?"]
    for one, two in zip(_routes(index, router, texts), _routes(index, other, texts), strict=True):
        assert one.weights != pytest.approx(dict(router.pilots.default), rel=1e-3)
        assert {name: w / factor for name, w in two.weights.items()} == pytest.approx(
            one.weights, rel=1e-3, abs=1e-5
        )
        assert two.confidence == pytest.approx(one.confidence, rel=1e-3)


def test_a_router_of_one_sharpness_is_read_as_it_was_meant(index, router, tmp_path) -> None:
    """Format 1 had derivatives by weights that were multiplied by one number."""
    pilots, file = router.pilots, tmp_path / "router.safetensors"
    one = replace(router, pilots=replace(pilots, sharpness=np.full_like(pilots.sharpness, 6.0)))
    save_router(one, file)
    with safe_open(file, "numpy") as opened:
        told = json.loads(opened.metadata()["rag_embed.router"])
    arrays = {name: getattr(pilots, name) for name in ARRAYS[:-1]}
    arrays |= {"gradients": pilots.gradients / 6, "hessians": pilots.hessians / 36}
    file.write_bytes(packed(arrays, {**told, "format": 1, "sharpness": 6.0}))
    texts = ["number 1", "where is a bird?"]
    for old, new in zip(
        _routes(index, load_router(file), texts), _routes(index, one, texts), strict=True
    ):
        assert old.weights == pytest.approx(new.weights, rel=1e-4)


def test_saved_and_loaded(index, router, tmp_path) -> None:
    hard = replace(router, mode="paper", paper=Paper("max", "dot", "split", 0.01), soft=Soft(9))
    save_router(hard, tmp_path / "r" / "router.safetensors")
    again = load_router(tmp_path / "r" / "router.safetensors")
    assert (again.mode, again.soft, again.paper) == (hard.mode, hard.soft, hard.paper)
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["router.safetensors"]
    texts = ["number 1", "where is a bird?"]
    for mode in ("soft", "paper"):
        one, other = (_routes(index, replace(r, mode=mode), texts) for r in (hard, again))
        assert one == other


def test_damaged_files_are_refused(router, tmp_path) -> None:
    file = tmp_path / "router.safetensors"
    with pytest.raises(BadInput, match="no file"):
        load_router(file)
    save_router(router, file)
    whole = file.read_bytes()
    for damaged in (b"", b"{", whole[:-1], whole[:40] + b"x" + whole[41:], save({}, {"a": "b"})):
        file.write_bytes(damaged)
        with pytest.raises(BadInput, match="holds no router"):
            load_router(file)
    file.write_bytes(whole.replace(b'format\\": 2', b'format\\": 9'))
    with pytest.raises(BadInput, match="has format 9, this version reads up to 2"):
        load_router(file)


def test_known_documents_cannot_be_reported_on(index, router, collections) -> None:
    with pytest.raises(BadInput, match="answers a pilot too"):
        measure_routing(index.experts.hybrid(), router, [collections[0]])


def test_bad_settings(router, index) -> None:
    for build in (
        lambda: Soft(neighbours=0),
        lambda: Soft(ridge=0.0),
        lambda: Soft(far=0.5, near=0.5),
        lambda: Paper(aggregation="median"),
        lambda: Soft(ridge=float("nan")),
        lambda: Soft(temperature="1"),
        lambda: Paper(margin=-1.0),
        lambda: Paper(margin="1"),
        lambda: replace(router.pilots, sharpness=router.pilots.sharpness * np.nan),
        lambda: replace(router.pilots, sharpness=router.pilots.sharpness * 0),
        lambda: replace(router, mode="hard"),
        lambda: PilotRouter(router.pilots.only([])),
        lambda: replace(router.pilots, texts=router.pilots.texts[1:]),
    ):
        with pytest.raises(BadInput):
            build()
    with pytest.raises(SpaceMismatch):
        router.route([Query("x")], np.zeros((1, 3), np.float32))
    with pytest.raises(SpaceMismatch):
        router.pilots.joined(replace(router.pilots, model="another"))
    with pytest.raises(BadInput, match="compares vectors"):
        replace(index.experts.hybrid(), weights={"lexical": 1.0}, router=router)


def _routes(index, router, texts):
    return router.route([Query(text) for text in texts], index.spaces.own.encode_query(texts))
