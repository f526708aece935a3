"""C files beside the tests, made into libraries that stand between a process and its disk."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_CC = shutil.which("cc") if sys.platform.startswith("linux") else None


def library(name: str, folder: Path) -> Path:
    """The library of ``tests/NAME.c``, to be preloaded; without a C compiler on Linux the test is skipped."""
    if _CC is None:
        pytest.skip(f"there is no C compiler to make {name}.c with, or no LD_PRELOAD")
    made, source = folder / f"{name}.so", Path(__file__).with_name(f"{name}.c")
    subprocess.run([_CC, "-O1", "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True)
    return made
