"""`trained` situates chunks with an adapter of your own: see `rag_embed.training.situated`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import cast

from rag_embed.encoders import load_adapted
from rag_embed.encoders.adapter import read_adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.two_sided import TwoSided
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.protocols import Encoder, TokenEncoder
from rag_embed.situated.expressions import situated
from rag_embed.situated.late import Late
from rag_embed.situated.residual import Residual


def trained(folder: str | os.PathLike[str]) -> Callable[[Encoder], Residual]:
    """For ``Index.create(situate=...)`` and ``Index.open(situate=...)``.

    ``unit(own + weight * late)`` with the adapter in the late part; the chunk's own vector, the weight
    and the windows are those it was trained with. Queries are encoded by the model as it is.

    Args:
        folder: What ``rag-embed train-situated`` installed.

    Raises:
        BadInput: The folder holds no situated adapter.
        SpaceMismatch: The index has another model than the adapter (when the index is made).
    """
    adapter, card = read_adapter(folder), Card.read(folder)
    if card.kind != "situated":
        raise BadInput(
            f"{os.fspath(folder)!r} holds an adapter for queries ({card.kind}), which reads no "
            "documents; pass one of train-situated."
        )

    def situate(encoder: Encoder) -> Residual:
        if encoder.signature.weights != adapter.base.weights:
            raise SpaceMismatch(
                f"The adapter in {os.fspath(folder)!r} was trained on {adapter.base.model!r}, the "
                f"index has {encoder.signature.model!r}; pass the same model as its encoder."
            )
        reader = cast(TokenEncoder, load_adapted(folder))
        sides = TwoSided(cast(TokenEncoder, encoder), reader)
        late = Late(sides, card.settings["window"], card.settings["overlap"])
        own = situated(card.settings["own"], encoder)
        return Residual(own, late, card.settings["weights"]["trained"])

    return situate
