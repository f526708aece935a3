"""The package: what it exports, that it is a namespace package, and that its README runs."""

from __future__ import annotations

import re
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from llama_index.retrievers import rag_embed as adapter

README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")


def test_exports() -> None:
    assert sorted(adapter.__all__) == adapter.__all__
    assert all(hasattr(adapter, name) for name in adapter.__all__)


@pytest.mark.parametrize("name", ["llama_index", "llama_index.retrievers"])
def test_the_namespace_is_shared(name) -> None:
    assert find_spec(name).origin is None


def test_the_package_is_typed() -> None:
    assert Path(adapter.__file__).with_name("py.typed").exists()


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_readme_runs(code, tmp_path, monkeypatch, capsys) -> None:
    # What it leaves in a new temporary folder, it leaves where the test cleans up.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    exec(compile(code, "README.md", "exec"), {})
    assert "fox" in capsys.readouterr().out
