"""OpenVINO, imported so that it neither reports home nor hangs.

On import it sends an event from a forked process, without asking, where its telemetry package is
installed. Without that package it uses an empty stub of its own; here it never finds the package.
Who has imported it before has told it where the package is: `unreported` is for what follows then.

Its binding looks numpy up at the first use of an array. When two threads come first together, one
waits for the other's lock, which waits for the interpreter's: forever. So one thread comes first here.

What converts models takes as long to import as all the rest; `conversion` imports it where it is due.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

_MODULES = cast("dict[str, Any]", sys.modules)
_MODULES.setdefault("openvino_telemetry", None)
_LEFT_OUT = _MODULES.setdefault("openvino.tools.ovc", None) is None

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
import openvino  # noqa: E402

if _LEFT_OUT:
    del _MODULES["openvino.tools.ovc"]

openvino.Tensor(np.zeros(1, dtype=np.float32))


@contextmanager
def unreported() -> Iterator[None]:
    """While this lasts, no conversion is told to anyone: it would be in a dozen events, each from a fork."""
    telemetry = _MODULES.get("openvino_telemetry")
    if telemetry is None:
        yield
        return
    from openvino.tools.ovc.telemetry_stub import Telemetry as Stub

    told, telemetry.Telemetry = telemetry.Telemetry, Stub
    try:
        yield
    finally:
        telemetry.Telemetry = told


def ran(request: Any, *inputs: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:  # noqa: ANN401
    """The first output of a request, valid until it runs again.

    What OpenVINO's own `infer` makes of arrays before and after takes as long as a tenth of a short text's
    forward pass.

    Args:
        request: An ``InferRequest``.
        inputs: In the order of the model, C-contiguous.
    """
    for place, one in enumerate(inputs):
        request.set_input_tensor(place, openvino.Tensor(one, shared_memory=True))
    request.start_async()
    request.wait()
    found: npt.NDArray[np.float32] = request.get_output_tensor(0).data
    return found


__all__ = ["openvino", "ran"]
