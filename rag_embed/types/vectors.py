"""Vectors, scores and tokens, and the signature of what made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Vectors: TypeAlias = npt.NDArray[np.float32]
"""``(n, dim)`` float32, C-contiguous; rows have unit length unless a docstring says otherwise."""

Scores: TypeAlias = npt.NDArray[np.float32]
"""``(n,)`` float32, higher is better."""

Seconds: TypeAlias = npt.NDArray[np.float64]
"""``(n,)`` float64, moments in seconds since 1970 UTC; NaN for none."""

Spans: TypeAlias = npt.NDArray[np.int64]
"""``(n, 2)`` int64 character offsets ``[start, end)`` into one text."""

DENSE = "dense"
"""Name of an index's own space, and of the leg that compares vectors there."""

LEXICAL = "lexical"
"""Name of the leg that counts shared words."""

TOKENS = "tokens"
"""Name of the second stage that compares words by the vectors of their tokens."""

FRESH = "fresh"
"""Name of the part that a document's date adds; see `types.Fresh`."""

PHRASE = "phrase"
"""Name of the part of chunks that hold word for word what a query has in quotes."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenRows:
    """The token vectors of one text, special tokens and prompt left out.

    Attributes:
        ids: ``(n,)`` int32 entries of the model's vocabulary.
        rows: ``(n, dim)`` float32 of length 1.
        spans: ``(n, 2)`` int64 characters of the text.
        norms: ``(n,)`` float32 lengths that the model gave them, which a mean over tokens weighs
            them by; None where it gives all the same.
    """

    ids: npt.NDArray[np.int32]
    rows: Vectors
    spans: Spans
    norms: Scores | None = None

    @classmethod
    def joined(cls, parts: Sequence[TokenRows]) -> TokenRows:
        """The tokens of all parts of a text, in order; one part at least."""
        lengths = [part.norms for part in parts if part.norms is not None]
        return cls(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.spans for part in parts]),
            np.concatenate(lengths) if lengths else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class TokenBits:
    """What is kept of the token vectors of one chunk.

    Attributes:
        ids: ``(n,)`` int32 entries of the model's vocabulary.
        bits: ``(n, ceil(dim / 8))`` uint8, see `maths.maxsim.sign_bits`.
    """

    ids: npt.NDArray[np.int32]
    bits: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class SparseVector:
    """Weights of a few terms of a vocabulary; those that are not named weigh 0.

    Attributes:
        ids: ``(n,)`` int32 terms, ascending.
        weights: ``(n,)`` float32, each more than 0.
    """

    ids: npt.NDArray[np.int32]
    weights: Scores

    @classmethod
    def of(cls, row: npt.NDArray[np.floating[Any]]) -> SparseVector:
        """What a row with a number for every term holds.

        Examples:
            >>> SparseVector.of(np.array([0.0, 1.5, 0.0, 0.5])).ids.tolist()
            [1, 3]
        """
        ids = np.flatnonzero(row > 0)
        return cls(ids.astype(np.int32), np.asarray(row[ids], dtype=np.float32))

    @property
    def is_whole(self) -> bool:
        """Whether it names distinct terms >= 0 in ascending order, with finite weights above 0."""
        ids, weights = self.ids, self.weights
        if ids.shape != weights.shape or ids.ndim != 1:
            return False
        ascending = bool((np.diff(ids) > 0).all() and (ids[:1] >= 0).all())
        return ascending and bool(((weights > 0) & (weights < np.inf)).all())


@dataclass(frozen=True, slots=True)
class Signature:
    """Identity of a vector space. Vectors of two signatures must never be compared.

    Attributes:
        model: Name or path the model was loaded by.
        weights: Hash of the weights (hex), or a version tag for encoders without weights.
        dim: Length of a vector.
        max_tokens: Tokens the encoder reads; longer texts are cut there.
        pooling: How token vectors become one vector, for example ``"mean"``.
        query_prompt: Text put before every query.
        document_prompt: Text put before every document.
        chunks: How a chunk is put to the encoder, for example ``"titled"``.
        tokens: What is kept of the token vectors, for example ``"sign bits"``; empty for nothing.
        alike: Fingerprint of another space that gives short texts the same vectors: that of the
            model that was extended, or is read in windows; empty for none.
    """

    model: str
    weights: str
    dim: int
    max_tokens: int
    pooling: str = "mean"
    query_prompt: str = ""
    document_prompt: str = ""
    chunks: str = ""
    tokens: str = ""
    alike: str = ""

    @property
    def fingerprint(self) -> str:
        """What measurements go by: spaces with one fingerprint give short texts the same vectors."""
        own = (self.weights, self.dim, self.pooling, self.query_prompt, self.document_prompt)
        return self.alike or "/".join(map(str, own))

    def difference(self, other: Signature) -> dict[str, tuple[Any, Any]]:
        """Where two spaces differ in what decides; ``model`` may change its path, not its weights.

        Examples:
            >>> a = Signature("m", "v1", 8, 256)
            >>> a.difference(Signature("m", "v2", 8, 256))
            {'weights': ('v1', 'v2')}
        """
        mine, theirs = asdict(self), asdict(other)
        return {
            name: (mine[name], theirs[name])
            for name in mine
            if name not in ("model", "alike") and mine[name] != theirs[name]
        }
