"""Shared by all tests."""

import gc
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from rag_embed import encoders
from rag_embed.telemetry import observing

# Models come from the installed wheel or are built in a test; no hub is asked.
os.environ.setdefault("HF_HUB_OFFLINE", "1")


# What is imported stays to the end: to look for garbage in it took a fifth of importing it, and a seventh of
# the tests.
gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


# No test looks at a clock: what is slow on a busy machine is not wrong.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")

# Thousands of indexes live for a moment: in memory where there is room, as a disk takes longer than they do.
_MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 4 << 30:
    tempfile.tempdir = os.environ["TMPDIR"] = str(_MEMORY)

_LOAD = encoders.load


@cache
def _loaded(_files, model, options):
    return _LOAD(model, **dict(options))


def _once(model=encoders.DEFAULT, **options):
    """A folder may hold another model in the next test, and then has other files."""
    folder = Path(model).absolute()
    files = [(one, one.stat().st_mtime_ns, one.stat().st_size) for one in folder.rglob("*")]
    return _loaded(tuple(sorted(files)), model, tuple(options.items()))


@pytest.fixture
def loaded_once(monkeypatch) -> None:
    """For tests that are about anything but loading: it takes longer than most of them."""
    monkeypatch.setattr(encoders, "load", _once)


@pytest.fixture(autouse=True)
def nobody_watches_on():
    """Whoever observes beyond their own test is told of all others, and makes them slower."""
    yield
    assert not observing._observers
