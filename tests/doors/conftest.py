"""Indexes that are made once, and the ways into them, asked from a working folder of their own."""

from __future__ import annotations

import pytest
from doors.indexes import Indexes
from doors.ways import LangChain, LlamaIndex, Python, Shell


@pytest.fixture(scope="session")
def kbs(tmp_path_factory) -> Indexes:
    return Indexes(tmp_path_factory.mktemp("doors"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch, loaded_once) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def ways(monkeypatch, capsys):
    return {
        "Python": Python(),
        "shell": Shell(monkeypatch, capsys),
        "LangChain": LangChain(),
        "LlamaIndex": LlamaIndex(),
    }
