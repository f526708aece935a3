"""Extended models situate chunks: windows of a document may be longer than the trained length."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from longcontext.tiny_models import TRAINED, text

from rag_embed import Document
from rag_embed.encoders import SentenceEncoder
from rag_embed.errors import BadInput
from rag_embed.longcontext import extend
from rag_embed.maths.vectors import unit
from rag_embed.situated.late import Late
from rag_embed.situated.residual import Residual
from rag_embed.situated.titled import Titled
from rag_embed.types import Chunk

LONG = 128
KINDS = [
    ("bert", "recurrent"),
    ("roberta", "interpolated"),
    ("mpnet", "grouped"),
    ("nomic_bert", "dynamic"),
    ("modernbert", "self-extend"),
    ("qwen3", "ntk"),
]


def document(tokens, seed=0):
    """A document of that many tokens in chunks of ten words."""
    found = Document(f"d{seed}", text(tokens, seed))
    words = found.text.split()
    starts = np.cumsum([0, *(len(word) + 1 for word in words)])
    edges = [*starts[:-1:10].tolist(), len(found.text)]
    return found, [Chunk.of(found, a, b) for a, b in pairwise(edges)]


@pytest.mark.parametrize("kind, method", KINDS)
def test_a_chunk_is_the_mean_of_its_tokens_in_the_whole_document(tiny, kind, method):
    encoder = SentenceEncoder.wrap(extend(tiny(kind), LONG, method))
    base = SentenceEncoder.wrap(tiny(kind))
    group = document(100)
    rows = Late(encoder).encode_chunks([group])
    [states] = encoder.model.encode([group[0].text], output_value="token_embeddings")
    spans = encoder.token_spans(group[0].text)
    states = states.numpy()[1 : 1 + len(spans)]
    for chunk, row in zip(group[1], rows, strict=True):
        mine = (spans[:, 0] < chunk.end) & (spans[:, 1] > chunk.start)
        assert mine.any()
        np.testing.assert_allclose(row, unit(states[mine].mean(axis=0)[None])[0], atol=5e-5)
    with pytest.raises(BadInput, match=f"at most {TRAINED} tokens"):
        Late(base, window=LONG)
    assert np.abs(rows - Late(base).encode_chunks([group])).max() > 1e-3


@pytest.mark.parametrize("kind, method", KINDS)
def test_chunks_see_beyond_the_trained_length(tiny, kind, method):
    """A word more than ``TRAINED`` tokens before a chunk moves its vector, and only when extended."""
    encoder = SentenceEncoder.wrap(extend(tiny(kind), LONG, method))
    base = SentenceEncoder.wrap(tiny(kind))
    group = document(100)
    words = group[0].text.split()
    other = Document("d0", " ".join(["w7" if words[0] != "w7" else "w8", *words[1:]]))
    shift = len(other.text) - len(group[0].text)
    chunks = [
        Chunk.of(other, max(0, one.start + shift) if i else 0, one.end + shift)
        for i, one in enumerate(group[1])
    ]
    assert [one.text for one in chunks[1:]] == [one.text for one in group[1][1:]]
    before, after = (Late(encoder).encode_chunks([one]) for one in (group, (other, chunks)))
    assert np.abs(before[-1] - after[-1]).max() > 1e-5
    before, after = (Late(base).encode_chunks([one]) for one in (group, (other, chunks)))
    np.testing.assert_array_equal(before[-1], after[-1])


@pytest.mark.parametrize("kind, method", [("bert", "recurrent"), ("modernbert", "self-extend")])
def test_residual_of_short_and_long(tiny, kind, method):
    encoder = SentenceEncoder.wrap(extend(tiny(kind), LONG, method))
    own, late = Titled(encoder), Late(encoder, window=LONG, overlap=16)
    space = Residual(own, late, 0.5)
    groups = [document(240, 1), document(20, 2), document(100, 3)]
    expected = unit(own.encode_chunks(groups) + 0.5 * late.encode_chunks(groups))
    rows = space.encode_chunks(groups)
    np.testing.assert_allclose(rows, expected, atol=1e-6)
    counts = np.cumsum([len(chunks) for _, chunks in groups])
    alone = [space.encode_chunks([one]) for one in groups]
    for some, one in zip(np.split(rows, counts[:-1]), alone, strict=True):
        np.testing.assert_array_equal(some, one)
    base = SentenceEncoder.wrap(tiny(kind))
    short = Residual(Titled(base), Late(base, overlap=8), 0.5)
    assert space.signature.difference(short.signature)
    # A chunk alone is within the trained length: its own part is that of the model as it was.
    np.testing.assert_array_equal(own.encode_chunks(groups), Titled(base).encode_chunks(groups))


def test_documents_within_the_trained_length_are_situated_as_before(tiny):
    group = document(TRAINED)
    base, long = (
        SentenceEncoder.wrap(tiny("bert")),
        SentenceEncoder.wrap(extend(tiny("bert"), LONG, "interpolated")),
    )
    for one in (Late(base), Residual(Titled(base), Late(base), 0.5)):
        other = Late(long) if isinstance(one, Late) else Residual(Titled(long), Late(long), 0.5)
        np.testing.assert_array_equal(other.encode_chunks([group]), one.encode_chunks([group]))
