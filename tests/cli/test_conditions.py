"""Conditions as typed in a shell."""

from __future__ import annotations

import pytest

from rag_embed.cli.conditions import parsed
from rag_embed.errors import BadInput
from rag_embed.fields import Fields
from rag_embed.filters import matches

FIELDS = Fields.of({"year": int, "at": "datetime", "day": "date", "tags": list[str]})
ROW = {
    "title": "Guide = long",
    "at": "2024-05-01T12:00:00",
    "day": "2024-05-01",
    "metadata": {
        "n": 2020,
        "text": "2020",
        "draft": True,
        "by": {"name": "Zoë"},
        "labels": ["a b", 7],
        "when": "2024-05-01T14:00:00+02:00",
        "last-seen": 1.5,
    },
}


@pytest.mark.parametrize(
    "condition",
    [
        "metadata.n=2020",
        "metadata.n >= 2020",
        "metadata.n!=2021",
        "metadata.text=2020",
        "metadata.text != 2019",
        "metadata.draft=true",
        "metadata.by.name = Zoë",
        "metadata.by.name>=M",
        "metadata.labels~a b",
        "metadata.labels~7",
        "metadata.labels=7",
        "metadata.when=2024-05-01T12:00:00Z",
        "metadata.when>2024-05-01",
        "metadata.last-seen<2",
        "at=2024-05-01T14:00:00+02:00",
        "at>=2024-05-01",
        "day<2024-05-02",
        "title=Guide = long",
        "title~uide =",
        "metadata.by.name~Zo",
    ],
)
def test_conditions_that_hold(condition) -> None:
    assert matches(parsed([condition], FIELDS), ROW)


@pytest.mark.parametrize(
    "condition",
    [
        "metadata.n=20",
        "metadata.n!=2020",
        "metadata.nope!=1",
        "metadata.n<nan",
        "metadata.labels~a",
        "title~guide",
        "metadata.by.name~zo",
    ],
)
def test_conditions_that_do_not_hold(condition) -> None:
    assert not matches(parsed([condition], FIELDS), ROW)


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ("at>=soon", "'at' is datetime; 'soon'"),
        ("day=2024-13-01", "'day' is date"),
        ("metadata.year=soon", "'metadata.year' is int"),
        ("year=" + "9" * 5000, "'year' is int"),
        ("colour=red", "rag-embed declare KB colour:str"),
        ("at~2024", "~ asks what a list or a text holds: write at=2024"),
        ("metadata.a b=1", "Cannot read"),
    ],
)
def test_conditions_that_cannot_be_read(condition, complaint) -> None:
    with pytest.raises(BadInput, match=complaint):
        parsed([condition], FIELDS)
