"""The card of a training run: what was trained on what, and what it brings on the held-out side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rag_embed.encoders.adapter_card import Card, Kind
from rag_embed.maths.resampling import paired_bootstrap
from rag_embed.training.corpus import K
from rag_embed.training.loop import Fitted
from rag_embed.training.splits import Split

_Rows = npt.NDArray[np.floating[Any]]


def card_of(
    kind: Kind,
    name: str,
    data: str,
    base: tuple[str, str],
    split: Split,
    fitted: Fitted,
    scores: tuple[_Rows, _Rows],
    settings: Mapping[str, Any],
    started: float,
    strength: float = 1.0,
) -> Card:
    """What a run says of itself.

    Args:
        kind: What was trained.
        name: The name of what was trained.
        data: Says where the pairs come from.
        base: Name of the model that was trained, and hash of its weights.
        split: The three sides.
        fitted: The end of the loop.
        scores: Of each held-out query, without what was trained and with it.
        settings: All that decides the result.
        started: ``time.perf_counter()`` when the run began.
        strength: Share of the learned change that validation preferred.
    """
    before, after = scores
    return Card(
        kind=kind,
        name=name,
        data=data,
        base=base[0],
        weights=base[1],
        pairs=split.pairs,
        documents=split.documents,
        settings=settings,
        steps=fitted.step,
        strength=strength,
        seconds=round(time.perf_counter() - started, 1),
        history=fitted.history,
        metric=f"ndcg@{K}",
        before=float(before.mean()),
        after=float(after.mean()),
        gain=paired_bootstrap(after, before),
    )
