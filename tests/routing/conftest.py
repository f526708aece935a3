"""An index where words win for one kind of question and vectors for the other."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed import Document, Index, encoders
from rag_embed.evaluation import Collection

COLOURS = ["red", "blue", "green", "grey", "pink", "brown"]
ANIMALS = ["fox", "whale", "owl", "horse", "frog", "crane", "otter", "lynx"]
CITIES = ["Oslo", "Lima", "Rome", "Kyoto", "Accra", "Quito"]
HINTS = {
    "fox": "a sly hunter with a bushy tail",
    "whale": "the giant of the sea that sings",
    "owl": "a bird that hunts mice at night",
    "horse": "what a rider saddles",
    "frog": "a green jumper of ponds",
    "crane": "a tall wading bird",
    "otter": "a playful swimmer with fur",
    "lynx": "a wild cat with tufted ears",
}


@pytest.fixture(scope="session")
def documents() -> tuple[Document, ...]:
    animals = [
        Document(f"{name}-{city}", f"In {city} one can watch the {name}.", name)
        for name in ANIMALS
        for city in CITIES
    ]
    rng = np.random.default_rng(0)
    codes = [
        Document(f"part-{i}", f"Spare part {rng.integers(10_000, 99_999)} is {COLOURS[i % 6]}.")
        for i in range(60)
    ]
    return (*animals, *codes)


@pytest.fixture(scope="session")
def collections(documents) -> list[Collection]:
    """Questions by meaning, and questions by an exact number."""
    meaning = {
        f"m-{name}-{city}": (f"where near {city} is {HINTS[name]}?", f"{name}-{city}")
        for name in ANIMALS
        for city in CITIES
    }
    numbers = {
        d.id: (f"number {d.text.split()[2]}", d.id) for d in documents if d.id.startswith("part")
    }
    return [
        Collection(
            name,
            documents,
            {id: text for id, (text, _) in asked.items()},
            {id: {answer: 1} for id, (_, answer) in asked.items()},
        )
        for name, asked in (("meaning", meaning), ("numbers", numbers))
    ]


@pytest.fixture(scope="session")
def minilm():
    return encoders.load()


@pytest.fixture(scope="session")
def index(documents, minilm, tmp_path_factory) -> Index:
    index = Index.create(tmp_path_factory.mktemp("routing") / "kb", encoder=minilm, tokens=True)
    index.add(documents)
    return index
