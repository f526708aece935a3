"""The examples in docstrings run."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest
from llama_index.retrievers import rag_embed as adapter

MODULES = [f"{adapter.__name__}.{module.name}" for module in pkgutil.iter_modules(adapter.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name) -> None:
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_examples() -> None:
    found = [doctest.DocTestFinder().find(import_module(name)) for name in MODULES]
    assert sum(len(test.examples) for some in found for test in some) > 10
