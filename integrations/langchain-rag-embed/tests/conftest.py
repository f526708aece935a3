"""Shared by the tests of the LangChain adapter."""

from __future__ import annotations

import os

import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder, load

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the model comes from an installed wheel

TEXTS = {
    "fox": "The red fox hunts mice in the snow.",
    "sea": "The deep blue sea is full of fish.",
    "mice": "Mice hide in the barn when a red fox comes near.",
    "bread": "Bread needs flour, water, salt and time.",
    "fish": "Fish soup is made of fish, water and salt.",
}
YEARS = {"fox": 2019, "sea": 2020, "mice": 2021, "bread": 2022, "fish": 2023}


class Counting:
    """An encoder that counts the calls of ``encode_query`` and ``encode_document``."""

    def __init__(self) -> None:
        self._encoder = HashEncoder()
        self.queries: list[int] = []
        self.documents: list[int] = []

    @property
    def signature(self):
        return self._encoder.signature

    def encode_query(self, texts):
        self.queries.append(len(texts))
        return self._encoder.encode_query(texts)

    def encode_document(self, texts):
        self.documents.append(len(texts))
        return self._encoder.encode_document(texts)

    def token_spans(self, text):
        return self._encoder.token_spans(text)


@pytest.fixture(scope="session")
def minilm():
    return load()


@pytest.fixture
def counting():
    return Counting()


def documents():
    for id, text in TEXTS.items():
        yield Document(id, text, title=id.title(), metadata={"year": YEARS[id], "about": id})
    yield Document("private", "Ada's red fox is called Rob.", user="ada")


@pytest.fixture
def index(counting, tmp_path):
    """Six documents in LanceDB, one of them Ada's own."""
    index = Index.create(tmp_path / "kb", encoder=counting)
    index.add(documents())
    counting.queries.clear()
    counting.documents.clear()
    return index
