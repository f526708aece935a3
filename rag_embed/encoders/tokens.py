"""Tokens of a text with their character offsets, for texts of any kind and length."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding, Tokenizer

from rag_embed.encoders.layout import Layout
from rag_embed.encoders.word_spans import WordSpans
from rag_embed.text import storable
from rag_embed.types import Spans

_PIECE = 32_768
_MARGIN = 16
_SPACE = re.compile(r"[^\S\x0b\x0c\x1c-\x1f\x85]")
"""White space that tokenizers split at: BERT's drop control characters, such as a form feed, and join what is
around them."""


class Tokens:
    """A fast tokenizer that is never surprised: any ``str``, in time linear in its length.

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
    def _words(self) -> WordSpans | None:
        return WordSpans.of(self._whole)

    @classmethod
    def of(cls, layout: Layout) -> Tokens:
        """The tokenizer in a model's folder."""
        definition = (layout.transformer / "tokenizer.json").read_text(encoding="utf-8")
        return cls(definition, layout.max_tokens)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids with special tokens, cut to ``max_tokens``."""
        if len(texts) == 1:
            return [one.ids for one in self.traced(texts)]
        encodings = self._cut.encode_batch_fast([self.clipped(text) for text in texts])
        return [encoding.ids for encoding in encodings]

    def traced(self, texts: Sequence[str]) -> list[Encoding]:
        """Like `ids`, with what each token is and where it comes from."""
        if len(texts) == 1:  # no thread need be woken for a query
            return [self._cut.encode(self.clipped(texts[0]))]
        encodings: list[Encoding] = self._cut.encode_batch([self.clipped(text) for text in texts])
        return encodings

    def written(self, ids: Sequence[int]) -> list[str]:
        """How tokens of the vocabulary are written; the number of one that has no name."""
        return [self._cut.id_to_token(int(id)) or str(id) for id in ids]

    def spans(self, text: str) -> Spans:
        """``(n, 2)`` character offsets of all tokens, special tokens left out."""
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
