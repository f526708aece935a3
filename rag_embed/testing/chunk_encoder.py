"""`ChunkEncoderContract`: what every way to situate chunks must do."""

from __future__ import annotations

import os

import numpy as np
import pytest

from rag_embed.chunking import TokenSplitter
from rag_embed.encoders import HashEncoder
from rag_embed.protocols import ChunkEncoder, SituatedSpace
from rag_embed.types import Cut, Document

_SPLITTER = TokenSplitter(HashEncoder(8), 14, 0)


def cut(document: Document) -> Cut:
    """A document in its chunks."""
    return Cut(document, _SPLITTER.split(document))


CUTS = [
    cut(
        Document("a", "# Foxes\n\nThe fox is red. It hunts mice.\n\n## Cubs\n\nThey play.", "Foxes")
    ),
    cut(Document("b", "The sea is blue and deep. Ships sail on it. Whales sing in it.", "The sea")),
    cut(Document("c", "One sentence without a title.")),
    cut(Document("d", "odd \0 text 👩‍👩‍👧 e\u0301 with words. " * 4, "", {"year": 3}, "ann")),
]


class ChunkEncoderContract:
    """The laws of `protocols.ChunkEncoder`. Subclass it and give it a ``space`` fixture.

    Examples:
        >>> import pytest
        >>> from rag_embed.situated.expressions import situated
        >>> class TestTitled(ChunkEncoderContract):
        ...     @pytest.fixture(scope="class")
        ...     @classmethod
        ...     def space(cls):
        ...         return situated("titled", HashEncoder(32))
    """

    def test_each_chunk_has_a_unit_row(self, space: ChunkEncoder) -> None:
        """float32 rows of all documents' chunks, in order; no rows for no documents."""
        rows, dim = space.encode_chunks(CUTS), space.signature.dim
        assert rows.shape == (sum(len(one.chunks) for one in CUTS), dim)
        assert rows.dtype == np.float32 and rows.flags.c_contiguous
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        assert space.encode_chunks([]).shape == (0, dim)

    def test_queries_lie_in_the_same_space(self, space: ChunkEncoder) -> None:
        """Unit rows of the same length, which depend on their text alone."""
        texts = ["where does the fox hunt?", "whales", "a"]
        rows = space.encode_query(texts)
        assert rows.shape == (3, space.signature.dim) and rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        for text, row in zip(texts, rows, strict=True):
            np.testing.assert_allclose(space.encode_query([text])[0], row, atol=1e-6)
        assert space.encode_query([]).shape == (0, space.signature.dim)

    def test_a_row_depends_on_its_document_alone(self, space: ChunkEncoder) -> None:
        """Other documents of a batch, and their order, change nothing: not all belong to one user."""
        together = space.encode_chunks(CUTS)
        alone = np.concatenate([space.encode_chunks([one]) for one in CUTS])
        np.testing.assert_allclose(alone, together, atol=1e-6)
        backwards = [space.encode_chunks(CUTS[::-1])]
        np.testing.assert_allclose(
            np.sort(backwards[0], axis=0), np.sort(together, axis=0), atol=1e-6
        )
        np.testing.assert_array_equal(space.encode_chunks(CUTS), together)

    def test_the_signature_tells_how_chunks_are_encoded(self, space: ChunkEncoder) -> None:
        """It is its encoder's, with a name for the way; the same at each call."""
        own, base = space.signature, space.encoder.signature
        assert own.chunks and own == space.signature
        assert (own.weights, own.max_tokens) == (base.weights, base.max_tokens)

    def test_what_it_says_of_chunks_is_one_thing_each(self, space: ChunkEncoder) -> None:
        """For a `protocols.SituatedSpace`: digests, lexical texts and shown texts, one a chunk."""
        if not isinstance(space, SituatedSpace):
            pytest.skip("this space says nothing about its chunks")
        space.encode_chunks(CUTS)
        count = sum(len(one.chunks) for one in CUTS)
        for found in (space.sources(CUTS), space.written(CUTS), space.shown(CUTS)):
            assert found is None or len(found) == count
        assert space.sources(CUTS) == space.sources(CUTS)
        assert all(os.path.isabs(file) for file in space.kept_in())
        space.forget("nobody", [one.document for one in CUTS])
        space.forget("nobody", [Document("never seen", "text")])

    def test_equal_digests_mean_equal_rows(self, space: ChunkEncoder) -> None:
        """Whatever changes a chunk's vector changes its digest, or it would keep the old vector."""
        if not isinstance(space, SituatedSpace):
            pytest.skip("this space says nothing about its chunks")
        text = CUTS[0].document.text
        changed = [
            cut(Document("a", text, "Wolves")),
            cut(Document("a", text.replace("Cubs", "The young"), "Foxes")),
            cut(Document("a", text.replace("mice", "rabbits and hares"), "Foxes")),
            cut(Document("a", f"{text} And sleep.", "Foxes")),
            cut(Document("a", text, "Foxes", {"year": 9})),
        ]
        rows: dict[str, np.ndarray] = {}
        for one in [CUTS[0], *changed]:
            digests = space.sources([one])
            if digests is None:
                pytest.skip("this space does not know what its vectors depend on")
            for digest, row in zip(digests, space.encode_chunks([one]), strict=True):
                np.testing.assert_allclose(rows.setdefault(digest, row), row, atol=1e-6)
