"""Where each text of the running forward pass begins and ends.

Positions are mapped deep inside a model, where padding cannot be told from text any more. So the
attention mask is noted when it enters the transformer module, for as long as that module runs.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch

from rag_embed.errors import BadInput

_NAME = "attention_mask"


@dataclass(frozen=True, slots=True, eq=False)
class Lengths:
    """Of a batch of padded texts.

    Attributes:
        starts: ``(n,)`` int64, the first token that is no padding.
        counts: ``(n,)`` int64, tokens from there to the last that is no padding.
    """

    starts: torch.Tensor
    counts: torch.Tensor

    @classmethod
    def of(cls, mask: torch.Tensor) -> Lengths:
        """From an attention mask ``(n, padded)``."""
        real = mask.bool().int()
        starts = real.argmax(dim=1)
        ends = real.shape[1] - real.flip(1).argmax(dim=1)
        return cls(starts, torch.where(real.any(dim=1), ends - starts, 0))

    def positions(self, padded: int) -> torch.Tensor:
        """``(n, padded)`` int64: each token's position in its own text; padding gets the nearest."""
        at = torch.arange(padded, device=self.starts.device)[None, :] - self.starts[:, None]
        last = (self.counts - 1).clamp(min=0)[:, None]
        return torch.minimum(at.clamp(min=0), last)


_running: ContextVar[Lengths | None] = ContextVar("lengths", default=None)


def current() -> Lengths:
    """The lengths of the running batch.

    Raises:
        BadInput: The model inside was called by itself.
    """
    lengths = _running.get()
    if lengths is None:
        raise BadInput(
            "An extended model needs to know where each text ends: call the SentenceTransformer, "
            "not the transformers model inside it; or bake() it, which leaves an ordinary model."
        )
    return lengths


def note_lengths(module: torch.nn.Module, trained: int) -> None:
    """Make a transformer module note the lengths of each batch; once is enough.

    Args:
        module: The first module of a SentenceTransformer.
        trained: Tokens it was trained on; a single text beyond them loses its padding.
    """
    if not any(isinstance(hook, _Note) for hook in module._forward_pre_hooks.values()):
        module.register_forward_pre_hook(_Note(trained))
        module.register_forward_hook(_after, always_call=True)


@dataclass(frozen=True, slots=True)
class _Note:
    trained: int

    def __call__(self, _: torch.nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        features, *others = arguments
        lengths = Lengths.of(features[_NAME])
        if len(lengths.counts) == 1 and int(lengths.counts[0]) > self.trained:
            features = _unpadded(features, lengths)
            lengths = Lengths.of(features[_NAME])
        _running.set(lengths)
        return (features, *others)


def _unpadded(features: dict[str, Any], lengths: Lengths) -> dict[str, Any]:
    """One text without its padding: attention then needs no mask, which is the square of its length.

    Texts within the trained length keep theirs, and with it the model's own bits.
    """
    padded = features[_NAME].shape
    start = int(lengths.starts[0])
    own = slice(start, start + int(lengths.counts[0]))
    return {
        name: value[:, own] if isinstance(value, torch.Tensor) and value.shape == padded else value
        for name, value in features.items()
    }


def _after(*_: object) -> None:
    _running.set(None)
