"""Names of a room that are loaded when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The ``__getattr__`` of a package whose names live in modules that are slow to import.

    Args:
        package: The package's ``__name__``.
        homes: Name -> module below `rag_embed` that defines it.

    Examples:
        >>> lazily("rag_embed", {"Document": "types"})("Document").__name__
        'Document'
    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"rag_embed.{homes[name]}"), name)

    return get
