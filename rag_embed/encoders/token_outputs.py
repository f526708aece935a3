"""Token vectors as a by-product of the forward pass that every text takes anyway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding

from rag_embed.encoders.batching import Seen
from rag_embed.encoders.tokens import Tokens, content
from rag_embed.maths.vectors import unit
from rag_embed.types import TokenRows, Vectors

T = TypeVar("T")


def with_tokens(
    texts: Sequence[str],
    prompt: str,
    tokens: Tokens,
    forward: Callable[[list[str], list[Encoding], Seen], Vectors],
    keep: Callable[[TokenRows], T],
) -> tuple[Vectors, list[T]]:
    """Rows of texts, and what is kept of their tokens; repeated texts take one forward pass.

    Args:
        texts: ``n`` texts.
        prompt: Put before each; its tokens are left out.
        tokens: The model's tokenizer.
        forward: From distinct texts and their encodings to unit rows; tells each text's states.
        keep: Called once per distinct text, right after its forward pass.

    Returns:
        ``(n, dim)`` rows and ``n`` results of ``keep``.
    """
    position = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    distinct = list(position)
    encodings = tokens.traced([prompt + text for text in distinct])
    kept = _Kept(encodings, len(prompt), keep)
    rows = forward(distinct, encodings, kept)
    at = [position[text] for text in texts]
    return np.ascontiguousarray(rows[at]), [kept.results[i] for i in at]


class _Kept(Generic[T]):
    """Makes `TokenRows` of each text's states."""

    def __init__(
        self, encodings: Sequence[Encoding], prompt: int, keep: Callable[[TokenRows], T]
    ) -> None:
        self._encodings = encodings
        self._prompt = prompt
        self._keep = keep
        self.results: dict[int, T] = {}

    def __call__(self, i: int, states: npt.NDArray[np.float32]) -> None:
        at, spans = content(self._encodings[i], self._prompt)
        ids = np.array(self._encodings[i].ids, dtype=np.int32)[at]
        norms = np.linalg.norm(states[at], axis=1).astype(np.float32)
        self.results[i] = self._keep(TokenRows(ids, unit(states[at]), spans, norms))
