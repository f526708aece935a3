"""Values of metadata and of filters: what can be stored, and how two of them compare.

Text, numbers, truth values and times are four kinds. A time is a point in time: an aware
``datetime``; a naive one is in UTC, a ``date`` is the midnight in UTC that it begins with. JSON has no
times, so metadata keeps them as ISO text (``2024-05-01``, ``2024-05-01T09:30:00+02:00``), which a
filter's time is compared with as a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeAlias
from uuid import UUID

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.text import storable

Scalar: TypeAlias = str | int | float | bool | datetime
"""What a filter compares with. Dates, UUIDs, decimals, enums and numpy scalars become one of these."""

Value: TypeAlias = Scalar | date | UUID | Decimal | Enum | np.generic
"""What becomes a `Scalar`."""

Kind: TypeAlias = Literal["text", "number", "bool", "time"]

KINDS: Mapping[type, Kind] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "bool",
    datetime: "time",
}
"""The kind of every `Scalar`."""

_PLAIN = frozenset({int, float, bool})
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_DEEPEST = 100

LONGEST = 10_000
"""Bits of an integer; longer ones are refused by Python's own JSON reader."""


def scalar(value: object) -> Scalar | None:
    """The value as one of the types of `Scalar`; None where it is of no kind.

    Examples:
        >>> from decimal import Decimal
        >>> scalar(np.int32(3)), scalar(Decimal("0.5")), scalar(date(2024, 5, 1)).isoformat()
        (3, 0.5, '2024-05-01T00:00:00+00:00')
    """
    if isinstance(value, int) and value.bit_length() > LONGEST:
        return None
    if type(value) in _PLAIN or (type(value) is str and value.isascii()):
        return value  # type: ignore[return-value]
    if isinstance(value, Enum):
        return scalar(value.value)
    if isinstance(value, np.generic):
        return scalar(_of_numpy(value))
    if isinstance(value, str):
        return storable(str.__str__(value))
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, date):
        return _instant(value)
    if isinstance(value, Decimal):
        return _of_decimal(value)
    return str(value) if isinstance(value, UUID) else None


def _of_numpy(value: np.generic) -> object:
    if isinstance(value, np.datetime64) and not np.isnat(value):
        return value.astype("datetime64[us]").item()
    return value.item() if isinstance(value, np.bool_ | np.number | np.str_) else None


def _of_decimal(value: Decimal) -> int | float | None:
    """The same number; None where neither an integer nor a float writes it with the same digits."""
    if not value.is_finite():
        return None
    if value == value.to_integral_value():
        return int(value) if value.adjusted() < _DEEPEST else None
    near = float(value)
    return near if Decimal(repr(near)) == value else None


def _instant(value: date) -> datetime | None:
    """A point in time in UTC; None outside the years 1 to 9999."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    try:
        moment = value.replace(tzinfo=timezone.utc) if value.utcoffset() is None else value
        moment = moment.astimezone(timezone.utc)
        return datetime.combine(moment.date(), moment.time(), timezone.utc)
    except (OverflowError, ValueError):  # pandas' NaT is a datetime without a date
        return None


def time_of(value: object) -> datetime | None:
    """The point in time that a stored value stands for, ISO text included.

    Examples:
        >>> time_of("2024-05-01T09:30+02:00").isoformat(), time_of("May 1st")
        ('2024-05-01T07:30:00+00:00', None)
    """
    if isinstance(value, date):
        return _instant(value)
    match = _ISO.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    *numbers, fraction, zone = match.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    try:
        local = datetime(
            year, month, day, hour, minute, second, int((fraction or "").ljust(6, "0"))
        )
    except ValueError:
        return None
    if zone is None or zone == "Z":
        return local.replace(tzinfo=timezone.utc)
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    if abs(offset) >= timedelta(days=1):
        return None
    return _instant(local.replace(tzinfo=timezone(offset)))


def since_1970(moment: datetime) -> int:
    """Microseconds between 1970 and an aware time.

    Examples:
        >>> since_1970(datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc))
        1000000
    """
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds: int) -> datetime:
    """The time so many microseconds after 1970, in UTC."""
    return _EPOCH + microseconds * _MICROSECOND


def plain(metadata: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Metadata as JSON keeps it.

    Times become ISO text, UUIDs text, decimals numbers, enums their values, numpy scalars numbers
    or text, tuples lists; half a surrogate pair becomes U+FFFD.

    Args:
        metadata: Any mapping.
        owner: What it is the metadata of, for the message, such as ``"Document 'a'"``.

    Raises:
        BadInput: A value cannot be stored. The message names the owner and the key.

    Examples:
        >>> plain({"day": date(2024, 5, 1), "n": np.int64(3), "pair": (1, None)}, "Document 'a'")
        {'day': '2024-05-01', 'n': 3, 'pair': [1, None]}
    """
    return _mapping(metadata, owner, "", 0)


def _mapping(values: Mapping[Any, Any], owner: str, path: str, depth: int) -> dict[str, Any]:
    found = {}
    for key, value in values.items():
        name = scalar(key)
        if type(name) not in (str, int):
            raise BadInput(f"{owner}: the keys of metadata are str, got {key!r}.")
        found[str(name)] = _json(value, owner, f"{path}.{name}" if path else str(name), depth)
    return found


def _json(value: object, owner: str, path: str, depth: int) -> object:
    if depth > _DEEPEST:
        raise BadInput(f"{owner}: metadata {path[:80]!r}... is nested too deeply; flatten it.")
    if value is None:
        return None
    if isinstance(value, Mapping):
        return _mapping(value, owner, path, depth + 1)
    if isinstance(value, list | tuple):
        return [_json(one, owner, f"{path}[{i}]", depth + 1) for i, one in enumerate(value)]
    found = scalar(value)
    if found is None:
        advice = next((text for kind, text in _ADVICE if isinstance(value, kind)), _REMEDY)
        raise BadInput(
            f"{owner}: metadata {path!r} cannot be stored: it is {shown(value)}. {advice}"
        )
    return _iso(value, found) if isinstance(found, datetime) else found


def _iso(value: object, moment: datetime) -> str:
    """ISO text that says the same time, in the words of the value where that is possible."""
    text = value.isoformat() if isinstance(value, date) else ""
    return text if time_of(text) == moment else moment.isoformat()


def shown(value: object) -> str:
    """What a value is, for a message about one that is of no use."""
    name = type(value).__name__
    return f"an int of {value.bit_length()} bits" if isinstance(value, int) else f"of type {name}"


_REMEDY = "Convert it to a str, number, bool, date, list or dict, or leave it out."
_ADVICE: tuple[tuple[type | tuple[type, ...], str], ...] = (
    ((set, frozenset), "Write sorted(value), a list."),
    (np.ndarray, "Write value.tolist()."),
    (Decimal, "Write float(value) or str(value)."),
    ((bytes, bytearray), "Decode it to a str, or leave it out."),
    (date, "Leave it out, or write it as a str."),
    (int, "Write str(value)."),
)
