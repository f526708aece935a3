"""Malloc keeps little of what is given back: few arenas, and no pages in the middle of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag_embed.stores.arenas import ARENAS, give_back

PROGRAM = """
import ctypes, sys, tempfile
import numpy as np
from pathlib import Path
from rag_embed import Chunk, Document
from rag_embed.stores import LanceStore
from rag_embed.types import ChunkRows

libc = ctypes.CDLL(None)
libc.fopen.restype, libc.fclose.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
with tempfile.TemporaryDirectory() as folder:
    store = LanceStore.create(Path(folder, "kb"), {"dense": 4})
    for i in range(20):
        document = Document(f"d{i}", "text")
        rows = ChunkRows([Chunk.of(document, 0, 4)], {"dense": np.ones((1, 4), np.float32)})
        store.replace([(document, "hash")], rows)
        store.view().lexical(["text"], 1, None)
    stream = libc.fopen(str(Path(folder, "told")).encode(), b"w")
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(Path(folder, "told").read_text().count("<heap "))
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or "CS_GNU_LIBC_VERSION" not in os.confstr_names,
    reason="arenas are of glibc",
)


def arenas(**told: str) -> int:
    """How many there are after twenty adds."""
    known = {k: v for k, v in os.environ.items() if k not in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**known, **told},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ran.stdout)


def test_threads_share_few_arenas() -> None:
    assert arenas() <= ARENAS + 2  # those that importing Arrow and LanceDB makes


@pytest.mark.parametrize(
    "told", [{"MALLOC_ARENA_MAX": "6"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=6"}]
)
def test_who_starts_the_program_has_the_last_word(told) -> None:
    assert arenas(**told) == 6


def test_pages_between_what_stays_are_given_back() -> None:
    pieces = [bytearray(b"x") * 50_000 for _ in range(2000)]
    del pieces[1::2]
    before = resident()
    give_back()
    assert before - resident() > 30 * 2**20
    assert all(piece[-1] == ord("x") for piece in pieces)


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
