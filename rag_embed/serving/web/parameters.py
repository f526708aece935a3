"""Further kinds of parameters, for programs: lists of texts, yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rag_embed.serving.parameters import Refused, Text, wrong


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts.

    Attributes:
        about: What they are, for the caller.
        most: How many at most.
        longest: Characters of each at most.
        needed: Whether it must be given, and holds one at least; an empty list where it need not.
    """

    about: str
    most: int
    longest: int = 4000
    needed: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """See `serving.parameters.Parameter`."""
        return {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": self.longest},
            "minItems": int(self.needed),
            "maxItems": self.most,
            "description": self.about,
        }

    def read(self, name: str, value: object, /) -> tuple[str, ...]:
        """See `serving.parameters.Parameter`."""
        if value is None:
            return ()
        if not isinstance(value, list):
            raise wrong(name, "a list of texts", value)
        if not int(self.needed) <= len(value) <= self.most:
            raise Refused(
                f"{name} lists {int(self.needed)} to {self.most} texts, got {len(value)}."
            )
        if None in value:
            raise wrong(f"{name}[{value.index(None)}]", "a text", None)
        one = Text(self.about, self.longest)
        return tuple(one.read(f"{name}[{number}]", text) for number, text in enumerate(value))


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no; no where it is not given.

    Attributes:
        about: What happens with yes, for the caller.
    """

    about: str
    needed: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """See `serving.parameters.Parameter`."""
        return {"type": "boolean", "default": False, "description": self.about}

    def read(self, name: str, value: object, /) -> bool:
        """See `serving.parameters.Parameter`."""
        if value is not None and not isinstance(value, bool):
            raise wrong(name, "true or false", value)
        return bool(value)
