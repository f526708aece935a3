"""What every encoder must do. Subclass `EncoderContract` and give it an ``encoder`` fixture."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rag_embed.protocols import Encoder

TEXTS = [
    "How do I close a file?",
    "a",
    "The quick brown fox jumps over the lazy dog. " * 3,
    "def read(path):\n    return open(path).read()",
    "Prices rose by 4.5 % in 2021, not 3.9 %. " * 12,
    "short text",
    "one two three four five six seven eight nine ten " * 60,
]
ODD = {
    "empty": "",
    "spaces": " \n\t ",
    "nul": "before\0after",
    "surrogate": "left \ud83d right \udc00",
    "emoji": "👩‍👩‍👧 🇫🇷 ok",
    "combining": "e\u0301" * 40,
    "controls": "\x01\x02\ufeff\u200b",
    "long word": "x" * 50_000,
    "megabyte": "lorem ipsum dolor " * 60_000,
}


class EncoderContract:
    """`protocols.Encoder`, and what a row may depend on."""

    @pytest.mark.parametrize("method", ["encode_query", "encode_document"])
    def test_rows_are_float32_contiguous_units(self, encoder: Encoder, method: str) -> None:
        """Queries and documents become float32 unit rows, one per text."""
        rows = getattr(encoder, method)(TEXTS)
        assert rows.dtype == np.float32 and rows.flags.c_contiguous
        assert rows.shape == (len(TEXTS), encoder.signature.dim)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    def test_no_texts_give_no_rows(self, encoder: Encoder) -> None:
        """An empty batch gives an empty matrix of the right width."""
        for rows in (encoder.encode_query([]), encoder.encode_document([])):
            assert rows.shape == (0, encoder.signature.dim) and rows.dtype == np.float32

    def test_different_texts_have_different_rows(self, encoder: Encoder) -> None:
        """No two of the texts share a vector."""
        rows = encoder.encode_document(TEXTS)
        assert (rows @ rows.T - np.eye(len(TEXTS))).max() < 1 - 1e-4

    def test_a_row_depends_on_its_text_alone(self, encoder: Encoder) -> None:
        """Batch, order and neighbours change no bit of a row."""
        together = encoder.encode_document(TEXTS)
        alone = np.concatenate([encoder.encode_document([text]) for text in TEXTS])
        np.testing.assert_array_equal(together, alone)
        order = np.random.default_rng(0).permutation(len(TEXTS))
        shuffled = encoder.encode_document([TEXTS[i] for i in order])
        np.testing.assert_array_equal(shuffled, together[order])
        crowd = encoder.encode_document([*TEXTS, *(f"neighbour {i}" for i in range(70))])
        np.testing.assert_array_equal(crowd[: len(TEXTS)], together)

    def test_repeated_texts_have_one_row(self, encoder: Encoder) -> None:
        """The same text has the same row wherever it stands in a batch."""
        rows = encoder.encode_document(["twice", "once", "twice"])
        np.testing.assert_array_equal(rows[0], rows[2])
        assert not np.array_equal(rows[0], rows[1])

    @pytest.mark.parametrize("name", ODD)
    def test_any_text_has_a_row(self, encoder: Encoder, name: str) -> None:
        """Empty, broken and very long texts get a finite unit row too."""
        rows = encoder.encode_document([ODD[name], "plain", ODD[name]])
        assert np.isfinite(rows).all()
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

    @pytest.mark.parametrize("name", ODD)
    def test_spans_lie_in_the_text_in_order(self, encoder: Encoder, name: str) -> None:
        """Token spans are not empty, in order, and inside the text."""
        spans = encoder.token_spans(ODD[name])
        assert spans.dtype == np.int64 and spans.ndim == 2 and spans.shape[1] == 2
        assert (spans[:, 0] < spans[:, 1]).all()
        assert (np.diff(spans[:, 0]) >= 0).all()
        assert not len(spans) or (spans[0, 0] >= 0 and spans[-1, 1] <= len(ODD[name]))

    def test_spans_are_exact_and_never_cut(self, encoder: Encoder) -> None:
        """All tokens of a long text are there, beyond what the model reads."""
        text = "ab cd, ef! " * 2000
        found = [text[start:end] for start, end in encoder.token_spans(text)]
        assert "".join(found) == text.replace(" ", "")

    def test_threads_get_the_same_rows(self, encoder: Encoder) -> None:
        """Several threads may encode at once."""
        expected = encoder.encode_document(TEXTS)
        with ThreadPoolExecutor(4) as pool:
            for rows in pool.map(lambda _: encoder.encode_document(TEXTS), range(8)):
                np.testing.assert_array_equal(rows, expected)
