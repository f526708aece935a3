"""How lexical search sees a text: words, lower case, folded accents, no stop words, stems.

Every store analyses a text once, when it is written, and a query when it is asked; nothing else cuts words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from threading import local
from typing import Any

from rag_embed.errors import BadInput

VERSION = 2
"""Number of the rules by which `Analyzer.words` cuts, kept with an index. Who changes what it gives adds
one: every index is then analysed anew when it is next opened."""

ENGLISH_STOP_WORDS = tuple(
    re.findall(
        r"\w+",
        """
    a about above after again against all am an and any are as at be because been before being
    below between both but by can cannot could d did do does doing down during each few for
    from further had has have having he her here hers herself him himself his how i if in into
    is it its itself just ll m me more most my myself no nor not now of off on once only or
    other our ours ourselves out over own re s same she should so some such t than that the
    their theirs them themselves then there these they this those through to too under until
    up ve very was we were what when where which while who whom why will with would you your
    yours yourself yourselves
    """,
    )
)
"""The usual English function words (the Snowball list, contractions cut at their apostrophe)."""

LANGUAGES = (
    "arabic",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
)
"""Languages that have a stemmer."""

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Analyzer:
    """Settings of the lexical leg, stored with the index and the same for texts and queries.

    Attributes:
        language: Stemmer to use, one of `LANGUAGES`.
        stem: Reduce words to stems. Exact names and codes are found a little better without.
        stop_words: Words that do not count. ``None`` means the English list for English, else none.

    Examples:
        >>> Analyzer().words("The cafés were running")
        ['cafe', 'run']
    """

    language: str = "english"
    stem: bool = True
    stop_words: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise BadInput(f"Analyzer.language must be one of {LANGUAGES}, got {self.language!r}.")

    @property
    def stopped(self) -> tuple[str, ...]:
        """The stop words in force."""
        if self.stop_words is not None:
            return self.stop_words
        return ENGLISH_STOP_WORDS if self.language == "english" else ()

    def words(self, text: str) -> list[str]:
        """The words of a text that lexical search counts, in order; none holds white space."""
        return [word for _, word in self.pairs(text)]

    def pairs(self, text: str) -> list[tuple[str, str]]:
        """Each word that counts as it is written, and as `words` gives it.

        Examples:
            >>> Analyzer().pairs("The cafés")
            [('cafés', 'cafe')]
        """
        said = [word for word in _WORD.findall(text) if len(word.encode()) < _LONGEST]
        stems = self._stems([word.lower() for word in said])
        stopped = set(self.blocked)
        both = zip(said, stems, strict=True)
        return [
            (one, stem if stem.isascii() else "".join(map(_folded, stem)))
            for one, stem in both
            if stem and stem not in stopped  # of some words of Arabic and Greek nothing is left
        ]

    @property
    def blocked(self) -> tuple[str, ...]:
        """The stop words and their stems: words are dropped after stemming ("any" is "ani")."""
        return _blocked(self)

    def _stems(self, words: list[str]) -> list[str]:
        if not self.stem:
            return words
        stems: list[str] = _STEMMERS.of(self.language).stemWords(words)
        return stems


class _Stemmers(local):
    """One for each language and thread: they remember words, and no two threads may use one."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def of(self, language: str) -> Any:  # noqa: ANN401
        import Stemmer  # a compiled module that only analysis needs

        if language not in self._made:
            self._made[language] = Stemmer.Stemmer(language)
        return self._made[language]


_STEMMERS = _Stemmers()

_LATIN = {"\u00df": "ss", "\u00e6": "ae", "\u0153": "oe", "\u00f8": "o", "\u0111": "d"}
_LATIN |= {"\u0142": "l", "\u00fe": "th", "\u00f0": "d", "\u0131": "i", "\u0127": "h"}


_FOLDED = ("LATIN", "SUPERSCRIPT", "SUBSCRIPT", "FULLWIDTH")


@cache
def _folded(letter: str) -> str:
    """A Latin letter without its accent; every other character as it is."""
    if letter in _LATIN:
        return _LATIN[letter]
    if letter.isascii() or not unicodedata.name(letter, "").startswith(_FOLDED):
        return letter
    return "".join(c for c in unicodedata.normalize("NFKD", letter) if c.isalnum())


@lru_cache(maxsize=64)
def _blocked(analyzer: Analyzer) -> tuple[str, ...]:
    """Remembered, since it is asked for every text and takes longer than all the rest."""
    stopped = analyzer.stopped
    return tuple(dict.fromkeys((*stopped, *analyzer._stems(list(stopped)))))
