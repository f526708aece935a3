"""The words of a text in any script: what is one word, in which spellings it is known, lower case.

Scripts without spaces are cut into pairs of neighbours: of characters for Chinese, Japanese and Korean, as
Lucene's CJKAnalyzer does, and of syllable signs with their marks for Thai and its kind. What programs and
people write as one word of several is known as a whole and by its parts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regex import Match, Pattern

LONGEST = 128
"""Characters of a word at most, as many as a SHA-512 has; longer ones are data."""

_PLAIN = re.compile(r"[^\W_]+")
_SPACED = re.compile(r"[\u0000-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u20cf\u2100-\u2bff]*")
"""Latin, Greek and Cyrillic without marks of their own, and signs: nothing that `_PLAIN` would cut wrongly."""

_INVISIBLE: dict[int, str | None] = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_INVISIBLE[0x2010] = "-"
_SOFT_BREAK = re.compile(r"\u00ad(?=\r?\n)")
"""A soft hyphen that is seen, since a line ends there."""

_VOCALISED = ("HEBREW", "ARABIC")
_TATWEEL = "\u0640"
"""Marks that Hebrew and Arabic are mostly written without, and what only makes a word longer."""

_RUNS = (("_", re.compile(r"\w+")), (".", re.compile(r"[0-9.]+")), ("&", re.compile(r"[\w&]+")))
"""What is known as a whole where it has such a mark inside: ``snake_case``, ``3.11``, ``AT&T``."""

_SIGNS = {".": re.compile(r"\.[0-9]"), "-": re.compile("-[0-9]")}
"""What no text is without that has a word with such a mark; of others, the mark itself."""

_SHORT = 8
"""Characters of a name with ``&`` at most; longer ones are parts of addresses."""

_JOINED = (
    ("+", re.compile(r"\b[A-Za-z]\+\+(?!\w)")),  # C++
    ("#", re.compile(r"\b[A-Za-z]#(?!\w)")),  # C#
    ("-", re.compile(r"\b([A-Za-z]+)-([0-9]+)\b")),  # PPR-9087
    ("-\n", re.compile(r"\b([^\W\d_]+)-\n[ \t]*([^\W\d_]+)")),  # broken at the end of a line
    ("-\r\n", re.compile(r"\b([^\W\d_]+)-\r\n[ \t]*([^\W\d_]+)")),
)
"""What else is one word, and what no such word is without."""

_CAMEL = re.compile(r"[a-z][A-Z]")
_HUMP = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_CODE = re.compile(r"([A-Za-z]{2,})([0-9]{2,})")


def spelt(text: str) -> list[str]:
    """The words of a text in order, then those that are written as one of several.

    Compatible forms are one (ligatures, full and half width, raised digits), soft hyphens and other invisible
    characters are none. ``getUserName`` is known by its parts too, ``snake_case`` and ``3.11`` also as a whole,
    ``PPR-9087`` as ``PPR9087``, a word broken at the end of a line in one piece. Names with dots are
    known by their parts alone: as a whole, the address of a site outweighed what was asked about it.

    Examples:
        >>> spelt("The ﬁrst getUserName of AT&T")
        ['the', 'first', 'getusername', 'get', 'user', 'name', 'of', 'at', 't', 'at&t']
        >>> spelt("東京都へ")
        ['東京', '京都', '都へ']
    """
    text = _composed(text)
    found: list[str] = []
    for word in _PLAIN.findall(text) if _SPACED.fullmatch(text) else _anywhere(text):
        if len(word) <= LONGEST:
            found += _known(word)
    return found + [word.lower() for word in _joined(text) if len(word) <= LONGEST]


def in_order(text: str) -> list[str]:
    """The words of a text as they follow each other, as they are written; of scripts without spaces each sign.

    Examples:
        >>> in_order("The getUserName of AT&T"), in_order("東京へ")
        (['The', 'getUserName', 'of', 'AT', 'T'], ['東', '京', 'へ'])
    """
    text = _composed(text)
    if _SPACED.fullmatch(text):
        return _PLAIN.findall(text)
    return [sign for run in _runs().finditer(text) for sign in _signs(run)]


def _composed(text: str) -> str:
    if text.isascii():
        return text
    if "\u00ad" in text:
        text = _SOFT_BREAK.sub("-", text)
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE)


def folded(word: str) -> str:
    """A word with Latin letters without their accents, Hebrew and Arabic ones without marks of vowels.

    Examples:
        >>> folded("łódź"), folded("język"), folded("йод"), folded("שָׁלוֹם")
        ('lodz', 'jezyk', 'йод', 'שלום')
    """
    if word.isascii():
        return word
    letters = [_folded(letter) for letter in word]
    return "".join(
        letter
        for before, letter in zip(["", *letters], letters, strict=False)
        if not (before.isascii() and before and unicodedata.combining(letter[:1] or " "))
    )


@lru_cache(maxsize=2**16)
def _known(word: str) -> list[str]:
    """A word and its parts; nobody may change the list."""
    plain = word.isdigit() or (word.isalpha() and word[1:].islower())
    return [word.lower()] if plain else [word.lower(), *_parts(word)]


def _parts(word: str) -> list[str]:
    """The words that one is made of, where letters or digits show it."""
    if _CAMEL.search(word):
        return [part.lower() for part in _HUMP.findall(word) if len(part) > 1]
    if code := _CODE.fullmatch(word):
        return [part.lower() for part in code.groups()]
    return []


def _joined(text: str) -> Iterator[str]:
    """What is one word though characters between words are in it."""
    for mark, pattern in _RUNS:
        for run in pattern.findall(text) if _signed(text, mark) else ():
            word = run.strip(mark)
            if mark in word and (mark != "&" or len(word) <= _SHORT):
                yield word
    for mark, pattern in _JOINED:
        if _signed(text, mark):
            yield from map("".join, pattern.findall(text))


def _signed(text: str, mark: str) -> bool:
    return mark in text and (mark not in _SIGNS or bool(_SIGNS[mark].search(text)))


def _anywhere(text: str) -> Iterator[str]:
    for run in _runs().finditer(text):
        signs = _signs(run)
        paired = run.lastgroup is not None and len(signs) > 1
        yield from map("".join, pairwise(signs)) if paired else signs


def _signs(run: Match[str]) -> list[str]:
    """A word between spaces; the signs of a run that has none, each with its marks."""
    if run.lastgroup is None:
        return [run.group()]
    return list(run.group()) if run.lastgroup == "cjk" else _clusters().findall(run.group())


@cache
def _runs() -> Pattern[str]:
    """Words between spaces, and runs of scripts that have none."""
    import regex  # knows scripts and marks, which most texts need not

    cjk = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\u30fc"
    syllables = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
    return regex.compile(
        rf"(?P<cjk>[[{cjk}]&&[\p{{L}}\p{{N}}]]+)"
        rf"|(?P<syllables>[[{syllables}]&&\p{{L}}][[{syllables}]&&[\p{{L}}\p{{M}}]]*)"
        rf"|[[\p{{L}}\p{{N}}]--[{cjk}{syllables}]][[\p{{L}}\p{{N}}\p{{M}}]--[{cjk}{syllables}]]*",
        regex.V1,
    )


@cache
def _clusters() -> Pattern[str]:
    import regex

    return regex.compile(r"\p{L}\p{M}*|\p{M}+")


_LATIN = {"\u00df": "ss", "\u00e6": "ae", "\u0153": "oe", "\u00f8": "o", "\u0111": "d"}
_LATIN |= {"\u0142": "l", "\u00fe": "th", "\u00f0": "d", "\u0131": "i", "\u0127": "h"}


@cache
def _folded(letter: str) -> str:
    if letter in _LATIN:
        return _LATIN[letter]
    if letter == _TATWEEL or (
        unicodedata.combining(letter) and unicodedata.name(letter, "").startswith(_VOCALISED)
    ):
        return ""
    if letter.isascii() or not unicodedata.name(letter, "").startswith("LATIN"):
        return letter
    return "".join(c for c in unicodedata.normalize("NFKD", letter) if c.isalnum())
