"""What kind of model a folder says it holds. Loading it as another kind would invent weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of a saved model.

    Attributes:
        library: What sentence-transformers, or PyLate, saved it as; empty where neither did.
        architectures: Classes of transformers.
    """

    library: str
    architectures: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> Kind:
        """Read a model's folder."""
        named = _json(folder / "config_sentence_transformers.json").get("model_type")
        heads = _json(folder / "config.json").get("architectures")
        return cls(str(named or ""), tuple(str(head) for head in heads or ()))

    def __str__(self) -> str:
        """For messages."""
        return self.library or ", ".join(self.architectures) or "of a kind that is not named"


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
