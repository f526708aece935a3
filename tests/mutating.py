"""Inputs that almost are right: made of good ones, by a seeded chance."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

PIECES = [
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\r",
    b"\n\n",
    b"---\n",
    b"```",
    b"<!--",
    b"<table>",
    b"</",
    b"&#0;",
    b"&#x110000;",
    b'"',
    b"'",
    b"[[[[",
    b"{{{{",
    b'{"',
    b": ",
    b"- ",
    b"|",
    b"\\",
    b"%PDF",
    b"1e999",
    b"-0",
    b"9" * 400,
    b"\xe2\x80\xae",
    b"\xf0\x9f\xa6\x8a\xe2\x80\x8d",
    b"\xcc\x81" * 9,
    b"../" * 5,
    b"' OR 1=1 --",
    b"\x1b[2J",
    b"null",
    b"NaN",
]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400, 1.5, -0.0, float("nan"), float("inf"),
    "", "a", "\x00", "\ud800", "\u202e", "x" * 5000, "1", "2020-01-01", "../..", "__class__", "'", "NaN", "ann",
    [], [[]], [None], {}, {"": 0}, {"gte": {}}, [[[[[[[[]]]]]]]], ["a"] * 200, {"a": {"b": {"c": 1}}},
]  # fmt: skip
LONGEST = 1 << 16


def mutated(chance: random.Random, seeds: list[bytes]) -> bytes:
    """Bytes that begin as one of the seeds."""
    content = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        start = chance.randint(0, len(content))
        end = min(len(content), start + int(chance.expovariate(1 / 16)))
        match chance.randrange(7):
            case 0 if content:
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            case 1:
                del content[start:end]
            case 2:
                content[start:start] = chance.choice(PIECES)
            case 3:
                other = chance.choice(seeds)
                at = chance.randint(0, len(other))
                content[start:end] = other[at : at + int(chance.expovariate(1 / 64))]
            case 4:
                content[start:end] = content[start:end] * int(chance.expovariate(1 / 40))
            case 5:
                content[start:start] = chance.choice(PIECES) * int(chance.expovariate(1 / 200))
            case 6:
                del content[start:]
        del content[LONGEST:]
    return bytes(content)


def garbled(chance: random.Random, seeds: list[Any]) -> Any:
    """A JSON value that begins as one of the seeds."""
    value = [deepcopy(chance.choice(seeds))]
    for _ in range(chance.choice((1, 1, 2, 4))):
        holder, key = chance.choice(list(_places(value)))
        match chance.randrange(5):
            case 0:
                holder[key] = deepcopy(chance.choice(VALUES))
            case 1:
                holder[key] = [holder[key]] * chance.choice((1, 3))
            case 2:
                holder[key] = {chance.choice(("gte", "", "in", "x", "missing")): holder[key]}
            case 3 if isinstance(holder, dict):
                holder[str(chance.choice(("", "user", "k", key, f"{key} ", "\x00")))] = holder.pop(
                    key
                )
            case 4 if isinstance(holder, dict):
                del holder[key]
    return value[0]


def _places(holder: Any):
    """All places in a value, as what holds them and the key."""
    for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from _places(holder[key])
