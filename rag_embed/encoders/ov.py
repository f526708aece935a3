"""OpenVINO, imported so that it neither reports home nor hangs.

On import it sends an event from a forked process, without asking, where its telemetry package is
installed. Without that package it uses an empty stub of its own; here it never finds the package.

Its binding looks numpy up at the first use of an array. When two threads come first together, one
waits for the other's lock, which waits for the interpreter's: forever. So one thread comes first here.
"""

import sys
from typing import Any, cast

cast("dict[str, Any]", sys.modules).setdefault("openvino_telemetry", None)

import numpy as np  # noqa: E402
import openvino  # noqa: E402

openvino.Tensor(np.zeros(1, dtype=np.float32))

__all__ = ["openvino"]
