"""`WithTokens` keeps one bit a number of every token's vector beside the chunk's own vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from rag_embed.encoders.minilm import DIM, FINGERPRINTS
from rag_embed.encoders.probes import PROBES
from rag_embed.errors import BadInput
from rag_embed.maths.maxsim import sign_bits
from rag_embed.maths.vectors import unit
from rag_embed.protocols import ChunkEncoder, TokenEncoder, TokenSpace
from rag_embed.situated.space import Around
from rag_embed.types import Cut, Signature, TokenBits, TokenRows, Vectors

_SHORTEST = 128
"""Numbers that are kept at least of a vector that is cut short (``truncate_dim``), as far as was measured."""


def measured(signature: Signature) -> bool:
    """Whether token evidence was found to help in a space; see ``python -m benchmarks tokens``.

    That holds for the default model and whatever gives short texts its vectors, or the first numbers of
    them. For other spaces `tuning.tokens` measures it.
    """
    whole = replace(signature, dim=DIM) if _SHORTEST <= signature.dim < DIM else signature
    return whole.fingerprint in FINGERPRINTS


@dataclass(frozen=True, slots=True, eq=False)
class WithTokens(Around):
    """A space whose chunks keep their tokens, 48 bytes each for 384 dimensions.

    Attributes:
        space: Decides what of the document stands for a chunk, and which tokens are the chunk's;
            its encoder is a `protocols.TokenEncoder`.
        mean: ``(dim,)`` float32: the model's mean token, which signs are taken about.
    """

    space: TokenSpace
    mean: Vectors

    @classmethod
    def of(cls, space: TokenSpace) -> WithTokens:
        """With the mean token of texts of many kinds, so that it depends on the model alone.

        Raises:
            BadInput: The encoder cannot give token vectors.
        """
        encoder = space.encoder
        if not isinstance(encoder, TokenEncoder):
            raise BadInput(
                f"{type(encoder).__name__} gives no token vectors, which tokens=True needs. "
                "Use a sentence-transformers model, or leave tokens out."
            )
        _, sums = encoder.encode_document_tokens(
            list(PROBES), lambda tokens: (tokens.rows.sum(axis=0), len(tokens.rows))
        )
        total = np.sum([rows for rows, _ in sums], axis=0)
        if len(total) != encoder.signature.dim:
            raise BadInput(
                f"{encoder.signature.model!r} gives token vectors of {len(total)} numbers and text "
                f"vectors of {encoder.signature.dim}, which cannot be kept together. Leave tokens out."
            )
        mean = total / sum(count for _, count in sums)
        return cls(space, mean.astype(np.float32))

    @classmethod
    def from_settings(cls, space: TokenSpace, settings: Mapping[str, Any]) -> WithTokens:
        """The space that has these `settings`."""
        return cls(space, np.array(settings["mean"], dtype=np.float32))

    @property
    def settings(self) -> dict[str, Any]:
        """What an index must remember; JSON-serialisable."""
        return {"mean": self.mean.tolist()}

    @property
    def signature(self) -> Signature:
        """See `protocols.ChunkEncoder`."""
        return replace(self.space.signature, tokens="sign bits")

    @property
    def encoder(self) -> TokenEncoder:
        """What encodes the texts."""
        return cast(TokenEncoder, self.space.encoder)

    def encode_chunks(self, cuts: Sequence[Cut], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.space.encode_chunks(cuts)

    def encode_chunk_tokens(self, cuts: Sequence[Cut], /) -> tuple[Vectors, list[TokenBits]]:
        """`encode_chunks`, and the tokens of each chunk, from the same forward pass."""
        return self.space.encode_chunk_tokens(cuts, self._bits)

    def read_query(self, texts: Sequence[str], /) -> tuple[Vectors, list[TokenRows]]:
        """`encode_query`, and each query's tokens, centred and of length 1."""
        return self.encoder.encode_query_tokens(texts, self.centred)

    def _bits(self, tokens: TokenRows) -> TokenBits:
        return TokenBits(tokens.ids, sign_bits(tokens.rows, self.mean))

    def centred(self, tokens: TokenRows) -> TokenRows:
        """Tokens about the mean, of length 1."""
        return replace(tokens, rows=unit(tokens.rows - self.mean))


def with_tokens(space: ChunkEncoder) -> WithTokens | None:
    """The space itself if it keeps tokens; None if it does not."""
    return space if isinstance(space, WithTokens) else None


def without_tokens(space: ChunkEncoder) -> ChunkEncoder:
    """The space that gives the same vectors and keeps no tokens."""
    return space.space if isinstance(space, WithTokens) else space


def encoded(space: ChunkEncoder, cuts: Sequence[Cut]) -> tuple[Vectors, list[TokenBits] | None]:
    """The rows of a space, and the tokens of each chunk; None where the space keeps none."""
    if (kept := with_tokens(space)) is not None:
        return kept.encode_chunk_tokens(cuts)
    return space.encode_chunks(cuts), None
