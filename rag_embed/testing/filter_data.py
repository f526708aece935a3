"""Odd values in metadata, and filters about them, for `filters.FilterLaws`."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta, timezone
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from rag_embed.filters import And, Filter, Not, Or, field

UTC = timezone.utc
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
INF = float("inf")
BIG = 2**63
YEAR, SCORE, LANG, TAGS, DRAFT = map(field, ("year", "score", "lang", "tags", "draft"))
AT, DAY, FREE = field("at"), field("day"), field("metadata.free")

ODD: list[dict[str, Any]] = [
    {"year": BIG - 1, "score": 2.0**53, "lang": "a\0b", "free": BIG, "tags": [], "draft": True},
    {"year": -BIG, "score": float("nan"), "lang": "", "free": 2**53 + 1, "tags": [""]},
    {"year": 0, "score": -float("nan"), "lang": "\ud800", "free": "\ud800", "tags": ["x", "\x00"]},
    {"year": 1, "score": INF, "lang": "~", "free": float("nan"), "tags": ["x y", "z"]},
    {"year": 2**53 + 1, "score": -INF, "lang": "\U0010ffff", "free": [1, "1", True, None]},
    {"score": -0.0, "lang": "\ue000", "free": "2024-05-01T14:00:00+02:00", "draft": False},
    {"score": 5e-324, "at": NOON, "day": date(2024, 5, 1), "free": ["2024-05-01", "x"]},
    {"score": 1e300, "at": NOON + timedelta(microseconds=1), "free": date(2024, 5, 1)},
    {"score": 0.1, "at": datetime(1, 1, 1), "day": date(1, 1, 1), "free": {"a": {"b": 1}}},
    {"at": datetime(9999, 12, 31, 23, 59, 59, 999999), "day": date(9999, 12, 31)},
    {"free": datetime(2024, 5, 1, 12), "tags": ["x"]},
]
"""Metadata of documents ``"0"``, ``"1"`` and so on."""

VALUES: list[Any] = [
    0,
    1,
    -1,
    BIG,
    BIG - 1,
    -BIG,
    -BIG - 1,
    2**53,
    2**53 + 1,
    10**300,
    0.0,
    -0.0,
    0.1,
]
VALUES += [2.0**53, 2.0**63, 1e300, 5e-324, INF, -INF, "", "x", "~", "\ud800", "\ufffd", "a\0b"]
VALUES += ["\ue000", "\U0010ffff", "x\x1fz", "1", True, False, NOON, date(2024, 5, 1)]
VALUES += [NOON.astimezone(timezone(timedelta(hours=-7))), datetime(2024, 5, 1, 12)]
VALUES += [datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(1, 1, 1)]
FITTING: dict[str, tuple[type, ...]] = {
    YEAR.name: (int,),
    SCORE.name: (int, float),
    LANG.name: (str,),
    TAGS.name: (str,),
    DRAFT.name: (bool,),
    AT.name: (date,),
    DAY.name: (date,),
    FREE.name: (int, float, str, bool, date),
}


def fitting(name: str) -> list[Any]:
    """The values that a field can be compared with."""
    some = [value for value in VALUES if isinstance(value, FITTING[name])]
    return some if bool in FITTING[name] else [v for v in some if not isinstance(v, bool)]


def any_filter(rng: random.Random, depth: int = 2) -> Filter:
    """A filter at random."""
    if depth and rng.random() < 0.5:
        parts = [any_filter(rng, depth - 1) for _ in range(rng.randint(0, 3))]
        joined: list[Filter] = [And(parts), Or(parts), Not(Or(parts))]
        return rng.choice(joined)
    name = rng.choice(list(FITTING))
    values = fitting(name)
    a_field = field(name)
    if rng.random() < 0.15:
        return a_field.is_missing()
    if rng.random() < 0.2:
        return a_field.is_in(rng.sample(values, min(len(values), rng.randint(0, 4))))
    value: Any = rng.choice(values)
    if name in (TAGS.name, FREE.name) and rng.random() < 0.4:
        return a_field.has(value)
    if name in (LANG.name, FREE.name) and isinstance(value, str) and rng.random() < 0.3:
        return a_field.contains(value)
    if name == TAGS.name:
        equal: Filter = a_field == value
        return equal if rng.random() < 0.5 else ~equal
    found: Filter = rng.choice([eq, ne, lt, le, gt, ge])(a_field, value)
    return found
