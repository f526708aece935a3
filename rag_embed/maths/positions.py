"""Positions of long texts, mapped into what a model was trained on.

Zhu et al., LongEmbed (EMNLP 2024), section 4: a text of ``n`` tokens, a model trained on ``trained``
tokens, and the scale ``s = ceil(n / trained)``, which is 1 for every text that the model can read as
it is. Pure numpy; `rag_embed.longcontext` does the same to models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput

Map: TypeAlias = Literal["recurrent", "grouped", "interpolated"]

_NTK = (np.log2([1.0, 2.0, 4.0, 8.0]), np.log2([1.0, 3.0, 5.0, 10.0]))
"""Scales, and what LongEmbed multiplied theta by (table 6), as logarithms."""


def scale(tokens: int, trained: int) -> int:
    """How many times a text is longer than what the model was trained on, rounded up; 1 at least.

    Examples:
        >>> scale(512, 512), scale(513, 512), scale(4096, 512)
        (1, 2, 8)
    """
    return max(1, -(-tokens // trained))


def mapped(tokens: int, trained: int, how: Map) -> npt.NDArray[np.float64]:
    """The position that each token of a text is given.

    ``recurrent`` counts anew after ``trained`` tokens, ``grouped`` gives ``s`` neighbours the same
    position, ``interpolated`` puts ``s`` positions into the place of one.

    Args:
        tokens: Tokens of the text, >= 0.
        trained: Positions the model knows, >= 1.
        how: The map.

    Returns:
        ``(tokens,)`` float64 in ``[0, trained)``; fractions with ``interpolated`` only.

    Examples:
        >>> mapped(5, 3, "recurrent").tolist()
        [0.0, 1.0, 2.0, 0.0, 1.0]
        >>> mapped(5, 3, "grouped").tolist()
        [0.0, 0.0, 1.0, 1.0, 2.0]
        >>> mapped(5, 3, "interpolated").tolist()
        [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    at = np.arange(tokens)
    if how == "recurrent":
        return (at % trained).astype(np.float64)
    if how == "grouped":
        return (at // scale(tokens, trained)).astype(np.float64)
    return at / scale(tokens, trained)


def table(
    rows: npt.NDArray[np.floating], positions: npt.NDArray[np.floating]
) -> npt.NDArray[np.float32]:
    """A position table read at any positions, linear between its rows.

    Args:
        rows: ``(trained, dim)`` the table.
        positions: ``(n,)`` in ``[0, trained)``; behind the last row it stays what it is.

    Returns:
        ``(n, dim)`` float32; not of unit length.

    Examples:
        >>> table(np.array([[0.0], [4.0]]), np.array([0.0, 0.25, 1.0, 1.5])).ravel().tolist()
        [0.0, 1.0, 4.0, 4.0]
    """
    low = np.floor(positions).astype(np.intp)
    high = np.minimum(low + 1, len(rows) - 1)
    part = (positions - low)[:, None]
    return np.ascontiguousarray(rows[low] + part * (rows[high] - rows[low]), dtype=np.float32)


def ntk(scale: float) -> float:
    """What theta of rotary positions is multiplied by, for texts ``scale`` times as long.

    LongEmbed's values (table 6: 3, 5 and 10 for 2, 4 and 8), between them in proportion of the
    logarithms, behind them in proportion of the scale.

    Examples:
        >>> [round(ntk(scale), 6) for scale in (0.5, 1, 2, 4, 8, 16)]
        [1.0, 1.0, 3.0, 5.0, 10.0, 20.0]
    """
    if scale >= 8:
        return 10.0 * scale / 8
    return float(2 ** np.interp(math.log2(max(scale, 1.0)), *_NTK))


def inverse_frequencies(theta: float, dim: int) -> npt.NDArray[np.float64]:
    """``theta^(-2j / dim)`` for ``j < dim / 2``: radians per position (Su et al., RoFormer, 2021).

    Examples:
        >>> inverse_frequencies(10000.0, 4).tolist()
        [1.0, 0.01]
    """
    return np.asarray(theta ** (-np.arange(0, dim, 2, dtype=np.float64) / dim))


def group_and_window(scale: int, trained: int) -> tuple[int, int]:
    """SelfExtend's group size and neighbour window for texts ``scale`` times as long.

    LongEmbed's table 6 in closed form, ``scale + 1`` and ``trained / scale``: the largest relative
    position is then ``trained``.

    Examples:
        >>> [group_and_window(scale, 512) for scale in (2, 4, 8)]
        [(3, 256), (5, 128), (9, 64)]
    """
    return scale + 1, max(1, trained // scale)


def self_extend(tokens: int, group: int, window: int) -> npt.NDArray[np.int64]:
    """Relative positions of every pair of tokens under SelfExtend (Jin et al., 2024).

    Within the window they are what they are; beyond it both positions are divided by ``group`` and
    the later one is shifted so that the two parts join.

    Args:
        tokens: Tokens of the text.
        group: Neighbours that share a position, >= 1.
        window: Distances below it are exact, >= 1.

    Returns:
        ``(tokens, tokens)`` int64: position of the query less position of the key.

    Examples:
        >>> (-self_extend(10, 2, 4)[0]).tolist()
        [0, 1, 2, 3, 4, 4, 5, 5, 6, 6]
    """
    at = np.arange(tokens)
    exact = at[:, None] - at[None, :]
    far = at[:, None] // group - at[None, :] // group
    far += np.sign(exact) * (window - window // group)
    return np.where(np.abs(exact) < window, exact, far).astype(np.int64)


def log_n(tokens: int, trained: int) -> float:
    """What attention logits are multiplied by: ``max(1, ln n / ln trained)``.

    Attention over more tokens is flatter; this keeps its entropy about what it was in training
    (Chiang and Cholak, ACL 2022).

    Examples:
        >>> log_n(100, 512), round(log_n(4096, 512), 3)
        (1.0, 1.333)
    """
    return max(1.0, math.log(max(tokens, 1)) / math.log(trained))


def spans(tokens: int, size: int, overlap: int = 0) -> list[tuple[int, int]]:
    """Windows over a text: ``size`` tokens each, the last one drawn back to be full as well.

    Args:
        tokens: Tokens of the text.
        size: Tokens of a window, >= 1.
        overlap: Tokens that a window repeats, below ``size``.

    Raises:
        BadInput: The numbers are out of range.

    Examples:
        >>> spans(10, 4), spans(3, 4), spans(0, 4)
        ([(0, 4), (4, 8), (6, 10)], [(0, 3)], [(0, 0)])
    """
    if size < 1 or not 0 <= overlap < size:
        raise BadInput(f"Windows need size >= 1 and 0 <= overlap < size; got {size}, {overlap}.")
    if tokens <= size:
        return [(0, tokens)]
    starts: Sequence[int] = range(0, tokens - size, size - overlap)
    return [*((start, start + size) for start in starts), (tokens - size, tokens)]
