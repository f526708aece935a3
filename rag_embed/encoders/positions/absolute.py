"""Models with a table of positions: the table is read at other places, text by text."""

from __future__ import annotations

from typing import cast

import torch
from torch.nn import functional

from rag_embed.encoders.positions.architecture import Architecture
from rag_embed.encoders.positions.extension import MAPS, Extension
from rag_embed.encoders.positions.lengths import current, note_lengths
from rag_embed.errors import BadInput
from rag_embed.maths.positions import Map, mapped, table


class LongPositions(torch.nn.Embedding):
    """A position table that is read at mapped positions; the rows and their name stay.

    Args:
        rows: The model's own table.
        offset: Rows before the first position.
        trained: Positions the model was trained on, at most those of the table.
        how: The map.
    """

    def __init__(self, rows: torch.nn.Embedding, offset: int, trained: int, how: Map) -> None:
        super().__init__(
            rows.num_embeddings,
            rows.embedding_dim,
            padding_idx=rows.padding_idx,
            _weight=rows.weight.detach(),
        )
        self.weight = rows.weight
        self.offset = offset
        self.trained = trained
        self.how: Map = how

    def forward(self, position_ids: torch.Tensor) -> torch.Tensor:
        """Rows of each token's position in its own text; of ``position_ids`` where it is short."""
        lengths = current()
        short = lengths.counts <= self.trained
        known = position_ids.clamp(max=self.num_embeddings - 1)
        if bool(short.all()):
            return functional.embedding(known, self.weight)
        rows = self._mapped(lengths.positions(position_ids.shape[1]), lengths.counts)
        return torch.where(short[:, None, None], functional.embedding(known, self.weight), rows)

    def _mapped(self, at: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        if self.how == "recurrent":
            return self._rows(at % self.trained)
        scale = (-(-counts // self.trained)).clamp(min=1)[:, None]
        low = at // scale
        rows = self._rows(low)
        if self.how == "grouped":
            return rows
        part = ((at - low * scale) / scale)[..., None].to(rows.dtype)
        following = self._rows((low + 1).clamp(max=self.trained - 1))
        return rows + part * (following - rows)

    def _rows(self, at: torch.Tensor) -> torch.Tensor:
        return functional.embedding(at + self.offset, self.weight)


def install(architecture: Architecture, extension: Extension) -> None:
    """Put a `LongPositions` in the place of the table.

    Raises:
        BadInput: The method is not for models with a table.
    """
    _checked(architecture, extension)
    embeddings = architecture.backbone.embeddings
    embeddings.position_embeddings = LongPositions(
        embeddings.position_embeddings,
        architecture.offset,
        extension.trained_tokens,
        cast(Map, extension.method),
    )
    architecture.lengthen_buffers(extension.max_tokens + architecture.offset)
    note_lengths(architecture.transformer, extension.trained_tokens)


def _checked(architecture: Architecture, extension: Extension) -> None:
    if extension.method not in MAPS:
        raise BadInput(
            f"{extension.method!r} is for rotary positions; this model has a table of positions. "
            f"Use one of {list(MAPS)}."
        )
    if extension.trained_tokens > architecture.trained:
        raise BadInput(
            f"trained_tokens={extension.trained_tokens}, but the model has "
            f"{architecture.trained} positions; it cannot have been trained on more."
        )


def bake(architecture: Architecture, extension: Extension) -> None:
    """Write the positions of a text of ``max_tokens`` tokens into a table of that length.

    Raises:
        BadInput: The method is not for models with a table.
    """
    _checked(architecture, extension)
    embeddings = architecture.backbone.embeddings
    old = embeddings.position_embeddings
    offset, trained = architecture.offset, extension.trained_tokens
    weight = old.weight.detach().float().cpu()
    positions = mapped(extension.max_tokens, trained, cast(Map, extension.method))
    rows = torch.from_numpy(table(weight[offset : offset + trained].numpy(), positions))
    weight = torch.cat([weight[:offset], rows]).to(old.weight)
    new = torch.nn.Embedding(len(weight), weight.shape[1], old.padding_idx, _weight=weight)
    embeddings.position_embeddings = new
    architecture.backbone.config.max_position_embeddings = extension.max_tokens + offset
    architecture.lengthen_buffers(extension.max_tokens + offset)
