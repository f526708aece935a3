"""What every sparse encoder must do. Subclass `SparseEncoderContract` and give it an ``encoder`` fixture."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rag_embed.protocols import SparseEncoder
from rag_embed.testing.encoder import ODD, TEXTS
from rag_embed.types import SparseVector


class SparseEncoderContract:
    """The laws of `protocols.SparseEncoder`, and what a vector may depend on."""

    @pytest.mark.parametrize("method", ["encode_query", "encode_document"])
    def test_vectors_name_terms_in_order(self, encoder: SparseEncoder, method: str) -> None:
        """Distinct terms of the vocabulary, ascending, with finite weights above 0."""
        rows = getattr(encoder, method)(TEXTS)
        assert len(rows) == len(TEXTS) and any(len(row.ids) for row in rows)
        for row in rows:
            assert row.ids.dtype == np.int32 and row.weights.dtype == np.float32
            assert row.ids.shape == row.weights.shape and (np.diff(row.ids) > 0).all()
            assert ((row.ids >= 0) & (row.ids < encoder.signature.dim)).all()
            assert (row.weights > 0).all() and np.isfinite(row.weights).all()

    def test_no_texts_give_no_vectors(self, encoder: SparseEncoder) -> None:
        """An empty batch gives an empty list."""
        assert encoder.encode_query([]) == [] and encoder.encode_document([]) == []

    def test_a_vector_depends_on_its_text_alone(self, encoder: SparseEncoder) -> None:
        """Batch, order and neighbours change no bit of a vector."""
        together = encoder.encode_document(TEXTS)
        same(together, [encoder.encode_document([text])[0] for text in TEXTS])
        same(together[::-1], encoder.encode_document(TEXTS[::-1]))
        crowd = encoder.encode_document([*TEXTS, *(f"neighbour {i}" for i in range(20)), *TEXTS])
        same(together, crowd[: len(TEXTS)])
        same(together, crowd[-len(TEXTS) :])

    @pytest.mark.parametrize("name", ODD)
    def test_any_text_has_a_vector(self, encoder: SparseEncoder, name: str) -> None:
        """Empty, broken and very long texts get a vector too, if an empty one."""
        first, _, last = encoder.encode_document([ODD[name], "plain", ODD[name]])
        same([first], [last])
        assert np.isfinite(encoder.encode_query([ODD[name]])[0].weights).all()

    def test_terms_are_written(self, encoder: SparseEncoder) -> None:
        """Every term has a name that can be shown."""
        [row] = encoder.encode_document([TEXTS[0]])
        names = encoder.terms(row.ids.tolist())
        assert len(names) == len(row.ids) and all(isinstance(one, str) and one for one in names)

    def test_threads_get_the_same_vectors(self, encoder: SparseEncoder) -> None:
        """Several threads may encode at once."""
        expected = encoder.encode_document(TEXTS)
        with ThreadPoolExecutor(4) as pool:
            for rows in pool.map(lambda _: encoder.encode_document(TEXTS), range(4)):
                same(rows, expected)


def same(some: Sequence[SparseVector], others: Sequence[SparseVector]) -> None:
    """Check that vectors are the same to the last bit."""
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.weights, other.weights)
