"""How much each leg and second stage counts."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from rag_embed.arguments import is_number
from rag_embed.errors import BadInput
from rag_embed.types import DENSE, LEXICAL, TOKENS

WEIGHTS: Mapping[str, float] = {DENSE: 0.5, LEXICAL: 0.5, TOKENS: 0.125}
"""The default mixture; see ``python -m benchmarks`` quality and tokens."""


def checked(
    weights: Mapping[str, float], legs: Collection[str], stages: Collection[str] = ()
) -> dict[str, float]:
    """Weights as plain numbers.

    Args:
        weights: Weight of each leg and second stage by name; one that is not named counts nothing.
        legs: Names of all legs that there are.
        stages: Names of all second stages.

    Raises:
        BadInput: It is no mapping, counts something that is not there or no leg, or a number is below
            0 or not finite.

    Examples:
        >>> checked({"dense": 1}, ["dense", "lexical"])
        {'dense': 1.0}
    """
    if not isinstance(weights, Mapping):
        raise BadInput(
            "weights maps names to numbers, such as {'dense': 0.3, 'lexical': 0.7}; got "
            f"{type(weights).__name__}."
        )
    names = [*legs, *stages]
    for name, weight in weights.items():
        if not is_number(weight) or not 0.0 <= float(weight) < math.inf:
            raise BadInput(f"The weight of {name!r} must be a number >= 0, got {weight!r}.")
        if weight and name not in names:
            raise BadInput(
                f"The weights count {name!r}, which is not there; there are: {', '.join(names)}. "
                "Correct the name, or attach what is missing."
            )
    if not any(weights.get(leg) for leg in legs):
        raise BadInput(f"The weights {dict(weights)} count none of the legs: {', '.join(legs)}.")
    return {name: float(weight) for name, weight in weights.items()}
