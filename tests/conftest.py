"""Shared by all tests."""

import os

from hypothesis import HealthCheck, settings

# Models come from the installed wheel or are built in a test; no hub is asked.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# No test looks at a clock: what is slow on a busy machine is not wrong.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")
