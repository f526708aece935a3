"""``tiny("bert")`` is a model of that kind; each is made once."""

from __future__ import annotations

import pytest
import torch
from longcontext.tiny_models import build


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    made = {}

    def one(kind, side="right"):
        if (kind, side) not in made:
            made[kind, side] = build(tmp_path_factory.mktemp(kind), kind, side)
        return made[kind, side]

    return one


@pytest.fixture(autouse=True)
def one_thread():
    """Models this small only wait for each other's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
