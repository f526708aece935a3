"""Spaces that a `MemoryStore` is being given, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rag_embed.types import TokenBits, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """Room for new spaces and for the tokens of spaces, and what it holds.

    Attributes:
        spaces: Name and dimension of the new spaces.
        tokens: Spaces that get tokens.
        rows: Space -> chunk id -> vector.
        kept: Space -> chunk id -> tokens.
    """

    spaces: Mapping[str, int]
    tokens: tuple[str, ...]
    rows: dict[str, dict[str, Vectors]] = field(default_factory=dict)
    kept: dict[str, dict[str, TokenBits]] = field(default_factory=dict)

    def lacking(self, ids: Sequence[str]) -> list[str]:
        """Those of the chunks that lack a value, sorted."""
        held = [set(self.rows.get(name, {})) for name in self.spaces]
        held += [set(self.kept.get(name, {})) for name in self.tokens]
        return sorted(id for id in ids if not all(id in some for some in held))

    def fill(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, Vectors],
        tokens: Mapping[str, Sequence[TokenBits]],
    ) -> None:
        """Take values in."""
        for name, rows in vectors.items():
            self.rows.setdefault(name, {}).update(zip(ids, rows, strict=True))
        for name, some in tokens.items():
            self.kept.setdefault(name, {}).update(zip(ids, some, strict=True))

    def without(self, ids: set[str]) -> Growth:
        """The same for fewer chunks."""
        return Growth(
            self.spaces,
            self.tokens,
            {n: {i: v for i, v in rows.items() if i not in ids} for n, rows in self.rows.items()},
            {n: {i: v for i, v in some.items() if i not in ids} for n, some in self.kept.items()},
        )

    def matrix(self, space: str, ids: Sequence[str]) -> Vectors:
        """``(len(ids), dim)`` rows of a new space."""
        rows = [self.rows[space][id] for id in ids]
        return np.array(rows, dtype=np.float32).reshape(len(ids), self.spaces[space])
