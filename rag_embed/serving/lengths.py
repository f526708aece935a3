"""How much of a text fits a budget of tokens."""

from __future__ import annotations

from rag_embed.chunking.tokens import LONGEST, TokenCounts
from rag_embed.serving.library import Shelf

_MARGIN = 40
"""Characters that are looked back for a place to cut at."""


def fitting(shelf: Shelf, text: str, budget: int) -> int:
    """How many first characters have at most ``budget`` tokens, whole words if that is near.

    Args:
        shelf: Whose model counts.
        text: Any text; only as much of it is counted as can fit.
        budget: Tokens, >= 0.
    """
    if budget <= 0:
        return 0
    head = text[: budget * LONGEST]
    counts = TokenCounts.of(shelf.index.spaces.own.encoder.token_spans(head))
    end = counts.reach(0, budget)
    if end is None:
        return len(head)
    near = max(head.rfind(space, max(0, end - _MARGIN), end) for space in "\n ")
    return near if near > 0 else end
