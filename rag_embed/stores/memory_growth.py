"""Spaces that a `MemoryStore` is being given, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from rag_embed.stores.memory_view import MemoryView
from rag_embed.stores.sparse_rows import halved
from rag_embed.types import SparseVector, TokenBits, Vectors

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """Room for new spaces and for the tokens of spaces, and what it holds.

    Attributes:
        spaces: Name and dimension of the new spaces.
        tokens: Spaces that get tokens.
        sparse: Name and terms of new sparse spaces.
        rows: Space -> chunk id -> vector.
        kept: Space -> chunk id -> tokens.
        weights: Sparse space -> chunk id -> vector.
    """

    spaces: Mapping[str, int]
    tokens: tuple[str, ...]
    sparse: Mapping[str, int] = field(default_factory=dict)
    rows: dict[str, dict[str, Vectors]] = field(default_factory=dict)
    kept: dict[str, dict[str, TokenBits]] = field(default_factory=dict)
    weights: dict[str, dict[str, SparseVector]] = field(default_factory=dict)

    def same(self, other: Growth) -> bool:
        """Whether another has room for the same."""
        asked = self.spaces, self.tokens, self.sparse
        return asked == (other.spaces, other.tokens, other.sparse)

    def lacking(self, ids: Sequence[str]) -> list[str]:
        """Those of the chunks that lack a value, sorted."""
        held = [set(self.rows.get(name, {})) for name in self.spaces]
        held += [set(self.kept.get(name, {})) for name in self.tokens]
        held += [set(self.weights.get(name, {})) for name in self.sparse]
        return sorted(id for id in ids if not all(id in some for some in held))

    def fill(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, Vectors],
        tokens: Mapping[str, Sequence[TokenBits]],
        sparse: Mapping[str, Sequence[SparseVector]],
    ) -> None:
        """Take values in."""
        for name, rows in vectors.items():
            self.rows.setdefault(name, {}).update(zip(ids, rows, strict=True))
        for name, some in tokens.items():
            self.kept.setdefault(name, {}).update(zip(ids, some, strict=True))
        for name, terms in sparse.items():
            halves = map(halved, terms)
            self.weights.setdefault(name, {}).update(zip(ids, halves, strict=True))

    def without(self, ids: set[str]) -> Growth:
        """The same for fewer chunks."""
        return replace(
            self,
            rows={name: _left(some, ids) for name, some in self.rows.items()},
            kept={name: _left(some, ids) for name, some in self.kept.items()},
            weights={name: _left(some, ids) for name, some in self.weights.items()},
        )

    def added(self, view: MemoryView) -> MemoryView:
        """A view with the new values, which are all there."""
        matrix = {
            name: np.array(
                [self.rows[name][id] for id in view.ids] if view.ids else np.zeros((0, dim)),
                dtype=np.float32,
            )
            for name, dim in self.spaces.items()
        }
        kept = {name: {id: self.kept[name][id] for id in view.ids} for name in self.tokens}
        weights = {name: {id: self.weights[name][id] for id in view.ids} for name in self.sparse}
        return replace(
            view,
            matrix={**view.matrix, **matrix},
            kept={**view.kept, **kept},
            weights={**view.weights, **weights},
            known_weights={},
        )


def _left(some: Mapping[str, T], ids: set[str]) -> dict[str, T]:
    return {id: value for id, value in some.items() if id not in ids}
