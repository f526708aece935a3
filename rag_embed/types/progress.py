"""How far a long piece of work has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something that takes long is.

    Attributes:
        done: Documents, chunks, queries or steps that are done.
        total: How many there are; None where nobody knows.
        stage: What is being done, such as the name of the system that is measured.
        chunks: Chunks written, where documents are counted.
        score: Best score so far, where something is trained.
    """

    done: int
    total: int | None = None
    stage: str = ""
    chunks: int = 0
    score: float | None = None


OnProgress: TypeAlias = Callable[[Progress], None]
"""Called now and then by what takes long: adding, encoding again, measuring, fitting, training."""
