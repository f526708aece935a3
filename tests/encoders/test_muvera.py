"""Fixed dimensional encodings: their dot products approximate MaxSim, better with more repetitions."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import MultiVectorEncoder, Muvera
from rag_embed.encoders.muvera import _maker
from rag_embed.errors import BadInput, MissingExtra, SpaceMismatch
from rag_embed.maths.chamfer import chamfer
from rag_embed.maths.vectors import unit
from rag_embed.ranking.multivector import MaxSimReranker
from rag_embed.ranking.rerank import Reranked
from rag_embed.testing.encoder import TEXTS


def test_a_missing_package_is_told_at_once() -> None:
    code = "import sys; sys.modules['fastembed'] = None\n"
    code += "from rag_embed.encoders import Muvera\nMuvera()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode and MissingExtra.__name__ in done.stderr
    assert "pip install " in done.stderr and "[muvera]'" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [{"dim": 0}, {"repetitions": 0}, {"hyperplanes": 13}, {"projection": 200}, {"seed": -1}],
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(BadInput, match=f"Muvera.{next(iter(wrong))}"):
        Muvera(**wrong)


needs_fastembed = pytest.mark.skipif(
    find_spec("fastembed") is None, reason="needs fastembed, the extra muvera"
)


def tokens(rng: np.random.Generator, n: int, dim: int):
    return unit(rng.normal(size=(n, dim)))


@needs_fastembed
def test_every_part_holds_what_the_paper_says() -> None:
    """Section 2: sums for queries, means for documents, a nearest token where a part is empty."""
    rng = np.random.default_rng(0)
    muvera = Muvera(dim=8, repetitions=4, hyperplanes=3, projection=8)  # 8 of 8: not projected
    query, document = tokens(rng, 6, 8), tokens(rng, 5, 8)
    shape = (muvera.repetitions, 8, 8)
    asked, found = muvera.query(query).reshape(shape), muvera.document(document).reshape(shape)
    assert muvera.size == asked.size and asked.dtype == found.dtype == np.float32
    empty = 0
    for repetition, one in enumerate(_maker(muvera).simhash_projections):
        q_side, d_side = query @ one.simhash_vectors > 0, document @ one.simhash_vectors > 0
        for part in range(8):
            side = [bool(part >> bit & 1) for bit in range(3)]
            here = query[(q_side == side).all(axis=1)]
            np.testing.assert_allclose(asked[repetition, part], here.sum(axis=0), atol=1e-6)
            away = (d_side != side).sum(axis=1)
            near = document[away == away.min()]
            if away.min() == 0:
                np.testing.assert_allclose(found[repetition, part], near.mean(axis=0), atol=1e-6)
            else:
                empty += 1
                assert np.abs(near - found[repetition, part]).sum(axis=1).min() < 1e-5
    assert empty > 4


@needs_fastembed
def test_dot_products_follow_maxsim_and_repetitions_help() -> None:
    rng = np.random.default_rng(1)
    query = tokens(rng, 8, 64)
    documents = [  # each holds some of the query's tokens, more or less blurred
        unit(np.concatenate([query[: i % 9] + rng.normal(size=(i % 9, 64)) * (i % 5) / 20, noise]))
        for i, noise in enumerate(rng.normal(size=(120, 12, 64)) / 8)
    ]
    exact = chamfer(query, documents)
    follows = {}
    for repetitions in (1, 5, 40):
        found = []
        for seed in range(5):
            muvera = Muvera(64, repetitions=repetitions, hyperplanes=3, projection=8, seed=seed)
            rows = np.stack([muvera.document(one) for one in documents])
            found.append(np.corrcoef(exact, rows @ muvera.query(query))[0, 1])
        follows[repetitions] = float(np.mean(found))
    assert follows[1] + 0.1 < follows[5] < follows[40] and follows[40] > 0.85, follows


@needs_fastembed
def test_a_name_stands_for_one_encoding() -> None:
    assert Muvera().name == Muvera().name and Muvera().size == 1280
    others = [Muvera(seed=1), Muvera(repetitions=10), Muvera(hyperplanes=4), Muvera(dim=64)]
    assert len({Muvera().name, *(one.name for one in others)}) == 5
    with pytest.raises(BadInput, match="Muvera.dim"):
        Muvera().query(np.ones((2, 64), np.float32))
    with pytest.raises(BadInput, match="1 or more"):
        Muvera().document(np.ones((0, 128), np.float32))


@needs_fastembed
@pytest.mark.parametrize("kind", ["lance", "memory"])
def test_a_multivector_model_searches_by_its_encodings(build_colbert, tiny, tmp_path, kind) -> None:
    folder = build_colbert(tmp_path / "colbert", tiny)
    muvera = Muvera(dim=16, repetitions=20, hyperplanes=2, projection=4)
    encoder = MultiVectorEncoder(str(folder), device="cpu", muvera=muvera)
    assert encoder.signature.dim == 320 and encoder.signature.pooling == muvera.name
    texts = {f"d{i}": text for i, text in enumerate(TEXTS)}
    rows, kept = encoder.encode_document_tokens(TEXTS, lambda tokens: tokens.rows.copy())
    expected = unit(np.stack([muvera.document(one) for one in kept]))
    np.testing.assert_allclose(rows, expected, atol=1e-6)
    [query] = encoder.encode_query_tokens(["quick fox"], lambda tokens: tokens.rows.copy())[1]
    asked = unit(muvera.query(query)[None])
    np.testing.assert_allclose(encoder.encode_query(["quick fox"]), asked, atol=1e-6)
    if kind == "memory":
        index = Index.in_memory(encoder=encoder, chunk_tokens=None)
    else:
        index = Index.create(tmp_path / "kb", encoder=encoder, chunk_tokens=None)
    index.add(Document(id, text) for id, text in texts.items())
    exact = Reranked(index.retriever, MaxSimReranker(encoder))
    found = exact.retrieve([Query("quick fox", k=len(TEXTS))])[0]
    scores = chamfer(query, kept)
    assert [hit.chunk.doc_id for hit in found] == [f"d{i}" for i in np.argsort(-scores)]
    hits = index.search("quick fox", k=len(TEXTS))
    cosines = {h.chunk.doc_id: p.raw for h in hits for p in h.parts if p.leg == "dense"}
    for i, row in enumerate(rows):
        assert cosines[f"d{i}"] == pytest.approx(float(row @ asked[0]), abs=1e-5)
    if kind == "lance":
        assert Index.open(tmp_path / "kb", encoder=encoder).search("quick fox", k=7) == hits
        plain = MultiVectorEncoder(str(folder), device="cpu")
        with pytest.raises(SpaceMismatch, match="pooling"):
            Index.open(tmp_path / "kb", encoder=plain)


@needs_fastembed
def test_encodings_for_another_length_are_refused(build_colbert, tiny, tmp_path) -> None:
    folder = build_colbert(tmp_path / "colbert", tiny)
    with pytest.raises(BadInput, match=r"Muvera\(dim=16\)"):
        MultiVectorEncoder(str(folder), device="cpu", muvera=Muvera(dim=128))
