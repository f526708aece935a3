"""What searches by the vectors of tokens keeps the contracts of everything that searches."""

from __future__ import annotations

import pytest

from rag_embed.encoders import MultiVectorEncoder
from rag_embed.ranking import MaxSimReranker, StoredMaxSimReranker
from rag_embed.situated import situated
from rag_embed.situated.tokens import WithTokens
from rag_embed.testing import (
    ChunkEncoderContract,
    LegContract,
    RerankerContract,
    RetrieverContract,
    indexed,
)
from rag_embed.testing.corpus import corpus, secrets


@pytest.fixture(scope="session")
def encoder(build_colbert, tiny, tmp_path_factory):
    folder = build_colbert(tmp_path_factory.mktemp("models") / "colbert", tiny)
    return MultiVectorEncoder(str(folder), device="cpu")


class TestSpace(ChunkEncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def space(cls, encoder):
        return WithTokens.of(situated("titled+0.25*heading(titled)", encoder))


class TestIndexWithTokens(RetrieverContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls, encoder):
        return lambda documents: indexed(documents[:30] + documents[75:80], encoder).retriever


class TestDense(LegContract):
    @pytest.fixture(scope="class")
    @classmethod
    def index(cls, encoder):
        return indexed(corpus(30), encoder)

    @pytest.fixture(scope="class")
    @classmethod
    def crowded(cls, encoder):
        return indexed([*corpus(30), *secrets()[:5]], encoder)

    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        return lambda index: index.experts.hybrid().legs[0]


MADE = {
    "anew": lambda index: MaxSimReranker(index.spaces.own.space.encoder),
    "stored": lambda index: StoredMaxSimReranker(index.store, index.spaces.own),
}


class TestMaxSim(RerankerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def index(cls, encoder):
        return indexed(corpus(30), encoder)

    @pytest.fixture(scope="class", params=MADE.values(), ids=MADE)
    @classmethod
    def make(cls, request):
        return request.param
