"""Shared by all tests."""

import os

import pytest

# Models come from the installed wheel or are built in a test; no hub is asked.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
pytest.register_assert_rewrite("contracts.store", "contracts.encoder", "contracts.events")
