"""Where the tokens of a text lie, by what is known of its words."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from rag_embed.types import Spans

_MOST = 1 << 19
"""Characters of the words that are remembered, about; some 20 MB with what is known of them."""

_GAP, _SIGN, _LETTER, _CONTROL = range(4)


def _kinds() -> npt.NDArray[np.uint8]:
    kinds = np.full(0x3002, _LETTER, np.uint8)
    for code in range(len(kinds)):
        if chr(code).isspace():
            dropped = unicodedata.category(chr(code)) == "Cc" and chr(code) not in "\t\n\r"
            kinds[code] = _CONTROL if dropped else _GAP
    kinds[[ord(one) for one in string.punctuation]] = _SIGN
    return kinds


_KINDS = _kinds()
"""Of each character up to the last space of Unicode, and of all others at once; BERT drops control characters,
even those that Python takes for white space."""

_INVISIBLE = re.compile(r"[^ -~]+")


class WordSpans:
    r"""Token spans put together from those of words, each of which is tokenised once.

    A tokenizer of BERT's kind parts a text at white space and around every sign of punctuation, and cuts
    what is between into tokens without a look at the rest. Most words of a text were in it before, or in
    one before it, and need not be tokenised again.

    Args:
        read: Spans of the tokens of a text, by the tokenizer itself.
        marks: Added tokens, which a tokenizer looks for before it parts a text: one that holds a mark is
            read as a whole.
        folded: Those of them that it looks for without case, accents and control characters.

    Examples:
        >>> def read(text):
        ...     print(text.split())
        ...     return np.array([match.span() for match in re.finditer(r"\w+", text)])
        >>> words = WordSpans(read)
        >>> words.spans("No one. No!").tolist()
        ['No', 'one']
        [[0, 2], [3, 6], [6, 7], [8, 10], [10, 11]]
    """

    def __init__(
        self,
        read: Callable[[str], Spans],
        marks: Sequence[str] = (),
        folded: Sequence[str] = (),
    ) -> None:
        self._read = read
        self._marks = marks
        self._folded = [_folded(mark) for mark in folded]
        self._known: dict[str, bytes] = {}
        self._size = 0

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> WordSpans | None:
        """For a tokenizer that pads and cuts nothing; None where it does not go by words alone."""
        normalizer = tokenizer.normalizer
        if not (
            isinstance(normalizer, BertNormalizer)
            and normalizer.clean_text
            and isinstance(tokenizer.pre_tokenizer, BertPreTokenizer)
            and isinstance(tokenizer.model, WordPiece)
        ):
            return None
        added = tokenizer.get_added_tokens_decoder().values()
        marks = [one.content for one in added]
        if any(_INVISIBLE.search(mark) or " " in mark for mark in marks):
            return None
        return cls(
            partial(read, tokenizer), marks, [one.content for one in added if one.normalized]
        )

    def spans(self, text: str) -> Spans:
        """``(n, 2)`` character offsets of all tokens that stand for characters, in order."""
        if any(mark in text for mark in self._marks):
            return self._read(text)
        if self._folded:
            plain = _folded(text)
            if any(mark in plain for mark in self._folded):
                return self._read(text)
        letters = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        kinds = _KINDS[np.minimum(letters, len(_KINDS) - 1)]
        within = kinds >= _LETTER
        begins = kinds == _SIGN
        begins[0] |= within[0]
        begins[1:] |= within[1:] & ~within[:-1]
        starts = np.flatnonzero(begins)
        is_word = within[starts]
        found = self._found(_words(letters, kinds))
        counts = np.ones(len(starts), np.int64)  # a sign is a token
        counts[is_word] = np.fromiter(map(len, found), np.int64, len(found)) // 8
        base = np.repeat(starts, counts)
        spans = np.stack((base, base + 1), axis=1)
        spans[np.repeat(is_word, counts)] += np.frombuffer(b"".join(found), np.int32).reshape(-1, 2)
        return spans

    def _found(self, words: Sequence[str]) -> list[bytes]:
        """Per word where its tokens start and end, less the span of its first character; int32."""
        known = self._known
        try:
            return [known[word] for word in words]
        except KeyError:  # threads may learn the same word beside one another
            if self._size > _MOST:
                known = self._known = {}
                self._size = 0
            self._size += self._learn(list({word: 0 for word in words if word not in known}), known)
        return [known[word] for word in words]

    def _learn(self, words: Sequence[str], known: dict[str, bytes]) -> int:
        """Read words once; how many characters they have."""
        spans = self._read("\n".join(words))
        ends = np.cumsum([len(word) + 1 for word in words])
        nth = np.searchsorted(ends, spans[:, 0], side="right")
        starts = np.concatenate(([0], ends[:-1]))
        pairs = (spans - starts[nth][:, None] - (0, 1)).astype(np.int32)
        cuts = np.searchsorted(nth, np.arange(len(words) + 1)).tolist()
        for word, first, last in zip(words, cuts[:-1], cuts[1:], strict=True):
            known[word] = pairs[first:last].tobytes()
        return int(ends[-1])


def read(tokenizer: Tokenizer, text: str) -> Spans:
    """``(n, 2)`` character offsets of all tokens that stand for characters, by the tokenizer itself."""
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets
    spans = np.array(offsets, dtype=np.int64).reshape(-1, 2)
    return spans[spans[:, 1] > spans[:, 0]]


def _words(letters: npt.NDArray[np.uint32], kinds: npt.NDArray[np.uint8]) -> list[str]:
    shown = np.where(kinds >= _LETTER, letters, ord(" "))
    shown[kinds == _CONTROL] = 1  # dropped as well, and no white space to Python
    return shown.astype(np.uint32, copy=False).tobytes().decode("utf-32-le").split()


def _folded(text: str) -> str:
    """All of a text that can be part of an ASCII token once case, accents and control characters are gone."""
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
    return _INVISIBLE.sub("", text.lower())
