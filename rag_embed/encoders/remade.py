"""Encoders go to another process as the call that makes them there again."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from typing_extensions import Self

from rag_embed.paths import absolute


class Remade:
    """Copied as itself, since it never changes; pickled as the call that made it.

    So a pickle holds no weights: whoever unpickles it reads them from where they lie. A folder that
    was named relative to the working folder is found from any other.
    """

    _make: Callable[[], Any]

    def __new__(cls, *args: Any, **options: Any) -> Self:  # noqa: ANN401  # those of the subclass
        """Remember the call."""
        made = super().__new__(cls)
        named = {name: _lasting(one) for name, one in options.items() if name in _FOLDERS}
        made._make = partial(cls, *map(_lasting, args), **{**options, **named})
        return made

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return self._make, ()


_FOLDERS = ("model", "folder")


def _lasting(value: Any) -> Any:  # noqa: ANN401
    """The whole path of a folder; anything else as it is."""
    if isinstance(value, str | os.PathLike) and os.path.isdir(absolute(value)):
        return absolute(value)
    return value
