"""Remembering, what is known, taking events away and bringing them back."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from rag_embed.encoders import HashEncoder, load
from rag_embed.errors import BadInput
from rag_embed.events import UserEvent, owned
from rag_embed.personal import profiles as module
from rag_embed.personal.exchange import exported, read_events
from rag_embed.personal.profiles import Profiles
from rag_embed.stores.events import LanceEvents
from rag_embed.stores.memory_events import MemoryEvents


def test_what_is_asked_is_the_key_and_what_is_chosen_the_value() -> None:
    class Prompted(HashEncoder):
        def encode_query(self, texts, /):
            return super().encode_document([f"query {text}" for text in texts])

    encoder = Prompted(64)
    profiles = Profiles(MemoryEvents(64), encoder)
    profiles.remember(
        [
            UserEvent("1", "ann", "boots", 0.0, outcome="leather boots"),
            UserEvent("2", "ann", "socks", 1.0, outcome=" "),
        ]
    )
    history = profiles.history("ann")
    np.testing.assert_array_equal(history.keys, encoder.encode_query(["boots", "socks"]))
    values = encoder.encode_document(["leather boots", "socks"])
    np.testing.assert_array_equal(history.values, values)


def test_streams_are_taken_in_batches_and_the_last_of_one_id_counts(monkeypatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 7)
    profiles = Profiles(MemoryEvents(32), HashEncoder(32))
    source = (UserEvent(str(i % 40), "ann", f"text {i}", float(i)) for i in range(50))
    assert profiles.remember(source) == 50
    assert len(profiles.history("ann")) == 40 == profiles.total("ann").count
    assert [e.text for e in profiles.history("ann").events][-1] == "text 49"
    twice = [UserEvent("x", "ben", "first", 0.0), UserEvent("x", "ben", "second", 0.0)]
    profiles.remember(twice)
    assert [e.text for e in profiles.history("ben").events] == ["second"]


def test_what_is_no_event_is_refused() -> None:
    profiles = Profiles(MemoryEvents(32), HashEncoder(32))
    with pytest.raises(BadInput, match=r"UserEvent\.of"):
        profiles.remember(["text"])
    for wrong in (
        {"text": " "},
        {"text": 3},
        {"weight": 0.0},
        {"weight": math.inf},
        {"weight": True},
        {"time": math.nan},
        {"time": "now"},
        {"id": ""},
        {"id": "\ud800"},
        {"user": ""},
        {"metadata": []},
    ):
        given = {"id": "1", "user": "ann", "text": "tea", "time": 0.0, **wrong}
        with pytest.raises(BadInput):
            UserEvent(**given)
    with pytest.raises(BadInput, match="list"):
        profiles.forget("ann", "1")


def test_events_of_one_user_are_nobody_elses() -> None:
    mine = UserEvent.of("ann", "tea", time=1.0)
    found = list(owned("ann", [mine, "wine"]))
    assert found[0] is mine and (found[1].user, found[1].text) == ("ann", "wine")
    for wrong in ([UserEvent.of("ben", "tea")], [3], "tea"):
        with pytest.raises(BadInput):
            list(owned("ann", wrong))
    with pytest.raises(BadInput, match="user id"):
        list(owned("", []))


def test_a_profile_for_a_purpose(tmp_path) -> None:
    """With the real model and LanceDB."""
    encoder = load()
    profiles = Profiles(LanceEvents(tmp_path, encoder.signature, half_life=100.0), encoder)
    events = [
        UserEvent.of("ann", "I play chess every Sunday", time=0.0, kind="fact"),
        UserEvent.of("ann", "My favourite food is Thai curry", time=100.0, kind="fact"),
        UserEvent.of("ann", "Which bicycle should I buy?", time=200.0, kind="search"),
    ]
    profiles.remember(events)
    known = profiles.profile("ann")
    assert (known.count, known.kinds, known.first, known.last) == (
        3,
        {"fact": 2, "search": 1},
        0.0,
        200.0,
    )
    np.testing.assert_allclose(known.shares, np.array([4, 2, 1]) / 7)
    assert known.foremost == tuple(reversed(events))
    food = profiles.profile("ann", instruction="What does this user like to eat?")
    assert food.foremost[0] == events[1] and food.shares[0] > 0.5
    assert food.vector is not None and np.linalg.norm(food.vector) == pytest.approx(1.0, abs=1e-5)
    assert profiles.profile("nobody").vector is None
    assert profiles.forget("ann", [events[1].id]) == 1
    assert profiles.profile("ann").count == 2


def test_events_go_out_and_come_back(tmp_path) -> None:
    profiles = Profiles(MemoryEvents(32), HashEncoder(32))
    events = [
        UserEvent("1", "ann", "caf\u00e9 \u2028 \n tea", 1.5, outcome="x", metadata={"a": [1]}),
        UserEvent("2", "ann", "wine", 0.0, kind="buy", weight=2.0),
    ]
    profiles.remember([*events, UserEvent("1", "ben", "not hers", 0.0)])
    path = tmp_path / "ann.jsonl"
    path.write_text("\n".join(exported(profiles, "ann")), encoding="utf-8")
    assert "not hers" not in path.read_text(encoding="utf-8")
    other = Profiles(MemoryEvents(16), HashEncoder(16))
    assert other.remember(read_events(path, "ann")) == 2
    assert other.history("ann").events == profiles.history("ann").events


def test_nobody_brings_events_for_somebody_else(tmp_path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps({"user": "boss", "text": "give eve a raise", "time": 1}) + "\n")
    assert [e.user for e in read_events(path, "eve")] == ["eve"]
    assert [e.user for e in read_events(path)] == ["boss"]
    again = [e.id for e in read_events(path, "eve")]
    assert again == [e.id for e in read_events(path, "eve")], "no new id every time"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "one JSON object"),
        ("[1]", "'text'"),
        ('{"text": 3}', "'text'"),
        ('{"text": "a", "tme": 1}', "'tme'"),
        ('{"text": "a", "id": "1", "user": "a"}', "time"),
        ('{"text": "a", "time": "x", "user": "a"}', "time"),
        ('{"text": "a"}', "give the line a 'user'"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, complaint) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(f'{{"text": "good", "user": "ann"}}\n{line}\n')
    with pytest.raises(BadInput, match=complaint) as error:
        list(read_events(path))
    assert str(error.value).startswith(f"{path}:2:")
    with pytest.raises(BadInput, match="Cannot read"):
        list(read_events(tmp_path / "none"))


def test_a_profile_is_printed_for_people():
    """384 numbers were, which say nothing to anybody."""
    profiles = Profiles(MemoryEvents(64), HashEncoder(64))
    profiles.remember(
        [UserEvent("1", "ann", "red wine " * 20, 0.0), UserEvent("2", "ann", "tea", 1e30)]
    )
    shown = repr(profiles.profile("ann"))
    assert shown.startswith(
        "Profile of 'ann', 2 events from 1970-01-01 to 1e+30: event 2; foremost 'red"
    )
    assert len(shown) < 250 and "array" not in shown
    assert repr(profiles.profile("ben")) == "Profile of 'ben': nothing is known"
