"""Two indexes that are made once; tests change copies of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from stores.readings import filled


@pytest.fixture(scope="session")
def few(tmp_path_factory) -> Path:
    """Of six documents."""
    return filled(tmp_path_factory.mktemp("few") / "kb", 6)


@pytest.fixture(scope="session")
def many(tmp_path_factory) -> Path:
    """Of forty."""
    return filled(tmp_path_factory.mktemp("many") / "kb", 40)
