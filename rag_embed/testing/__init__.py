"""Contracts: what a part must do to be used in a place, as tests to inherit.

Write a part of your own, subclass its contract in a test module, and give it the one fixture that its
docstring names:

    class TestMyEncoder(EncoderContract):
        @pytest.fixture
        def encoder(self):
            return MyEncoder()

Needs pytest and hypothesis, which the extra ``testing`` installs.
"""

import pytest

# Before the modules below are imported, so that a law that does not hold shows the values.
pytest.register_assert_rewrite(
    *(f"rag_embed.testing.{name}" for name in ("chunk_encoder", "encoder", "events", "filters")),
    "rag_embed.testing.sparse_encoder",
    *(f"rag_embed.testing.event_{name}" for name in ("data", "search")),
    *(f"rag_embed.testing.{name}" for name in ("leg", "reranker", "retriever", "router", "stage")),
    *(f"rag_embed.testing.store_{name}" for name in ("finding", "keeping", "owners")),
)

from rag_embed.testing.chunk_encoder import ChunkEncoderContract  # noqa: E402
from rag_embed.testing.corpus import indexed  # noqa: E402
from rag_embed.testing.encoder import EncoderContract  # noqa: E402
from rag_embed.testing.events import EventStoreContract  # noqa: E402
from rag_embed.testing.leg import LegContract  # noqa: E402
from rag_embed.testing.reranker import RerankerContract  # noqa: E402
from rag_embed.testing.retriever import RetrieverContract  # noqa: E402
from rag_embed.testing.router import RouterContract  # noqa: E402
from rag_embed.testing.sparse_encoder import SparseEncoderContract  # noqa: E402
from rag_embed.testing.stage import SecondStageContract  # noqa: E402
from rag_embed.testing.store import StoreContract  # noqa: E402
from rag_embed.testing.store_data import DIM, FIELDS  # noqa: E402

__all__ = [
    "DIM",
    "FIELDS",
    "ChunkEncoderContract",
    "EncoderContract",
    "EventStoreContract",
    "LegContract",
    "RerankerContract",
    "RetrieverContract",
    "RouterContract",
    "SecondStageContract",
    "SparseEncoderContract",
    "StoreContract",
    "indexed",
]
