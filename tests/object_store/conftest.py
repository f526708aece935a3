"""One server for all tests of this folder, and a bucket for each."""

from __future__ import annotations

import pytest
from s3_server import new_bucket, served


@pytest.fixture(scope="session")
def running():
    with served() as server:
        yield server


@pytest.fixture
def bucket(running):
    return new_bucket(*running)
