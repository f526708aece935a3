"""Putting off imports that take long and are for nothing here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec, module_from_spec
from types import FrameType


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


def spare_pandas() -> None:
    """Let Arrow's ``dataset``, which LanceDB imports, not import pandas where that is installed.

    It would take a fifth of the time of a cold search. For a process that hands out no data frame:
    Arrow then takes none as an array. Whoever else imports pandas gets it.
    """
    sys.meta_path.insert(0, _NoPandasForDataset())


class _NoPandasForDataset:
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas" and "pyarrow.dataset" in _importers():
            raise ModuleNotFoundError("pandas is left out", name=name)


def _importers() -> Iterator[str]:
    """The modules that are being run in this thread, the innermost first."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield frame.f_globals.get("__name__", "")
        frame = frame.f_back
