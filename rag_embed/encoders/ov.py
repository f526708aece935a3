"""OpenVINO, imported so that it does not report home.

On import it sends an event from a forked process, without asking, where its telemetry package is
installed. Without that package it uses an empty stub of its own; here it never finds the package.
"""

import sys
from typing import Any, cast

cast("dict[str, Any]", sys.modules).setdefault("openvino_telemetry", None)

import openvino  # noqa: E402

__all__ = ["openvino"]
