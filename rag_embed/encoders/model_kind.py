"""What kind of model a folder says it holds. Loading it as another kind would invent weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rag_embed.encoders.models import json_of


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
        """Read a model's folder.

        Raises:
            ModelUnavailable: A file of it is damaged.
        """
        named = (json_of(folder / "config_sentence_transformers.json") or {}).get("model_type")
        heads = (json_of(folder / "config.json") or {}).get("architectures")
        return cls(str(named or ""), tuple(str(head) for head in heads or ()))

    def __str__(self) -> str:
        """For messages."""
        return self.library or ", ".join(self.architectures) or "of a kind that is not named"
