"""What a call is given: counts are integers of Python or numpy, truth values no numbers, options known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

from rag_embed.errors import BadInput


def count(what: str, given: object, least: int = 1, most: int | None = None) -> int:
    """A count as a plain int.

    Args:
        what: Its name, for the message.
        given: An integer, of Python or numpy.
        least: The smallest that is allowed.
        most: The largest; None for any.

    Raises:
        BadInput: It is no integer, or out of range.

    Examples:
        >>> import numpy as np
        >>> count("k", np.int64(3))
        3
    """
    if isinstance(given, Integral) and not isinstance(given, bool):
        plain = int(given)
        if least <= plain and (most is None or plain <= most):
            return plain
    limits = f">= {least}" if most is None else f"from {least} to {most}"
    raise BadInput(f"{what} must be an integer {limits}, got {given!r}.")


def set_counts(owner: Any, least: int = 1, *names: str) -> None:  # noqa: ANN401
    """Check counts that a frozen dataclass was given, and keep them as plain ints.

    Args:
        owner: The dataclass, in its ``__post_init__``.
        least: The smallest that is allowed.
        *names: Its attributes; None is kept where the type allows it.

    Raises:
        BadInput: One is no integer, or out of range.
    """
    optional = {one.name for one in fields(owner) if "None" in str(one.type)}
    for name in names:
        if (given := getattr(owner, name)) is not None or name not in optional:
            plain = count(f"{type(owner).__name__}.{name}", given, least)
            object.__setattr__(owner, name, plain)


def is_number(given: object) -> bool:
    """Whether this is a real number, of Python or numpy.

    Examples:
        >>> is_number(0.5), is_number(True), is_number("1")
        (True, False, False)
    """
    return isinstance(given, Real) and not isinstance(given, bool)


def check_options(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse options that a call would not read.

    Args:
        what: The call, for the message.
        given: Names of what it was given.
        known: Names of what it reads.

    Raises:
        BadInput: One is not known.
    """
    if strange := sorted(set(given) - set(known)):
        raise BadInput(f"{what} has no option {strange[0]!r}; it takes {', '.join(sorted(known))}.")
