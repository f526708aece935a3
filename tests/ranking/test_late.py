"""Token evidence on the real model: what it changes, and what it must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag_embed import Document, Index, Query, encoders
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.maths.maxsim import maxsim, sign_bits
from rag_embed.maths.vectors import unit
from rag_embed.ranking.token_evidence import EQUAL
from rag_embed.situated.tokens import WithTokens
from rag_embed.types import TOKENS

FIRST = ["Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivo", "Jo"]
LIKES = ["quokkas", "barley", "disco", "sapphires", "glaciers", "limes", "chess", "mosaics"]
LIKES += ["tapirs", "opera", "salt", "kites", "ferns", "jazz", "comets", "harps"]


def people() -> list[Document]:
    """Everybody likes eight things; one vector cannot hold which."""
    rng = np.random.default_rng(0)
    return [
        Document(f"{name}{i}", f"{name} likes {', '.join(rng.choice(LIKES, 8, replace=False))}.")
        for i in range(6)
        for name in FIRST
    ]


@pytest.fixture(scope="module")
def minilm():
    return encoders.load()


@pytest.fixture(scope="module", params=["lance", "memory"])
def index(request, minilm, tmp_path_factory):
    if request.param == "memory":
        index = Index.in_memory(encoder=minilm, tokens=True)
    else:
        index = Index.create(tmp_path_factory.mktemp("kb") / "kb", encoder=minilm, tokens=True)
    index.add(people())
    return index


def part(hit, leg: str):
    return next((one for one in hit.parts if one.leg == leg), None)


def test_words_are_found_that_one_vector_blurs(index) -> None:
    dense = {"dense": 1.0}
    plain = replace(index.experts.hybrid(), weights=dense)
    late = replace(index.experts.hybrid(), weights={**dense, TOKENS: 1.0}, depth=len(index))
    pairs = list(zip(LIKES, LIKES[3:] + LIKES[:3], strict=True))
    wanted = [{d.id for d in people() if a in d.text and b in d.text} for a, b in pairs]
    queries = [Query(f"{a} and {b}", k=len(w)) for (a, b), w in zip(pairs, wanted, strict=True)]
    right = [
        sum(
            len(w & {hit.chunk.doc_id for hit in hits})
            for w, hits in zip(wanted, retriever.retrieve(queries), strict=True)
        )
        for retriever in (plain, late)
    ]
    total = sum(map(len, wanted))
    assert right[1] > 0.85 * total and right[0] < 0.75 * total


def test_the_evidence_is_the_formula_on_the_models_tokens(index, minilm) -> None:
    assert isinstance(index.spaces.own, WithTokens)
    text = "disco and limes"
    hit = index.search(text)[0]
    [query] = minilm.encode_query_tokens([text], lambda tokens: tokens)[1]
    [document] = minilm.encode_document_tokens([hit.text], lambda tokens: tokens)[1]
    mean = index.spaces.own.mean
    words = [text[start:end] for start, end in query.spans]
    weights = index.store.view().frequencies("dense").idf(query.ids)
    weights *= [word != "and" for word in words]  # the only stop word
    assert "and" in words
    expected = maxsim(unit(query.rows - mean), weights, [sign_bits(document.rows, mean)])[0]
    assert part(hit, TOKENS).raw == pytest.approx(expected, abs=1e-5)
    assert part(hit, TOKENS).normalised == pytest.approx(expected / EQUAL, abs=1e-4)


def test_stop_words_and_punctuation_have_no_weight(index) -> None:
    hits = index.search("Who is it? (And why?!)", k=40)
    assert hits and all(part(hit, TOKENS) is None for hit in hits)
    [stage] = index.experts.hybrid().stages
    text = "Who's (really) The whoever?"
    kept = stage.said(text, index.spaces.own.read_query([text])[1][0])
    said = {text[start:end].lower() for start, end in kept.spans}
    assert "really" in said and not said & {"the", "(", ")", "?", "'"}
    assert {"who", "ever"} & said or "whoever" in said  # a part of another word is no stop word


def test_the_best_have_evidence_and_stay_in_front(index) -> None:
    hits = index.search("glaciers and barley", k=60)
    late = [part(hit, TOKENS) is not None for hit in hits]
    assert late == [True] * 40 + [False] * 20
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    for hit in hits:
        assert sum(one.contribution for one in hit.parts) == pytest.approx(hit.score, abs=1e-6)
        assert 0.0 <= hit.relevance <= 1.0


def test_fewer_hits_are_a_prefix_of_more(index) -> None:
    full = [hit.id for hit in index.search("sapphires", k=60)]
    for k in (1, 5, 39, 40, 41):
        assert [hit.id for hit in index.search("sapphires", k=k)] == full[:k]


def test_a_batch_answers_like_single_queries(index) -> None:
    texts = ["chess", "Ada likes limes", "chess"]
    together = index.search_many(texts, k=5)
    assert [[h.id for h in hits] for hits in together] == [
        [h.id for h in index.search(text, k=5)] for text in texts
    ]


def test_a_query_that_is_nothing_but_a_vector_has_no_token_evidence(index, minilm) -> None:
    row = minilm.encode_query(["chess"])[0]
    assert part(index.search(Query("", vectors={"dense": row}))[0], TOKENS) is None
    hits = index.search(Query("chess", vectors={"dense": row}))
    assert hits == index.search("chess")
    bent = Query("chess", k=60, vectors={"dense": -row})
    raw = {hit.id: part(hit, TOKENS).raw for hit in hits}
    same = [hit for hit in index.search(bent) if part(hit, TOKENS) and hit.id in raw]
    assert same and all(part(hit, TOKENS).raw == raw[hit.id] for hit in same)


def test_relevance_does_not_depend_on_the_evidence(index) -> None:
    without = {h.id: h.relevance for h in _without(index).retrieve([Query("chess", k=40)])[0]}
    for hit in index.search("chess", k=40):
        assert hit.relevance == pytest.approx(without[hit.id], abs=1e-6)


def _without(index):
    return replace(index.experts.hybrid(), weights={"dense": 0.5, "lexical": 0.5})


def test_without_weight_the_order_is_that_of_the_other_evidence(index, minilm) -> None:
    plain = Index.in_memory(encoder=minilm, tokens=False)
    plain.add(people())
    hits = _without(index).retrieve([Query("disco", k=60)])[0]
    assert [hit.id for hit in hits] == [hit.id for hit in plain.search("disco", k=60)]


def test_filters_owners_and_grouping_hold(minilm) -> None:
    index = Index.in_memory(encoder=minilm, tokens=True, chunk_tokens=8, fields={"n": int})
    for n, owner in enumerate((None, "ann", "bob")):
        text = "Chess is fun.\n\nLimes are sour.\n\nChess takes long."
        index.add([Document(f"d{n}", text, metadata={"n": n}, user=owner)])
    found = index.search("chess", user="ann", k=20)
    assert {hit.chunk.doc_id for hit in found} == {"d0", "d1"}
    grouped = index.search("chess", user="ann", group_by="document")
    assert sorted(hit.chunk.doc_id for hit in grouped) == ["d0", "d1"]
    assert len(index.search("chess", diversity=0.5, k=3)) == 3


def test_an_index_with_tokens_opens_again(tmp_path, minilm) -> None:
    index = Index.create(tmp_path / "kb", encoder=minilm, tokens=True)
    index.add(people())
    again = Index.open(tmp_path / "kb")
    assert isinstance(again.spaces.own, WithTokens)
    np.testing.assert_array_equal(again.spaces.own.mean, index.spaces.own.mean)
    assert again.search("limes") == index.search("limes")
    assert again.add([Document("new", "Kim likes zithers.")]).added == 1
    assert again.search("zithers")[0].chunk.doc_id == "new"


def test_an_encoder_without_tokens_is_refused() -> None:
    with pytest.raises(BadInput, match="HashEncoder gives no token vectors"):
        Index.in_memory(encoder=HashEncoder(), tokens=True)
