"""An index, a retriever over it, and the framework's events."""

from __future__ import annotations

import pytest
from llama_index.core.bridge.pydantic import Field
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.retrievers.rag_embed import RagEmbedRetriever

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder

TEXTS = {
    "fox": ("The red fox runs fast.", {"year": 2018, "lang": "en"}, None),
    "sea": ("The blue sea is deep.", {"year": 2020, "lang": "de"}, None),
    "wolf": ("A grey wolf howls.", {"year": 2022, "lang": "en"}, None),
    "note": ("A red note of Ada.", {"rag_embed": "mine", "tags": ["a"]}, "ada"),
}


class Counting(HashEncoder):
    """Remembers what queries it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []

    def encode_query(self, texts, /):
        self.asked.append(list(texts))
        return super().encode_query(texts)


@pytest.fixture
def encoder():
    return Counting()


@pytest.fixture
def index(encoder):
    index = Index.in_memory(encoder=encoder, fields={"year": int})
    index.add(
        Document(id, text, title=id, metadata=metadata, user=user)
        for id, (text, metadata, user) in TEXTS.items()
    )
    return index


@pytest.fixture
def retriever(index):
    return RagEmbedRetriever(index, k=2)


class Events(BaseEventHandler):
    seen: list = Field(default_factory=list)

    def handle(self, event, **kwargs) -> None:
        self.seen.append(event)


@pytest.fixture
def events():
    handler, dispatcher = Events(), get_dispatcher()
    dispatcher.add_event_handler(handler)
    yield handler.seen
    dispatcher.event_handlers.remove(handler)
