"""Indexes in memory and on LanceDB, empty and with three texts, and a folder to add."""

from __future__ import annotations

from pathlib import Path

import pytest
from handbook import filled
from three_texts import documents

from rag_embed import Index
from rag_embed.encoders import HashEncoder


@pytest.fixture(params=["memory", "lance"])
def index(request, tmp_path) -> Index:
    fields = {"year": int}
    if request.param == "memory":
        return Index.in_memory(encoder=HashEncoder(16), fields=fields)
    return Index.create(tmp_path / "kb", encoder=HashEncoder(16), fields=fields)


@pytest.fixture(params=["memory", "lance"])
def three(request, tmp_path) -> Index:
    if request.param == "memory":
        index = Index.in_memory(encoder=HashEncoder(64))
    else:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(64))
    index.add(documents())
    return index


@pytest.fixture
def folder(tmp_path) -> Path:
    return filled(
        tmp_path / "handbook",
        {"leave.md": "# Leave\n\nThirty days.", "rooms/kitchen.txt": "Coffee on Friday."},
    )
