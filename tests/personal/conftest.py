"""An index about drinks, and people who like different ones; a tiny encoder for Persona-Plug."""

from __future__ import annotations

import pytest
import torch
from encoders.conftest import write_tiny

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder, SentenceEncoder
from rag_embed.events import UserEvent
from rag_embed.personal.profiles import Profiles
from rag_embed.stores.memory_events import MemoryEvents

ENCODER = HashEncoder(256)
DRINKS = {
    "wine": "a good drink: red wine of Burgundy",
    "tea": "a good drink: green tea of Uji",
    "cocoa": "a good drink: hot cocoa with milk",
    "water": "a good drink: cold water",
    "other": "bricks and mortar for a wall",
}
LIKES = {"ann": "red wine Burgundy", "ben": "green tea Uji"}


@pytest.fixture
def index() -> Index:
    index = Index.in_memory(encoder=ENCODER, chunk_tokens=None)
    index.add([Document(id, text) for id, text in DRINKS.items()])
    index.add([Document("secret", "a good drink: red wine of the cellar", user="cy")])
    return index


@pytest.fixture
def profiles() -> Profiles:
    profiles = Profiles(MemoryEvents(256), ENCODER)
    profiles.remember(
        UserEvent(
            str(i), user, "what shall I drink", float(i), outcome=f"{text} {i}", kind="choice"
        )
        for user, text in LIKES.items()
        for i in range(4)
    )
    return profiles


@pytest.fixture(scope="module")
def one_thread():
    """Matrices of 16 columns gain nothing from more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("models") / "tiny", prompts={"query": "ask: "})


@pytest.fixture(scope="module")
def encoder(folder) -> SentenceEncoder:
    return SentenceEncoder(str(folder), device="cpu")
