"""An empty index, in memory and on LanceDB, and a folder to add."""

from __future__ import annotations

from pathlib import Path

import pytest
from handbook import filled

from rag_embed import Index
from rag_embed.encoders import HashEncoder


@pytest.fixture(params=["memory", "lance"])
def index(request, tmp_path) -> Index:
    fields = {"year": int}
    if request.param == "memory":
        return Index.in_memory(encoder=HashEncoder(16), fields=fields)
    return Index.create(tmp_path / "kb", encoder=HashEncoder(16), fields=fields)


@pytest.fixture
def folder(tmp_path) -> Path:
    return filled(
        tmp_path / "handbook",
        {"leave.md": "# Leave\n\nThirty days.", "rooms/kitchen.txt": "Coffee on Friday."},
    )
