# ruff: noqa: RUF001, SIM905 - punctuation of many scripts is meant; words read best as text
"""Where sentences start, by offsets and a few rules; no language pack.

A wrong break costs little here (a chunk holds many sentences), so the rules prefer to miss a break
than to cut inside a sentence.
"""

from __future__ import annotations

import re

_CLOSERS = "\"'”’»)\\]}*_`）」』】〉》›"
_STOPS, _WIDE = ".!?…؟۔।॥։።", "。！？｡"
_END = re.compile(  # begins with a set of characters: nothing is tried at others
    rf"[{_STOPS}{_WIDE}](?:(?<=[{_STOPS}])(?<![{_STOPS}][{_STOPS}])[{_STOPS}]*[{_CLOSERS}]*\s+(?=\S)"
    rf"|(?<=[{_WIDE}])[{_WIDE}]*[{_CLOSERS}]*\s*(?=\S))"
)
_MARKS = re.compile(rf"[{_STOPS}]+")
_BEFORE_WORD = re.compile(r"[\s(\[{\"'“‘«„—–/,*_`]+")
_OPENERS = "\"'“‘«„‚([{¿¡*_`"
_CONTINUES = ",;:)]}"
_LONGEST_ABBREVIATION = 16

_NEVER_LAST = frozenset(
    "mr mrs ms mx dr prof rev fr hon st mt gen col capt lt sgt maj gov sen rep pres messrs mme "
    "vs viz cf ca approx dept univ assn bros est esp incl resp fig figs eq eqs ref refs vol vols "
    "ed eds pp jan feb mar apr jun jul aug sep sept oct nov dec bzw ggf evtl usw sog inkl".split()
)
_NUMBERED = frozenset("no nos nr art sec ch pt par app tab op bd".split())
_MAY_BE_LAST = frozenset("etc inc ltd co corp jr sr al bros a.m p.m b.c a.d".split())


def sentence_starts(text: str, start: int = 0, end: int | None = None) -> list[int]:
    """Offsets in ``(start, end)`` at which a further sentence starts, in order.

    A full stop ends no sentence after an abbreviation, an initial or a list number, nor does any
    mark before a lower-case word. Full stops of scripts without spaces need no space after them.

    Args:
        text: Any text; only ``text[start:end]`` is read.
        start: Offset of the first character.
        end: Offset after the last one; None for the end of the text.

    Examples:
        >>> text = 'Dr. Wu paid 3.50 (approx. 4). "Why?" he asked. No one knew...'
        >>> [text[i : i + 6] for i in sentence_starts(text)]
        ['"Why?"', 'No one']
    """
    stop = len(text) if end is None else end
    return [
        match.end() for match in _END.finditer(text, start, stop) if _ends(text, start, stop, match)
    ]


def _ends(text: str, start: int, stop: int, match: re.Match[str]) -> bool:
    marks = _MARKS.match(text, match.start(), stop)
    if marks is None:  # a full stop of a script without spaces
        return True
    first = match.end()
    while first < stop and text[first] in _OPENERS:
        first += 1
    following = text[first] if first < stop else ""
    if following.islower() or following in _CONTINUES:
        return False
    if marks.group() != ".":
        return True
    return not _abbreviated(text, start, match.start(), following)


def _abbreviated(text: str, start: int, dot: int, following: str) -> bool:
    """Whether the full stop at ``dot`` belongs to the word before it."""
    piece = text[max(start, dot - _LONGEST_ABBREVIATION) : dot]
    word = _BEFORE_WORD.split(piece)[-1]
    if word.isdecimal():
        return _starts_line(text, start, dot - len(word))
    lowered = word.lower()
    if lowered in _MAY_BE_LAST:
        return not following.isupper()
    if lowered in _NUMBERED:
        return following.isdecimal()
    if lowered in _NEVER_LAST:
        return True
    letters = word.split(".")
    if len(letters) == 1:  # "I" is a word far more often than an initial
        return len(word) == 1 and word != "I" and (word.isupper() or word.islower())
    return all(len(part) <= 2 and part.isalpha() for part in letters)


def _starts_line(text: str, start: int, offset: int) -> bool:
    while offset > start and text[offset - 1] in " \t>":
        offset -= 1
    return offset == start or text[offset - 1] in "\r\n"
