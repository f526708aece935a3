"""A deterministic encoder without a model, for tests and examples."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from rag_embed.arguments import count
from rag_embed.encoders.recipe import Recipe
from rag_embed.encoders.word_tokens import word_spans
from rag_embed.maths.vectors import unit
from rag_embed.types import Signature, Spans, Vectors


class HashEncoder:
    """Texts that share words get similar vectors; nothing is learned and nothing is loaded.

    A word is a random direction seeded by its hash; a text is the sum of its words.

    Args:
        dim: Length of a vector.

    Examples:
        >>> rows = HashEncoder().encode_document(["red fox", "the red fox", "blue sea"])
        >>> bool(rows[0] @ rows[1] > rows[0] @ rows[2])
        True
    """

    def __init__(self, dim: int = 256) -> None:
        self.dim = count("dim", dim)

    @property
    def recipe(self) -> Recipe:
        """How it is made again."""
        return Recipe("hash", {"dim": self.dim})

    @property
    def signature(self) -> Signature:
        """See `protocols.Encoder`."""
        return Signature("hash", "1", self.dim, max_tokens=1_000_000, pooling="sum")

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        return self._rows(texts)

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        return self._rows(texts)

    def token_spans(self, text: str, /) -> Spans:
        """See `protocols.Encoder`: words and punctuation marks."""
        return word_spans(text)

    def _rows(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row += _direction(word, self.dim)
        return unit(rows)


@lru_cache(maxsize=65_536)
def _direction(word: str, dim: int) -> Vectors:
    digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
    random = np.random.default_rng(int.from_bytes(digest, "little"))
    return random.standard_normal(dim, dtype=np.float32)
