"""`trained` situates chunks with an adapter of your own: see `rag_embed.training.situated`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import cast

from rag_embed.encoders import load_adapted
from rag_embed.encoders.adapter import packed, read_adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.recipe import Recipe
from rag_embed.encoders.two_sided import TwoSided
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.paths import absolute
from rag_embed.protocols import Encoder, TokenEncoder
from rag_embed.situated.expressions import situated
from rag_embed.situated.late import Late
from rag_embed.situated.residual import Residual
from rag_embed.types import Signature


def trained(folder: str | os.PathLike[str]) -> Trained:
    """For ``Index.create(situate=...)``; the index keeps the adapter, and opens without it.

    ``unit(own + weight * late)`` with the adapter in the late part; the chunk's own vector, the weight
    and the windows are those it was trained with. Queries are encoded by the model as it is.

    Args:
        folder: What ``rag-embed train-situated`` installed.

    Raises:
        BadInput: The folder holds no situated adapter.
    """
    folder = absolute(folder)
    card = Card.read(folder)
    if card.kind != "situated":
        raise BadInput(
            f"{folder!r} holds an adapter for queries ({card.kind}), which reads no documents; pass "
            "one of train-situated."
        )
    return Trained(folder, read_adapter(folder).base, card)


@dataclass(frozen=True, slots=True)
class Trained:
    """Makes the space of an encoder; made by `trained`.

    Attributes:
        folder: The adapter's.
        base: The encoder that it was trained on.
        card: What it says about itself.
    """

    folder: str
    base: Signature
    card: Card

    def __call__(self, encoder: Encoder) -> Residual:
        """The space.

        Raises:
            SpaceMismatch: The index has another model than the adapter.
        """
        if encoder.signature.weights != self.base.weights:
            raise SpaceMismatch(
                f"The adapter in {self.folder!r} was trained on {self.base.model!r}, the index has "
                f"{encoder.signature.model!r}; pass the same model as its encoder."
            )
        told = self.card.settings
        reader = cast(TokenEncoder, load_adapted(self.folder))
        sides = TwoSided(cast(TokenEncoder, encoder), reader)
        late = Late(sides, told["window"], told["overlap"])
        return Residual(situated(told["own"], encoder), late, told["weights"]["trained"])

    @property
    def recipe(self) -> Recipe:
        """How it is made again, with the adapter's files."""
        return Recipe("trained", {}, packed(self.folder))
