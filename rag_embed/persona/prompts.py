"""What a user asks, with the history it is asked from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.types import Vectors


@dataclass(frozen=True, slots=True, eq=False)
class PersonaPrompt:
    """What a user asks, with what the user did before.

    Attributes:
        text: What the language model reads.
        history: Texts of the user's events, or their ``(n, dim)`` vectors by the history encoder,
            which saves encoding them again. All of them: in the paper a selection does worse.
            Empty for a new user, who gets no ``P``.
        query: What the attention is computed with, ``text`` when empty: the part of it that says
            what it is about.

    Raises:
        BadInput: A text is no ``str``, or the history is neither texts nor finite vectors.

    Examples:
        >>> PersonaPrompt("Tag this: the plumber's bill", ["home: a broken boiler"]).asked
        "Tag this: the plumber's bill"
    """

    text: str
    history: Sequence[str] | Vectors = ()
    query: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not isinstance(self.query, str):
            raise BadInput(
                "PersonaPrompt.text and .query must be str, got "
                f"{type(self.text).__name__} and {type(self.query).__name__}."
            )
        if isinstance(self.history, np.ndarray):
            if self.history.ndim != 2 or not np.isfinite(self.history).all():
                raise BadInput(
                    "A history of vectors must be finite numbers of shape (n, dim), got "
                    f"{self.history.dtype} of shape {self.history.shape}."
                )
        elif isinstance(self.history, str) or not all(isinstance(h, str) for h in self.history):
            raise BadInput("PersonaPrompt.history must be texts, or an array of their vectors.")

    @property
    def asked(self) -> str:
        """What the attention is computed with."""
        return self.query or self.text

    @property
    def texts(self) -> list[str]:
        """The history's texts; none where it is vectors."""
        return [] if isinstance(self.history, np.ndarray) else list(self.history)
