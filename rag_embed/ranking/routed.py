"""What a router decides, checked: a stranger's router may weigh anything."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from rag_embed.errors import BadInput
from rag_embed.protocols import Router
from rag_embed.types import Query, Route, Vectors


def routes_of(
    router: Router, queries: Sequence[Query], rows: Vectors, known: Collection[str]
) -> list[Route]:
    """One route per query.

    Args:
        router: Decides.
        queries: What is asked; each has a text.
        rows: ``(len(queries), dim)`` the queries' vectors by the base leg.
        known: Names of all legs and second stages that there are.

    Raises:
        BadInput: There are not as many routes as queries, or one weighs what is not there, or by a
            number out of range.
    """
    name, found = type(router).__name__, router.route(queries, rows)
    if len(found) != len(queries):
        raise BadInput(
            f"{name}.route() must give one Route per query, {len(queries)} in all; got {len(found)}."
        )
    for route in found:
        if strange := sorted(route.weights.keys() - set(known)):
            raise BadInput(
                f"{name} weighs the legs {strange}, which are not there; known: {sorted(known)}."
            )
        if not all(0.0 <= weight < math.inf for weight in route.weights.values()):
            raise BadInput(f"{name} must give weights >= 0 and finite, got {dict(route.weights)}.")
    return found
