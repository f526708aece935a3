"""A user's events as JSON lines, to take away and to bring back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from rag_embed.errors import BadInput
from rag_embed.events import UserEvent, check_user
from rag_embed.protocols import Histories

_KEYS = ("id", "text", "time", "outcome", "kind", "weight", "metadata")


def exported(histories: Histories, user: str) -> Iterator[str]:
    """One JSON object a line for each event of a user, oldest first.

    Vectors are left out: they are made anew by whatever encoder the events are brought to.
    """
    for event in histories.history(user).events:
        values = {key: getattr(event, key) for key in _KEYS}
        yield json.dumps({**values, "metadata": dict(event.metadata)}, ensure_ascii=False)


def read_events(path: str | PathLike[str], user: str | None = None) -> Iterator[UserEvent]:
    """Events from JSON lines; ``text`` is all that a line must have.

    Args:
        path: A file; keys are those of `UserEvent`. Lines without ``id`` get one made of their content.
        user: Whose they are, whatever the file says: nobody can bring events for somebody else. With
            None each line names its ``user``, for an owner who brings those of many.

    Raises:
        BadInput: The file cannot be read, or a line is none; the message begins with ``file:line``.
    """
    try:
        with Path(path).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _event(line, f"{path}:{number}", user)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput(f"Cannot read events from {str(path)!r}: {why}.") from error


def _event(line: str, where: str, user: str | None) -> UserEvent:
    try:
        values: Any = json.loads(line)
    except (RecursionError, ValueError) as error:
        raise BadInput(f"{where}: expected one JSON object a line ({error}).") from error
    if not isinstance(values, Mapping) or not isinstance(values.get("text"), str):
        raise BadInput(f"{where}: expected a JSON object with a 'text'.")
    if unknown := values.keys() - {*_KEYS, "user"}:
        raise BadInput(
            f"{where}: unknown key {min(unknown)!r}; known are user, {', '.join(_KEYS)}."
        )
    given = {key: values[key] for key in _KEYS if key in values}
    whose = values.get("user") if user is None else user
    if whose is None:
        raise BadInput(
            f"{where}: no user is named; give the line a 'user', or all of them one (--user)."
        )
    try:
        owner = check_user(whose)
        id = given.pop("id", None)
        if id is None:
            return UserEvent.of(owner, given.pop("text"), **given)
        if "time" not in given:
            raise BadInput("an event with an id needs its time, in seconds since 1970")
        return UserEvent(id, owner, **given)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error
