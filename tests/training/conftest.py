"""A small random model for mechanics, the default model and a world in which it can learn something."""

from __future__ import annotations

import os
import random
import runpy
from itertools import product
from pathlib import Path

import pytest

from rag_embed import Document
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.evaluation import Collection
from rag_embed.training.corpus import Corpus
from rag_embed.training.expert import Recipe, train_expert
from rag_embed.training.loop import Schedule
from rag_embed.training.pairs import labelled
from rag_embed.training.splits import split

_WRITE_TINY = runpy.run_path(str(Path(__file__).parents[1] / "encoders" / "conftest.py"))[
    "write_tiny"
]
_WHO = {
    "fox": "Alice",
    "owl": "Bruno",
    "whale": "Carla",
    "baker": "David",
    "spider": "Elena",
    "camel": "Felix",
}
"""Animals and trades, and what queries call them: an adapter can learn the names."""

_WHAT = ["repairs", "paints", "sells", "hides", "borrows", "measures", "steals", "washes"]
_OBJECT = [
    "bridges",
    "candles",
    "letters",
    "maps",
    "clocks",
    "boats",
    "lemons",
    "carpets",
    "mirrors",
    "drums",
]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory) -> Path:
    """Hashes and merged models are never shared with the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("RAG_EMBED_CACHE")
    os.environ["RAG_EMBED_CACHE"] = str(folder)
    yield folder
    del os.environ["RAG_EMBED_CACHE"]
    if before is not None:
        os.environ["RAG_EMBED_CACHE"] = before


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    return _WRITE_TINY(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def small(tiny) -> SentenceEncoder:
    """With random weights: nothing can be learned with it."""
    return SentenceEncoder(str(tiny), device="cpu")


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> SentenceEncoder:
    """The first two of the default model's six layers: enough to learn with, in a third of the time."""
    model = SentenceEncoder(device="cpu").model
    inner = model[0].model
    inner.encoder.layer = inner.encoder.layer[:2]
    inner.config.num_hidden_layers = 2
    folder = tmp_path_factory.mktemp("models") / "two-layers"
    model.save(str(folder))
    return SentenceEncoder(str(folder), device="cpu")


def made(n: int = 160, *, sense: bool = True, seed: int = 0) -> Collection:
    """Who does what; a query asks for it by a name, without sense for something else."""
    rng = random.Random(seed)
    texts = [" ".join(some) for some in rng.sample(list(product(_WHO, _WHAT, _OBJECT)), n)]
    asked = texts if sense else rng.sample(texts, n)
    return Collection(
        "made",
        tuple(Document(f"d{i}", f"The {text} every day.") for i, text in enumerate(texts)),
        {
            f"q{i}": " ".join(_WHO.get(word, word) for word in t.split())
            for i, t in enumerate(asked)
        },
        {f"q{i}": {f"d{i}": 1} for i in range(n)},
    )


@pytest.fixture(scope="session")
def world(encoder):
    """Corpus and split of a collection that can be learned."""
    collection = made()
    return Corpus.of_collection(collection, encoder), split(labelled(collection), held_out=0.4)


QUICK = Recipe(batch=16, schedule=Schedule(epochs=6, learning_rate=8e-3))


@pytest.fixture(scope="session")
def quick() -> Recipe:
    return QUICK


@pytest.fixture(scope="session")
def make_world(encoder):
    """``make_world(sense=False)`` and the like."""

    def make(**options):
        collection = made(**options)
        return Corpus.of_collection(collection, encoder), split(labelled(collection), held_out=0.4)

    return make


@pytest.fixture(scope="session")
def trained(world, quick, tmp_path_factory):
    """The folder of an expert, and its card."""
    folder = tmp_path_factory.mktemp("trained") / "expert"
    corpus, sides = world
    return folder, train_expert(corpus, sides, folder, name="made", data="a test", recipe=quick)


@pytest.fixture(scope="session")
def expert(trained) -> Path:
    return trained[0]
