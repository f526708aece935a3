"""What an encoder on OpenVINO computes in."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from rag_embed.errors import BadInput

Precision: TypeAlias = Literal["auto", "f32", "bf16", "int8"]
"""``"auto"`` is bf16 where the CPU computes in it and the model bears it, f32 elsewhere; ``"int8"`` keeps
weights in eight bits: faster than f32, and used by those alone who ask for it."""


def check_precision(precision: str) -> None:
    """Check what an encoder shall compute in.

    Raises:
        BadInput: It is none of `Precision`.
    """
    if precision not in get_args(Precision):
        raise BadInput(
            f"precision must be one of {', '.join(get_args(Precision))}; got {precision!r}."
        )
