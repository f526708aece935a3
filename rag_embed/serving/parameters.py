"""What a tool takes: each parameter knows its JSON schema and checks what comes, so that both agree."""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

from rag_embed.arguments import nearest
from rag_embed.errors import BadInput
from rag_embed.text import storable

_KINDS: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class Refused(BadInput):
    """What a caller asked cannot be done; the message is for the caller, and holds nothing else."""


class Parameter(Protocol):
    """One argument of a tool."""

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the values that `read` takes."""
        ...

    @property
    def needed(self) -> bool:
        """Whether it must be given."""
        ...

    def read(self, name: str, value: object, /) -> Any:  # noqa: ANN401
        """The value that is worked with; of None the default.

        Raises:
            Refused: It is of another kind, or out of range.
        """
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text of 1 to ``longest`` characters.

    Attributes:
        about: What it is, for the caller.
        longest: Characters at most.
        needed: Whether it must be given; an empty text where it need not and is not.
    """

    about: str
    longest: int = 1000
    needed: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """See `Parameter`."""
        sizes = {"minLength": 1, "maxLength": self.longest}
        return {"type": "string", **sizes, "description": self.about}

    def read(self, name: str, value: object, /) -> str:
        """See `Parameter`."""
        if value is None:
            return ""
        if not isinstance(value, str):
            raise wrong(name, "a text", value)
        if not value.strip() or len(value) > self.longest:
            raise Refused(f"{name} has 1 to {self.longest} characters, got {len(value)}.")
        return storable(value)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number.

    Attributes:
        about: What it is, for the caller.
        least: The smallest one.
        most: The largest one.
        default: What counts where none is given; None for none.
    """

    about: str
    least: int
    most: int
    default: int | None = None
    needed: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """See `Parameter`."""
        default = {} if self.default is None else {"default": self.default}
        limits = {"minimum": self.least, "maximum": self.most}
        return {"type": "integer", **limits, **default, "description": self.about}

    def read(self, name: str, value: object, /) -> int | None:
        """See `Parameter`."""
        if value is None:
            return self.default
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(whole, bool) or not isinstance(whole, int):
            raise wrong(name, "a whole number", value)
        if not self.least <= whole <= self.most:
            raise Refused(f"{name} is between {self.least} and {self.most}, got {brief(whole)}.")
        return whole


@dataclass(frozen=True, slots=True)
class Share:
    """A number between 0 and 1.

    Attributes:
        about: What it is, for the caller.
        default: What counts where none is given.
    """

    about: str
    default: float
    needed: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """See `Parameter`."""
        limits = {"minimum": 0, "maximum": 1, "default": self.default}
        return {"type": "number", **limits, "description": self.about}

    def read(self, name: str, value: object, /) -> float:
        """See `Parameter`."""
        if value is None:
            return self.default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(name, "a number between 0 and 1", value)
        if not 0 <= value <= 1:  # NaN is not either
            raise Refused(f"{name} is between 0 and 1, got {brief(value)}.")
        return float(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several names.

    Attributes:
        about: What it is, for the caller.
        names: Those there are.
        default: What counts where none is given; empty for none.
    """

    about: str
    names: tuple[str, ...]
    default: str = ""
    needed: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """See `Parameter`."""
        default = {"default": self.default} if self.default else {}
        return {"type": "string", "enum": [*self.names], **default, "description": self.about}

    def read(self, name: str, value: object, /) -> str:
        """See `Parameter`."""
        if value is None:
            return self.default
        if not isinstance(value, str):
            raise wrong(name, f"one of {listed(self.names)}", value)
        if value not in self.names:
            raise Refused(f"{name} is one of {listed(self.names)}, got {brief(value)}.")
        return value


def arguments(
    tool: str, takes: Mapping[str, Parameter], given: Mapping[str, object]
) -> dict[str, Any]:
    """All arguments of a call, checked, defaults filled in; ``null`` counts as not given.

    Raises:
        Refused: One is unknown, missing, or cannot be used.

    Examples:
        >>> arguments("search", {"k": Whole("Results at most.", 1, 50, 10)}, {})
        {'k': 10}
        >>> arguments("search", {"query": Text("What to look for.", needed=True)}, {"qery": "x"})
        Traceback (most recent call last):
        rag_embed.serving.parameters.Refused: search takes query, not 'qery'. Did you mean query?
    """
    check_names(tool, takes, given)
    missing = [name for name, one in takes.items() if one.needed and given.get(name) is None]
    if missing:
        raise Refused(f"{tool} needs {', '.join(missing)}.")
    return {name: one.read(name, given.get(name)) for name, one in takes.items()}


def check_names(what: str, takes: Collection[str], given: Iterable[str]) -> None:
    """Refuse names that would not be read.

    Args:
        what: What is asked, for the message.
        takes: Names of what it reads.
        given: Names of what it was given.

    Raises:
        Refused: One is unknown.
    """
    for name in given:
        if name not in takes:
            near = nearest(str(name), takes)
            hint = f" Did you mean {near}?" if near else ""
            raise Refused(f"{what} takes {listed([*takes])}, not {brief(name)}.{hint}")


def schema_of(takes: Mapping[str, Parameter]) -> dict[str, Any]:
    """JSON Schema of all arguments of a tool."""
    return {
        "type": "object",
        "properties": {name: one.schema for name, one in takes.items()},
        "required": [name for name, one in takes.items() if one.needed],
        "additionalProperties": False,
    }


def wrong(name: str, expected: str, value: object) -> Refused:
    """The error for a value of another kind."""
    kind = _KINDS.get(type(value), type(value).__name__)
    return Refused(f"{name} must be {expected}, got {kind}.")


def brief(value: object) -> str:
    """A value in a message: short, and nothing in it that cannot be printed."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**20:
        return "a number of more than 20 digits"
    if isinstance(value, float) and not isfinite(value):
        return "no finite number"
    return ascii(reprlib.repr(value))[1:-1] if isinstance(value, str) else reprlib.repr(value)


def listed(names: Sequence[str]) -> str:
    """Names in a message, at most twenty."""
    more = [f"and {len(names) - 20} more"] if len(names) > 20 else []
    return ", ".join([*names[:20], *more])
