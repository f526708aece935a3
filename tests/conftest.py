"""Shared by all tests."""

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

# Models come from the installed wheel or are built in a test; no hub is asked.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# No test looks at a clock: what is slow on a busy machine is not wrong.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")

# Thousands of indexes live for a moment: in memory where there is room, as a disk takes longer than they do.
_MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 4 << 30:
    tempfile.tempdir = os.environ["TMPDIR"] = str(_MEMORY)
