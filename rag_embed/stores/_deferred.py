"""Putting off the import of a package's ``__init__`` until something in it is used."""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec


def defer_package(name: str) -> None:
    """Register a package whose ``__init__`` runs when one of its names is first asked for.

    Its submodules import as usual. Does nothing when the package is imported already, or missing.

    Args:
        name: A top-level package.
    """
    spec = None if name in sys.modules else find_spec(name)
    if spec is None or spec.loader is None or spec.submodule_search_locations is None:
        return
    loader = spec.loader
    module = module_from_spec(spec)

    def load(attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        del module.__dict__["__getattr__"]
        loader.exec_module(module)
        return getattr(module, attribute)

    module.__dict__["__getattr__"] = load
    sys.modules[name] = module
