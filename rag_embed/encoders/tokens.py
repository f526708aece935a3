"""Tokens of a text with their character offsets, for texts of any kind and length."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer, normalizers

from rag_embed.encoders.layout import Layout
from rag_embed.encoders.word_spans import WordSpans
from rag_embed.text import storable
from rag_embed.types import Spans

_PIECE = 32_768
_MARGIN = 16
_SPACE = re.compile(r"[^\S\x0b\x0c\x1c-\x1f\x85]")
"""White space that tokenizers split at: BERT's drop control characters, such as a form feed, and join what is
around them."""

_FORMS = re.compile(
    r"[\ufb00-\ufb06\ufb13-\ufb17\ufb1d-\ufdfb\ufe70-\ufefc"
    r"\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9d\U0001d400-\U0001d7ff]"
)
"""Letters and digits in another form: ligatures, of full and half width, of formulas. Few models know them."""


class Tokens:
    """A fast tokenizer that is never surprised: any ``str``, in time linear in its length.

    A text with letters in another form, such as the ligatures of a PDF, is read as Unicode has it composed
    (NFKC): to a model that does not do so itself, a word with a ligature is one that it has never seen.
    Offsets are those of the text as it is.

    Args:
        definition: The tokenizer as ``tokenizer.json`` holds it.
        max_tokens: Tokens the model reads, special tokens included.
    """

    def __init__(self, definition: str, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self._definition = definition
        self._cut = Tokenizer.from_str(definition)
        self._cut.no_padding()
        self._cut.enable_truncation(max_tokens)

    @cached_property
    def _whole(self) -> Tokenizer:
        """The same without a limit; a search does without it, and is not kept waiting."""
        whole = Tokenizer.from_str(self._definition)
        whole.no_truncation()
        whole.no_padding()
        return whole

    @cached_property
    def _composed(self) -> Tokens | None:
        """What reads texts with `_FORMS`; None where the tokenizer makes nothing of them by itself."""
        if self._whole.encode("\ufb01\uff41").ids == self._whole.encode("fia").ids:
            return None
        definition = json.loads(self._definition)
        own = definition.get("normalizer")
        steps = [{"type": "NFKC"}, *([own] if own else [])]
        definition["normalizer"] = {"type": "Sequence", "normalizers": steps}
        return Tokens(json.dumps(definition), self.max_tokens)

    def _reading(self, text: str) -> Tokens:
        """What reads a text: these tokens, or those that read it composed."""
        if text.isascii() or not _FORMS.search(text):
            return self
        return self._composed or self

    @cached_property
    def _words(self) -> WordSpans | None:
        return WordSpans.of(self._whole)

    @classmethod
    def of(cls, layout: Layout) -> Tokens:
        """The tokenizer in a model's folder."""
        definition = (layout.transformer / "tokenizer.json").read_text(encoding="utf-8")
        return cls(definition, layout.max_tokens)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids with special tokens, cut to ``max_tokens``."""
        if len(texts) == 1 or any(self._reading(text) is not self for text in texts):
            return [one.ids for one in self.traced(texts)]
        encodings = self._cut.encode_batch_fast([self.clipped(text) for text in texts])
        return [encoding.ids for encoding in encodings]

    def traced(self, texts: Sequence[str]) -> list[Encoding]:
        """Like `ids`, with what each token is and where it comes from."""
        if len(texts) == 1:  # no thread need be woken for a query
            return [self._reading(texts[0])._cut.encode(self.clipped(texts[0]))]
        encodings: list[Encoding] = self._cut.encode_batch([self.clipped(text) for text in texts])
        for at, text in enumerate(texts):
            if (other := self._reading(text)) is not self:
                encodings[at] = other._cut.encode(self.clipped(text))
        return encodings

    def read(self, text: str) -> str:
        """The beginning of a text as it is read, for a model that makes tokens of it by itself."""
        clipped = self.clipped(text)
        if self._reading(clipped) is self:
            return clipped
        composed: str = normalizers.NFKC().normalize_str(clipped)
        return composed

    def written(self, ids: Sequence[int]) -> list[str]:
        """How tokens of the vocabulary are written; the number of one that has no name."""
        return [self._cut.id_to_token(int(id)) or str(id) for id in ids]

    def spans(self, text: str) -> Spans:
        """``(n, 2)`` character offsets of all tokens, special tokens left out."""
        if (other := self._reading(text)) is not self:
            return other.spans(text)
        pieces = list(_pieces(storable(text)))
        if self._words is not None:
            own = [self._words.spans(piece) + start for start, piece in pieces]
            return np.concatenate([np.empty((0, 2), np.int64), *own])
        encodings = self._whole.encode_batch(
            [piece for _, piece in pieces], add_special_tokens=False
        )
        parts = [
            np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2) + start
            for (start, _), encoding in zip(pieces, encodings, strict=True)
        ]
        found = np.concatenate(parts) if parts else np.empty((0, 2), np.int64)
        return found[found[:, 1] > found[:, 0]]

    def clipped(self, text: str) -> str:
        """The beginning of a text that the model reads, a little more at most.

        The cut is at white space, where tokenizers split first, and behind `_MARGIN` tokens more
        than are read: the tokens that are read are those of the whole text.
        """
        text = storable(text)
        if (other := self._reading(text)) is not self:
            return other.clipped(text)
        size = 16 * self.max_tokens
        while size < len(text):
            space = _SPACE.search(text, size)
            if space is None:
                return text
            beginning = text[: space.start()]
            count = len(self._whole.encode(beginning, add_special_tokens=False).ids)
            if count >= self.max_tokens + _MARGIN:
                return beginning
            size *= 4
        return text


def content(encoding: Encoding, prompt: int) -> tuple[npt.NDArray[np.intp], Spans]:
    """Positions and offsets of the tokens that stand for characters behind the prompt.

    Args:
        encoding: One of `Tokens.traced`.
        prompt: Length of the prompt in characters.
    """
    spans = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
    special = np.array(encoding.special_tokens_mask, dtype=bool)
    at = np.flatnonzero(~special & (spans[:, 0] >= prompt) & (spans[:, 1] > spans[:, 0]))
    return at, spans[at] - prompt


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Parts of a text, cut at white space about every `_PIECE` characters."""
    start = 0
    while start < len(text):
        end = start + _PIECE
        if end < len(text):
            space = _SPACE.search(text, end, end + _PIECE)
            end = space.start() if space else end
        yield start, text[start:end]
        start = end
