"""SelfExtend: near tokens as ever, far tokens at positions shared by a group of neighbours.

Jin et al., "LLM Maybe LongLM" (ICML 2024), with what LongEmbed adds for attention in both directions.
Queries and keys arrive rotated to their own positions. Rotations add up, so they are turned on by
what is missing to the shared position, and no model has to be written anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

_BLOCK = 256
"""Queries at a time: memory grows with the length of a text, not with its square."""


@dataclass(frozen=True, slots=True, eq=False)
class SelfExtend:
    """Attention of one text whose far tokens share positions.

    Attributes:
        group: Neighbours that share a position.
        window: Distances below it are exact.
        frequencies: ``(dim / 2,)`` radians per position.
    """

    group: int
    window: int
    frequencies: torch.Tensor

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
        *,
        causal: bool,
    ) -> torch.Tensor:
        """Attention output of one text.

        Args:
            query: ``(heads, n, dim)``, rotated to the text's positions, from any start.
            key: ``(key heads, n, dim)``, likewise.
            value: ``(key heads, n, dim)``.
            scaling: What logits are multiplied by; ``dim ** -0.5`` by default.
            causal: Whether tokens see earlier ones only.

        Returns:
            ``(n, heads, dim)``.
        """
        heads, count, dim = query.shape
        repeats = heads // key.shape[0]
        key, value = (some.repeat_interleave(repeats, dim=0) for some in (key, value))
        at = torch.arange(count, device=query.device)
        shared = at // self.group
        shift = self.window - self.window // self.group
        grouped_query = self._turned(query, shared - at)
        later_query = self._turned(query, shared + shift - at)
        grouped_key = self._turned(key, shared - at)
        later_key = None if causal else self._turned(key, shared + shift - at)
        factor = dim**-0.5 if scaling is None else scaling
        output = query.new_empty((heads, count, value.shape[-1]))
        for start in range(0, count, _BLOCK):
            some = slice(start, start + _BLOCK)
            distance = at[some, None] - at[None, :]
            logits = later_query[:, some] @ grouped_key.transpose(1, 2)
            if later_key is not None:
                after = grouped_query[:, some] @ later_key.transpose(1, 2)
                logits = torch.where(distance < 0, after, logits)
            near = query[:, some] @ key.transpose(1, 2)
            logits = torch.where(distance.abs() < self.window, near, logits) * factor
            if causal:
                logits = logits.masked_fill(distance < 0, -torch.inf)
            output[:, some] = logits.softmax(dim=-1, dtype=torch.float32).to(value.dtype) @ value
        return output.transpose(0, 1)

    def _turned(self, rows: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
        """Rotate ``(heads, n, dim)`` rows on by so many positions each."""
        angles = by[:, None].float() * self.frequencies.to(rows.device)[None, :]
        cos, sin = angles.cos().to(rows.dtype), angles.sin().to(rows.dtype)
        half = cos.shape[-1]
        first, second, rest = rows[..., :half], rows[..., half : 2 * half], rows[..., 2 * half :]
        return torch.cat((first * cos - second * sin, second * cos + first * sin, rest), dim=-1)
