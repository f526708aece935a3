"""What `rag-embed doctor` found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: ``ok``, ``note`` (could be better) or ``bad``."""

    name: str
    state: str
    detail: str
