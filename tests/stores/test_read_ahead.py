"""How far LanceDB reads ahead is bounded before it first reads, and not where somebody has bounded it."""

from __future__ import annotations

import os

import pytest

from rag_embed.stores.read_ahead import BOUNDS, bound_read_ahead
from rag_embed.stores.tables import connect


def test_a_connection_bounds_it(tmp_path) -> None:
    connect(tmp_path, None)
    assert all(os.environ[name] == str(bound) for name, bound in BOUNDS.items())


@pytest.mark.parametrize("name", BOUNDS)
def test_what_somebody_has_set_stays(name, monkeypatch) -> None:
    for one in BOUNDS:
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, "7")
    bound_read_ahead()
    assert {one: os.environ[one] for one in BOUNDS} == {
        **{one: str(bound) for one, bound in BOUNDS.items()},
        name: "7",
    }
