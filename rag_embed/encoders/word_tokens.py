"""Words and punctuation marks: what texts are measured in where a model's tokens are unknown."""

from __future__ import annotations

import re

import numpy as np

from rag_embed.types import Spans

_WORD = re.compile(r"\w+|[^\w\s]")


def word_spans(text: str) -> Spans:
    """``(n, 2)`` character offsets of the words and punctuation marks.

    Examples:
        >>> word_spans("Is it?").tolist()
        [[0, 2], [3, 5], [5, 6]]
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    return np.array(spans, dtype=np.int64).reshape(-1, 2)
