"""Every second stage keeps one contract."""

from __future__ import annotations

import pytest

from rag_embed import Index
from rag_embed.ranking import TokenStage
from rag_embed.testing import SecondStageContract
from rag_embed.testing.corpus import corpus, secrets


class TestTokenStage(SecondStageContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        return lambda index: TokenStage(index.spaces.own, stop_words=frozenset({"the"}))

    @pytest.fixture(scope="class")
    @classmethod
    def index(cls) -> Index:
        return with_tokens(corpus(45))

    @pytest.fixture(scope="class")
    @classmethod
    def crowded(cls) -> Index:
        return with_tokens([*corpus(45), *secrets()])


def with_tokens(documents) -> Index:
    index = Index.in_memory(tokens=True, chunk_tokens=14, fields={"year": int})
    index.add(documents)
    return index
