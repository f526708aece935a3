"""Does it help on this corpus? Everything here asks labels; nothing here serves a query.

One kind of labels goes in, `evaluation.Collection`; one kind of answer comes out, `evaluation.Verdict`;
and ``index.apply(verdict)`` makes it take effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag_embed.lazy import lazily

if TYPE_CHECKING:
    from rag_embed.tuning.everything import tune_all
    from rag_embed.tuning.personal import tune_personal
    from rag_embed.tuning.pilots import confirmed
    from rag_embed.tuning.relevance import calibrated
    from rag_embed.tuning.router import fit_router
    from rag_embed.tuning.situate import choose
    from rag_embed.tuning.tokens import token_gain
    from rag_embed.tuning.tune import reset

_HOMES = {
    "calibrated": "tuning.relevance",
    "choose": "tuning.situate",
    "confirmed": "tuning.pilots",
    "fit_router": "tuning.router",
    "reset": "tuning.tune",
    "token_gain": "tuning.tokens",
    "tune_all": "tuning.everything",
    "tune_personal": "tuning.personal",
}

__all__ = [
    "calibrated",
    "choose",
    "confirmed",
    "fit_router",
    "reset",
    "token_gain",
    "tune_all",
    "tune_personal",
]

__getattr__ = lazily(__name__, _HOMES)
