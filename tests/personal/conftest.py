"""An index about drinks, and people who like different ones."""

from __future__ import annotations

import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.personal.events import UserEvent
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
