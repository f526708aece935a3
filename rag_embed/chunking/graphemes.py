"""Not cutting a visible character in two: surrogates, accents, emoji sequences, flags."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_FARTHEST = 64
"""Longest emoji sequences have about ten code points; text made of accents only has no good cut."""


def safe_cut(text: str, start: int, target: int) -> int:
    r"""The last offset in ``(start, target]`` that splits no visible character.

    When there is none near, the character is split at ``target``; the result is always above
    ``start``, so that cutting makes progress.

    Examples:
        >>> safe_cut("abe\u0301f", 0, 3), safe_cut("abe\u0301f", 0, 2), safe_cut("ab", 0, 0)
        (2, 2, 1)
    """
    target = max(target, start + 1)
    for offset in range(target, max(start, target - _FARTHEST), -1):
        if offset >= len(text) or not _joined(text, start, offset):
            return offset
    return target


def _joined(text: str, start: int, offset: int) -> bool:
    before, after = text[offset - 1], text[offset]
    if after < "\u0300" and before != _JOINER:
        return False
    if before == _JOINER or after == _JOINER:
        return True
    if unicodedata.category(after) in ("Mn", "Me", "Mc") or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    if "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff":
        return True
    if "\U000e0020" <= after <= "\U000e007f":  # tags of a subdivision flag
        return True
    return _flag(before) and _flag(after) and _flags_before(text, start, offset) % 2 == 1


def _flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flags_before(text: str, start: int, offset: int) -> int:
    first = offset
    while first > start and _flag(text[first - 1]) and offset - first < _FARTHEST:
        first -= 1
    return offset - first
