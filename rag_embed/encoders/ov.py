"""OpenVINO, imported so that it neither reports home nor hangs.

On import it sends an event from a forked process, without asking, where its telemetry package is
installed. Without that package it uses an empty stub of its own; here it never finds the package.

Its binding looks numpy up at the first use of an array. When two threads come first together, one
waits for the other's lock, which waits for the interpreter's: forever. So one thread comes first here.

What converts models takes as long to import as all the rest; `conversion` imports it where it is due.
"""

import sys
from typing import Any, cast

_MODULES = cast("dict[str, Any]", sys.modules)
_MODULES.setdefault("openvino_telemetry", None)
_LEFT_OUT = _MODULES.setdefault("openvino.tools.ovc", None) is None

import numpy as np  # noqa: E402
import openvino  # noqa: E402

if _LEFT_OUT:
    del _MODULES["openvino.tools.ovc"]

openvino.Tensor(np.zeros(1, dtype=np.float32))

__all__ = ["openvino"]
