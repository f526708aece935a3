"""How lexical search sees a text: words, lower case, folded accents, no stop words, stems.

Every store analyses a text once, when it is written, and a query when it is asked; nothing else cuts words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from threading import local
from typing import Any

from rag_embed.errors import BadInput
from rag_embed.languages import detected, function_words, written_like
from rag_embed.spelling import folded, spelt

VERSION = 4
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

AUTO = "auto"
"""The language of each text is that which its function words say; see `Analyzer`."""


@dataclass(frozen=True, slots=True)
class Analyzer:
    """Settings of the lexical leg, stored with the index and the same for texts and queries.

    Attributes:
        language: Stemmer to use, one of `LANGUAGES`; or `AUTO`: texts in English and those whose language is
            not known are read as English, others have their own stems beside that, marked with the language.
        stem: Reduce words to stems. Exact names and codes are found a little better without.
        stop_words: Words that do not count. ``None`` means the English list for English, else none; with
            `AUTO` also the function words of the text's language.

    Examples:
        >>> Analyzer().words("The cafés were running")
        ['cafe', 'run']
        >>> Analyzer().words("Die Katzen schlafen auf den Dächern")
        ['katzen', 'schlafen', 'dachern', 'german:katz', 'german:schlaf', 'german:dach']
    """

    language: str = AUTO
    stem: bool = True
    stop_words: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.language not in (AUTO, *LANGUAGES):
            raise BadInput(
                f"Analyzer.language must be {AUTO!r} or one of {', '.join(LANGUAGES)}, got "
                f"{self.language!r}. Languages without a stemmer, Japanese for one, need no setting: "
                f"leave it at {AUTO!r}."
            )

    @property
    def stopped(self) -> tuple[str, ...]:
        """The stop words in force."""
        if self.stop_words is not None:
            return self.stop_words
        return ENGLISH_STOP_WORDS if self._plain == "english" else ()

    @property
    def _plain(self) -> str:
        """The language as which every text is read."""
        return "english" if self.language == AUTO else self.language

    def words(self, text: str) -> list[str]:
        """The words of a text that lexical search counts; none holds white space.

        They are those of `spelling.spelt`, without stop words, reduced to stems and then without accents. A
        word with accents is also known as who leaves them out would spell it: stemmers go by accents.

        Examples:
            >>> Analyzer("portuguese").words("a informação"), Analyzer("portuguese").words("informacao")
            (['a', 'inform', 'informaca'], ['informaca'])
        """
        said = spelt(text)
        return self._read(said, *self._detected(said))

    def asked(self, text: str) -> list[str]:
        """The words of a query: those of a text, and with `AUTO` the stems of every language that it may be in.

        Examples:
            >>> Analyzer().asked("Katze")[:3], len(Analyzer().asked("Katze"))
            (['katz', 'danish:katz', 'dutch:katze'], 14)
            >>> Analyzer().asked("where is the cat")
            ['cat']
        """
        said = spelt(text)
        found = self._detected(said)
        return self._read(said, *(found if found or self.language != AUTO else written_like(said)))

    def readings(self, text: str) -> list[list[str]]:
        """The distinct words of a query, by each language that it is read in; none of a text without words.

        Examples:
            >>> Analyzer().readings("the cat and the cats"), Analyzer().readings("Katze")[:2]
            ([['cat']], [['katz'], ['danish:katz']])
        """
        found: dict[str, list[str]] = {}
        for word in dict.fromkeys(self.asked(text)):
            found.setdefault(word.rpartition(":")[0], []).append(word)
        return list(found.values())

    def _detected(self, said: list[str]) -> tuple[str, ...]:
        return detected(said) if self.language == AUTO else ()

    def _read(self, said: list[str], *languages: str) -> list[str]:
        """Words as every text is read, then their stems in the languages beside English."""
        if "english" in languages:
            languages = ()
        stopped = _set(self.stopped)
        if len(languages) == 1 and self.stop_words is None:
            stopped |= function_words(languages[0])
        said = [word for word in said if word not in stopped]
        words = self._known_as(said, self._plain)
        if self.stem:
            for other in languages:
                words += [f"{other}:{stem}" for stem in self._known_as(said, other)]
        return words

    def _known_as(self, said: list[str], language: str) -> list[str]:
        """The stems of words without accents, and those that who leaves accents out would write."""
        words = [folded(stem) for stem in self._stems(said, language)]
        if all(map(str.isascii, said)):
            return words
        accented = [(bare, i) for i, word in enumerate(said) if (bare := folded(word)) != word]
        unlike = self._stems([bare for bare, _ in accented], language)
        words += [one for one, (_, i) in zip(unlike, accented, strict=True) if one != words[i]]
        return [word for word in words if word]  # of some of Arabic and Greek a stem leaves nothing

    def _stems(self, words: list[str], language: str) -> list[str]:
        if not self.stem:
            return words
        return [*map(_stem(language), words)]


class _Stemmers(local):
    """One for each language and thread: no two threads may use one."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def of(self, language: str) -> Any:  # noqa: ANN401
        import Stemmer  # a compiled module that only analysis needs

        if language not in self._made:
            self._made[language] = Stemmer.Stemmer(language, 0)  # `_stem` remembers
        return self._made[language]


_STEMMERS = _Stemmers()


@cache
def _stem(language: str) -> Callable[[str], str]:
    """The stemmer of a language for a word; words that were met last are remembered."""

    @lru_cache(maxsize=2**16)
    def stem(word: str) -> str:
        found: str = _STEMMERS.of(language).stemWord(word)
        return found

    return stem


@lru_cache(maxsize=64)
def _set(words: tuple[str, ...]) -> frozenset[str]:
    """Remembered, since it is asked for every text."""
    return frozenset(words)
