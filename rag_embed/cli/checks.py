"""What `rag-embed doctor` found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: ``ok``, ``note`` (could be better) or ``bad``; with figures for a program, if any."""

    name: str
    state: str
    detail: str
    data: Mapping[str, Any] = field(default_factory=dict, hash=False)
