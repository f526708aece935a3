"""An empty index, in memory and on LanceDB."""

from __future__ import annotations

import pytest
from stories import FIELDS, Counting

from rag_embed import Index


@pytest.fixture(params=["memory", "lance"])
def index(request, tmp_path) -> Index:
    if request.param == "memory":
        return Index.in_memory(encoder=Counting(), fields=FIELDS)
    return Index.create(tmp_path / "kb", encoder=Counting(), fields=FIELDS)
