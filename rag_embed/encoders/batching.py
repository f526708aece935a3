"""Batches of equal length, so that a text's vector does not depend on its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rag_embed.types import Vectors

_STEP = 16
"""Lengths are padded to a multiple of this: 4 % more tokens on real chunks, and few shapes."""


Seen: TypeAlias = Callable[[int, npt.NDArray[np.float32]], None]
"""Called with a text's position and its ``(tokens, dim)`` vectors, which are valid until it returns;
from several threads at once, but once per position."""


def batches(lengths: Sequence[int], budget: int) -> Iterator[tuple[int, list[int]]]:
    """Group items so that a batch has one padded length, which depends on the item alone.

    Args:
        lengths: Tokens of each item.
        budget: Padded tokens per batch at most; an item that is longer is a batch of its own.

    Yields:
        ``(padded length, positions)``, longest first: running out of memory shows at once.

    Examples:
        >>> list(batches([3, 40, 16], budget=48))
        [(48, [1]), (16, [0, 2])]
    """
    groups: dict[int, list[int]] = {}
    for position, length in enumerate(lengths):
        groups.setdefault(max(1, -(-length // _STEP)) * _STEP, []).append(position)
    for padded in sorted(groups, reverse=True):
        size = max(1, budget // padded)
        members = groups[padded]
        for start in range(0, len(members), size):
            yield padded, members[start : start + size]


def encoded_once(
    texts: Sequence[str], dim: int, encode: Callable[[list[str]], npt.NDArray[np.float32]]
) -> Vectors:
    """Encode distinct texts once and give every text its row.

    Args:
        texts: ``n`` texts, repeats allowed.
        dim: Length of a vector.
        encode: From distinct texts to ``(m, dim)`` rows.

    Returns:
        ``(n, dim)`` float32.
    """
    if not texts:
        return np.empty((0, dim), dtype=np.float32)
    position = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    rows = encode(list(position))
    return np.ascontiguousarray(rows[[position[text] for text in texts]], dtype=np.float32)
