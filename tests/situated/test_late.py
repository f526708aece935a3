"""Late chunking: alignment, invariants, and the vectors against a computation with torch alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from encoders.conftest import write_tiny
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder, SentenceEncoder
from rag_embed.encoders.word_tokens import word_spans
from rag_embed.errors import BadInput
from rag_embed.maths.vectors import unit
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.ranking.relevance import default
from rag_embed.ranking.token_evidence import TokenStage
from rag_embed.ranking.weights import WEIGHTS
from rag_embed.situated import late as module
from rag_embed.situated.expressions import situated
from rag_embed.situated.late import Late
from rag_embed.situated.titled import Isolated, Titled
from rag_embed.situated.tokens import WithTokens
from rag_embed.situated.windows import windows
from rag_embed.stores.memory import MemoryStore
from rag_embed.testing import ChunkEncoderContract
from rag_embed.types import Chunk, ChunkRows, Query

WORDS = ["fox", "sea", "red", "of", "the", "whale", "a", "night", "hunts"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> SentenceEncoder:
    """A random BERT that reads 64 tokens; a token is a letter."""
    return SentenceEncoder(str(write_tiny(tmp_path_factory.mktemp("model") / "tiny")), device="cpu")


class TestContract(ChunkEncoderContract):
    @pytest.fixture(params=["late(16,4)", "titled+0.25*late(16,4,titled)"])
    def space(self, request, encoder):
        return situated(request.param, encoder)


def cut(document: Document, *ends: int) -> list[Chunk]:
    """Chunks between the offsets."""
    starts = (0, *ends)
    stops = (*ends, len(document.text))
    return [Chunk.of(document, a, b) for a, b in zip(starts, stops, strict=True)]


def words(n: int, seed: int = 0) -> str:
    picked = np.random.default_rng(seed).integers(0, len(WORDS), n)
    return " ".join(WORDS[i] for i in picked)


@st.composite
def documents(draw):
    text = " ".join(draw(st.lists(st.sampled_from([*WORDS, "\n", "!"]), max_size=80)))
    edges = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    document = Document("d", text)
    size = draw(st.integers(4, 30))
    return document, cut(document, *edges), size, draw(st.integers(0, size // 2 - 1))


@given(documents())
def test_every_token_of_a_chunk_is_read_once_and_in_order(case) -> None:
    document, chunks, size, overlap = case
    spans = word_spans(document.text)
    found = windows(document, chunks, spans, size, overlap, head="head ")
    read: dict[int, list[str]] = {}
    for window in found:
        assert window.text.startswith("head ") and window.tokens <= size
        for piece in window.pieces:
            part = window.text[piece.start : piece.end]
            assert chunks[piece.chunk].text[piece.begins :].startswith(part)
            read.setdefault(piece.chunk, []).append(part)
    for i, chunk in enumerate(chunks):
        parts = read.get(i, [])
        assert "".join("".join(parts).split()) == "".join(chunk.text.split())
        inside = ((spans[:, 0] < chunk.end) & (spans[:, 1] > chunk.start)).sum()
        inside *= chunk.end > chunk.start
        if 0 < inside <= overlap:
            assert len(parts) == 1  # it fits into a window whole


def test_vectors_are_the_means_of_token_states(encoder) -> None:
    document = Document("d", words(70), title="Foxes")
    edge = document.text.index(" ", 150) + 1
    chunks = cut(document, 40, edge)
    space = Late(encoder, overlap=20)
    rows = space.encode_chunks([(document, chunks)])
    model = encoder.model
    expected = []
    for i, chunk in enumerate(chunks):
        states = []
        for window in space.windows_of(document, chunks):
            batch = model.tokenizer(
                [window.text], return_tensors="pt", return_offsets_mapping=True, truncation=True
            )
            offsets = batch.pop("offset_mapping")[0].tolist()
            with torch.inference_mode():
                hidden = model[0].auto_model(**batch).last_hidden_state[0].numpy()
            for piece in (one for one in window.pieces if one.chunk == i):
                assert chunk.text[piece.begins :].startswith(window.text[piece.start : piece.end])
                states += [
                    h
                    for h, (a, b) in zip(hidden, offsets, strict=True)
                    if a < piece.end and b > piece.start and b > a
                ]
        letters = sum(not letter.isspace() for letter in chunk.text)
        assert len(states) == letters
        expected.append(np.mean(states, axis=0))
    np.testing.assert_allclose(rows, unit(np.array(expected)), atol=2e-5)


def test_a_document_of_one_chunk_has_its_isolated_vector(encoder) -> None:
    document = Document("d", "a red fox", title="Foxes")
    group = [(document, [Chunk.of(document, 0, 9)])]
    isolated, titled = Isolated(encoder), Titled(encoder)
    np.testing.assert_array_equal(Late(encoder).encode_chunks(group), isolated.encode_chunks(group))
    np.testing.assert_array_equal(
        Late(encoder, titled=True).encode_chunks(group), titled.encode_chunks(group)
    )


@pytest.mark.parametrize("seed", range(5))
def test_only_the_own_document_matters(encoder, seed) -> None:
    rng = np.random.default_rng(seed)
    groups = []
    for i, n in enumerate((8, 60, 3, 25)):
        document = Document(f"d{i}", words(n, seed + i), title=["", "Title"][rng.integers(2)])
        edges = rng.choice(np.arange(1, len(document.text)), 2, replace=False)
        groups.append((document, cut(document, *sorted(edges.tolist()))))
    space = Late(encoder, overlap=16, titled=bool(seed % 2))
    rows = np.split(space.encode_chunks(groups), 4)
    order = rng.permutation(4).tolist()
    shuffled = np.split(space.encode_chunks([groups[i] for i in order]), 4)
    for i, some in zip(order, shuffled, strict=True):
        np.testing.assert_array_equal(some, rows[i])
    document, chunks = groups[0]
    longer = Document("d0", document.text + " whales of the sea", document.title)
    same = [Chunk.of(longer, chunk.start, chunk.end) for chunk in chunks]
    changed = space.encode_chunks([(longer, same), *groups[1:]])
    visible = [i for i, chunk in enumerate(chunks) if chunk.text.strip()]
    assert np.abs(changed[visible] - rows[0][visible]).max(axis=1).min() > 1e-4
    np.testing.assert_array_equal(changed[3:], np.concatenate(rows[1:]))


def test_memory_is_bounded_by_slabs_that_change_nothing(encoder, monkeypatch) -> None:
    document = Document("d", words(400))
    groups = [(document, cut(document, 100, 700, 1500)), (Document("e", "fox"), [])]
    seen: list[int] = []
    monkeypatch.setattr(encoder, "encode_document_tokens", counted(encoder, seen))
    whole = Late(encoder).encode_chunks(groups)
    assert len(seen) == 1
    monkeypatch.setattr(module, "_SLAB", 100)
    np.testing.assert_array_equal(Late(encoder).encode_chunks(groups), whole)
    assert len(seen) > 5 and max(seen[1:]) <= 4


def counted(encoder, seen):
    plain = encoder.encode_document_tokens

    def encode(texts, keep):
        seen.append(len(texts))
        return plain(texts, keep)

    return encode


def test_n_chunks_in_n_rows_out_whatever_they_hold(encoder) -> None:
    empty = Document("empty", "", title="Foxes")
    blank = Document("blank", "fox    sea", title="Whales")
    groups = [
        (empty, [Chunk.of(empty, 0, 0)]),
        (blank, [Chunk.of(blank, 0, 3), Chunk.of(blank, 4, 6), Chunk.of(blank, 7, 10)]),
        (Document("none", "fox"), []),
    ]
    rows, kept = Late(encoder).encode_chunk_tokens(groups, lambda tokens: len(tokens.ids))
    assert rows.shape == (4, 32) and kept == [0, 3, 0, 3]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(rows[0], encoder.encode_document(["Foxes"])[0])
    assert Late(encoder).encode_chunks([]).shape == (0, 32)


def test_tokens_carry_the_document_and_their_places_in_the_chunk(encoder) -> None:
    document = Document("d", words(60))
    chunks = cut(document, 30, 160)
    alone: list = Isolated(encoder).encode_chunk_tokens([(document, chunks)], lambda t: t)[1]
    rows, within = Late(encoder).encode_chunk_tokens([(document, chunks)], lambda t: t)
    np.testing.assert_array_equal(rows, Late(encoder).encode_chunks([(document, chunks)]))
    for chunk, a, b in zip(chunks, alone, within, strict=True):
        letters = [i for i, letter in enumerate(chunk.text) if not letter.isspace()]
        assert b.spans[:, 0].tolist() == letters
        n = len(a.ids)  # a chunk alone begins a word at its edge, within the document it may not
        assert a.ids[5:].tolist() == b.ids[5:n].tolist()
        assert np.abs(a.rows - b.rows[:n]).max() > 1e-3


def test_late_with_token_evidence_is_searched(encoder) -> None:
    space = WithTokens.of(Late(encoder))
    document = Document("d", words(50))
    rows, bits = space.encode_chunk_tokens([(document, cut(document, 100))])
    assert [len(one.ids) for one in bits] == [
        sum(not letter.isspace() for letter in chunk.text) for chunk in cut(document, 100)
    ]
    assert space.signature.chunks == "late(64,16)" and space.signature.tokens == "sign bits"
    store = MemoryStore({"dense": 32}, tokens=["dense"])
    stored = ChunkRows(cut(document, 100), {"dense": rows}, {"dense": bits})
    store.replace([(document, "h")], stored)
    legs, stages = (DenseLeg("dense", space), LexicalLeg()), (TokenStage(space),)
    hybrid = Hybrid(store, legs, WEIGHTS, default(space.signature.fingerprint), stages)
    [hits] = hybrid.retrieve([Query("red fox")])
    assert {part.leg for part in hits[0].parts} == {"dense", "lexical", "tokens"}


def test_a_window_beyond_the_trained_length_follows_the_model(encoder) -> None:
    """What `rag_embed.longcontext` extends is read in longer windows."""
    document = Document("d", words(40))
    short = Late(encoder, window=32, overlap=8)
    assert len(short.windows_of(document, cut(document, 50))) > 1
    assert short.signature.chunks == "late(32,8)"
    assert all(w.tokens <= 30 for w in short.windows_of(document, cut(document, 50)))


@pytest.mark.parametrize("options", [{"window": 65}, {"overlap": 32}, {"overlap": -1}])
def test_windows_that_do_not_fit_are_refused(encoder, options) -> None:
    with pytest.raises(BadInput, match="at most 64 tokens|must be an integer >= 0"):
        Late(encoder, **{"overlap": 8, **options})


def test_an_encoder_without_tokens_is_refused() -> None:
    with pytest.raises(BadInput, match="HashEncoder gives no token vectors"):
        Late(HashEncoder())
    with pytest.raises(BadInput, match="no token vectors"):
        Index.in_memory(encoder=HashEncoder(), situate=Late)
