"""Spaces that are made of others: each of those is encoded once, whatever asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.protocols import ChunkEncoder, TokenSpace
from rag_embed.types import Cut, TokenRows, Vectors

T = TypeVar("T")

Rows = Callable[[ChunkEncoder], Vectors]
"""Gives the rows of a space, encoded once."""


@runtime_checkable
class Composed(TokenSpace, Protocol):
    """A space whose rows are made of other spaces' rows, each of which is encoded once."""

    @property
    def first(self) -> TokenSpace:
        """The part whose tokens are the chunk's."""
        ...

    def derive(self, rows: Rows, cuts: Sequence[Cut], /) -> Vectors:
        """The rows, from those of the spaces it is made of."""
        ...


def encoded(
    space: ChunkEncoder, cuts: Sequence[Cut], done: dict[ChunkEncoder, Vectors] | None = None
) -> Vectors:
    """Rows of a space, each space that it is made of encoded once.

    Args:
        space: Any.
        cuts: Documents with their chunks.
        done: Rows of these cuts that are known already; what is encoded now is added.
    """
    done = {} if done is None else done

    def rows(one: ChunkEncoder) -> Vectors:
        if one not in done:
            if isinstance(one, Composed):
                done[one] = one.derive(rows, cuts)
            else:
                done[one] = one.encode_chunks(cuts)
        return done[one]

    return rows(space)


def encoded_with_tokens(
    space: TokenSpace, cuts: Sequence[Cut], keep: Callable[[TokenRows], T]
) -> tuple[Vectors, list[T]]:
    """Rows of a space, and the tokens of the first one that it is made of."""
    first = space
    while isinstance(first, Composed):
        first = first.first
    rows, kept = first.encode_chunk_tokens(cuts, keep)
    return encoded(space, cuts, {first: rows}), kept


def check_weight(space: ChunkEncoder, weight: float) -> None:
    """Refuse a weight that is not above 0.

    Raises:
        BadInput: It is not finite, or not above 0.
    """
    if not np.isfinite(weight) or weight <= 0:
        raise BadInput(f"{type(space).__name__} needs a finite weight > 0, got {weight!r}.")
