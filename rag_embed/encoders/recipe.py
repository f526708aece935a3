"""`Recipe`: how an encoder, or a way to situate chunks, is made again - as data that an index keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """What it takes to make something again, in another process and from any working folder.

    It holds no code: of what kind a thing is, is said by a word, and whoever opens the index knows how
    things of that kind are made.

    Attributes:
        kind: What is made; see `rebuilding` and `situated.rebuilding`.
        settings: JSON values; folders are absolute.
        files: Small files that are needed, by name; an index keeps them inside.
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    files: Mapping[str, bytes] = field(default_factory=dict, hash=False)


def recipe_of(thing: object) -> Recipe | None:
    """What a thing says about how it is made again; None where it says nothing.

    What a class has from a class of another module does not count: the recipe makes a thing of that other
    class, and nobody knows how the two differ.
    """
    for one in type(thing).__mro__:
        if "recipe" in vars(one) and one.__module__ == type(thing).__module__:
            found = getattr(thing, "recipe", None)
            return found if isinstance(found, Recipe) else None
    return None
