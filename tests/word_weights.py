"""A sparse encoder without a model: a term for each word, and for words that a text's mean."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from rag_embed.types import Signature, SparseVector

SIZE = 50_021
ALIKE = {"vixen": "fox", "rodents": "mice"}


class WordWeights:
    """Square roots of counts; a word of a document also weighs half for another that it means."""

    def __init__(self, version: str = "1") -> None:
        self.signature = Signature("words", version, SIZE, 1_000_000, pooling="sum")
        self.read: list[str] = []
        self._names: dict[int, str] = {}

    def encode_query(self, texts: Sequence[str], /) -> list[SparseVector]:
        return [self._vector(text, {}) for text in texts]

    def encode_document(self, texts: Sequence[str], /) -> list[SparseVector]:
        self.read += texts
        return [self._vector(text, ALIKE) for text in texts]

    def terms(self, ids: Sequence[int], /) -> list[str]:
        return [self._names.get(id, str(id)) for id in ids]

    def _vector(self, text: str, alike: Mapping[str, str]) -> SparseVector:
        weights: Counter[int] = Counter()
        for word, count in Counter(re.findall(r"\w+", text.lower())).items():
            weights[self._term(word)] += count**0.5
            if word in alike:
                weights[self._term(alike[word])] += 0.5
        ids = sorted(weights)
        return SparseVector(
            np.array(ids, dtype=np.int32), np.array([weights[id] for id in ids], dtype=np.float32)
        )

    def _term(self, word: str) -> int:
        term = zlib.crc32(word.encode("utf-8", "replace")) % SIZE
        self._names[term] = word
        return term
