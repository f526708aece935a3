"""Languages that an encoder hardly knows, told by its tokens and vectors alone: no list of models is needed.

A tokenizer has the most frequent words of the languages that it was made for as one piece each, and cuts those
of others up: that of the default model has all such words of English with four letters or more, and 7 % of the
German ones. Words that it cannot even cut have the same vector as each other.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.encoders.word_tokens import word_spans
from rag_embed.languages import detected, function_words
from rag_embed.protocols import Encoder
from rag_embed.spelling import folded, spelt

SHARE = 0.1
"""Of the texts, from which on a language is told of."""

_TEXTS = 3
"""In a language before it is told of: fewer may be a quotation."""

_HALF = 0.5
"""Of the frequent words are known to a model that was trained on a language; see `hardly_known`."""

_MOST = 0.9
"""Of the frequent characters, where each is a syllable or a word: an English vocabulary has many of them."""

_PROBES = 60
_LOOKED_AT = 1000
_SAME = 0.999
_LATIN = "\u024f"
_SYLLABIC = ("Chinese or Japanese", "Korean")
_NAMES = {
    "CJK": "Chinese or Japanese",
    "HIRAGANA": "Chinese or Japanese",
    "KATAKANA": "Chinese or Japanese",
    "HANGUL": "Korean",
}


@dataclass(frozen=True, slots=True)
class HardlyKnown:
    """A language, or a script, that many texts are in and the encoder hardly knows.

    Attributes:
        language: Its name, such as ``"German"``, or ``"Hebrew letters"``.
        share: How many of the texts are in it, of 1.
        known: How many of its most frequent words the encoder knows, of 1.
    """

    language: str
    share: float
    known: float


def hardly_known(encoder: Encoder, texts: Sequence[str]) -> list[HardlyKnown]:
    """Languages but English that a tenth of the texts or more are in, and the encoder hardly knows.

    Of a language that `languages.detected` tells, words that the tokenizer has in one piece are known; of
    others, words whose pieces have two letters or more, or one where letters are syllables. None is known
    whose vector is also that of another.

    Args:
        encoder: The encoder.
        texts: Such as a sample of the chunks of an index.

    Returns:
        The most frequent first.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> hardly_known(HashEncoder(), ["Die Katze schläft auf dem Sofa und nicht im Bett."] * 9)
        []
    """
    said: dict[str, list[str]] = {}
    for text in texts:
        said.setdefault(_language(text), []).append(text)
    found = []
    for language, some in sorted(said.items(), key=lambda item: (-len(item[1]), item[0])):
        share = len(some) / len(texts)
        if language not in ("", "English") and share >= SHARE and len(some) >= _TEXTS:
            known = _known(encoder, language, some)
            if known < (_MOST if language in _SYLLABIC else _HALF):
                found.append(HardlyKnown(language, share, known))
    return found


def _language(text: str) -> str:
    """The language that small words say, or the script; empty for what may be English, code, or neither."""
    if found := detected(spelt(text)):
        return found[0].capitalize()
    letters = [letter for letter in text[:_LOOKED_AT] if letter.isalpha()]
    scripts = Counter(_script(letter) for letter in letters if letter > _LATIN)
    if 2 * scripts.total() <= len(letters):
        return ""
    return scripts.most_common(1)[0][0]


def _script(letter: str) -> str:
    word = unicodedata.name(letter, "unknown").replace("-", " ").split()[0]
    return _NAMES.get(word, f"{word.capitalize()} letters")


def _known(encoder: Encoder, language: str, texts: Iterable[str]) -> float:
    """Share of the most frequent words that an encoder knows."""
    words = _probes(language, texts)
    if not words:
        return 1.0
    pieces = _pieces(encoder, words)
    if pieces is None:
        known = np.ones(len(words), bool)
    elif language in _SYLLABIC:
        known = pieces <= 1
    elif language.endswith(" letters"):
        known = pieces <= np.array([max(len(word) // 2, 1) for word in words])
    else:
        known = pieces == 1
    if known.mean() >= _HALF:
        rows = encoder.encode_document(words)
        known &= (rows @ rows.T > _SAME).sum(axis=1) == 1
    return float(known.mean())


def _probes(language: str, texts: Iterable[str]) -> list[str]:
    """Words of a language that are asked about; no two differ by accents alone."""
    if language in _SYLLABIC:
        counted = Counter(one for text in texts for one in text if one.isalpha() and one > _LATIN)
    elif language.endswith(" letters"):
        counted = Counter(word for text in texts for word in text.lower().split() if word > _LATIN)
    else:
        listed = function_words(language.lower())
        long = sorted(word for word in listed if len(word) > 3)
        counted = Counter(long if len(long) >= _PROBES // 6 else sorted(listed))
    unlike = {folded(word): word for word, _ in counted.most_common()}
    return list(unlike.values())[:_PROBES]


def _pieces(encoder: Encoder, words: Sequence[str]) -> npt.NDArray[np.intp] | None:
    """How many tokens each of some words has where others stand around it; None where nobody knows."""
    text = " ".join(words)
    spans = encoder.token_spans(text)
    if np.array_equal(spans, word_spans(text)):
        return None
    ends, found = np.cumsum([len(word) + 1 for word in words]), spans[:, 1]
    found = found[~np.isin(found, ends)]  # a space that is a token of its own
    return np.bincount(np.searchsorted(ends, found), minlength=len(words))
