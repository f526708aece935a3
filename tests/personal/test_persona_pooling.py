"""Persona-Plug's attention as the pooling of a personal search."""

from __future__ import annotations

import math

import numpy as np
import pytest
from personal.tiny_lms import language_model

from rag_embed import Document, Index, Query
from rag_embed.events import UserEvent
from rag_embed.maths.vectors import unit
from rag_embed.persona.plug import PersonaPlug, PersonaPrompt, Schedule
from rag_embed.persona.pooling import PersonaPooling
from rag_embed.personal.bend import Bend, Personal
from rag_embed.personal.profiles import Profiles
from rag_embed.stores.memory_events import MemoryEvents

TEXTS = ["red mail", "a blue bill", "please file it"]


@pytest.fixture(scope="module")
def plug(encoder) -> PersonaPlug:
    """Trained, so that the input encoder is no longer the history encoder."""
    made = PersonaPlug(encoder, *language_model("gpt2"), temperature=0.1)
    prompts = [PersonaPrompt("file the mail", TEXTS), PersonaPrompt("the bill", TEXTS[1:])]
    made.fit(prompts, ["red", "blue"], Schedule(epochs=5, learning_rate=1e-2))
    assert not np.allclose(made.input_vectors(TEXTS), encoder.encode_query(TEXTS), atol=1e-3)
    return made


@pytest.fixture
def profiles(encoder) -> Profiles:
    known = Profiles(MemoryEvents(32), encoder)
    known.remember([UserEvent.of("ada", text) for text in TEXTS])
    known.remember([UserEvent.of("ben", "green bill", outcome="black mail")])
    return known


def test_weights_are_those_of_the_plug(plug, profiles, encoder) -> None:
    queries = [Query("the mail", user="ada"), Query("the mail", user="ben"), Query("x", user="eve")]
    ada, ben, eve = PersonaPooling(profiles, plug).ask(queries)
    assert eve is None and ada is not None and ben is not None
    row = encoder.encode_query(["the mail"])[0]
    pooled, history = ada(row), profiles.history("ada")
    np.testing.assert_allclose(pooled.shares, plug.attention(history.keys, "the mail"), atol=1e-5)
    np.testing.assert_allclose(pooled.vector, pooled.shares @ history.values, atol=1e-5)
    other = plug.user_vector(history.keys, "the mail")
    np.testing.assert_allclose(
        unit((pooled.shares @ history.keys)[None].astype(np.float32))[0], other, atol=1e-5
    )
    # What was chosen, not what was asked.
    chosen = encoder.encode_document(["black mail"])[0]
    np.testing.assert_allclose(ben(row).vector, chosen, atol=1e-6)


def test_a_query_without_a_text_is_known_by_its_vector(plug, profiles, encoder) -> None:
    row = encoder.encode_query(["a blue bill"])[0]
    (ask,) = PersonaPooling(profiles, plug).ask([Query("", user="ada", vectors={"dense": row})])
    keys = profiles.history("ada").keys.astype(np.float64)
    expected = np.exp(keys @ row / 0.1)
    np.testing.assert_allclose(ask(row).shares, expected / expected.sum(), rtol=1e-4)


def test_infinite_temperature_pools_the_mean(encoder, profiles) -> None:
    plug = PersonaPlug(encoder, *language_model("gpt2"), temperature=math.inf)
    (ask,) = PersonaPooling(profiles, plug).ask([Query("the mail", user="ada")])
    np.testing.assert_allclose(ask(encoder.encode_query(["x"])[0]).shares, np.full(3, 1 / 3))


def test_it_bends_a_search(plug, profiles, encoder) -> None:
    index = Index.in_memory(encoder=encoder)
    index.add([Document(text, text) for text in [*TEXTS, "green bill", "black mail", "zebra"]])
    bend = Bend(PersonaPooling(profiles, plug), encoder, strength=5.0, prior=0.0)
    search = Personal(index.experts.hybrid(), bend)
    query = Query("zebra", k=6, user="ben")
    (hits,) = search.retrieve([query])
    raw = {hit.chunk.doc_id: hit.parts[0].raw for hit in hits}
    assert max(raw, key=raw.get) == "black mail"
    stranger = Query("zebra", k=6, user="eve")
    assert search.retrieve([stranger]) == index.retriever.retrieve([stranger])
