"""Putting off imports that take long and are for nothing here."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import FrameType
from typing import Any


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


def defer_classes(name: str) -> None:
    """Register a package that only gathers classes, each of which is made when it is first used.

    What is imported from it stands for a class: it can be named in an annotation, called, asked for what it
    has and whether something is one. It is not the class itself and cannot be inherited from, so this is for a
    process whose program is known. Does nothing when the package is imported already, or missing.

    Args:
        name: A package whose ``__init__`` says ``from module import class``, line by line, and nothing else.
    """
    try:
        spec = None if name in sys.modules else find_spec(name)
    except ModuleNotFoundError:  # nor is there what it is in
        return
    if spec is None or spec.loader is None:
        return
    loader, module = spec.loader, module_from_spec(spec)

    @cache
    def homes() -> dict[str, str]:
        source = loader.get_source(name)  # type: ignore[attr-defined]  # it is a file
        found = re.findall(r"^from (\S+) import (\w+)$", source, re.MULTILINE)
        return {attribute: home for home, attribute in found}

    def stand_in(attribute: str) -> type:
        if attribute.startswith("__") or attribute not in homes():
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        stands = _Later(attribute, (), {})
        stands.real = lambda: getattr(import_module(homes()[attribute]), attribute)
        return module.__dict__.setdefault(attribute, stands)  # type: ignore[no-any-return]

    module.__dict__["__getattr__"] = stand_in
    sys.modules[name] = module


class _Later(type):
    """Stands for a class of its name; see `defer_classes`."""

    real: Any

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return cls.real()(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:  # noqa: ANN401
        if name.startswith("__"):  # whoever reads annotations asks for such
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return getattr(cls.real(), name)

    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, cls.real())


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
