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

Counts = type("Counts", (ctypes.Structure,), {"_fields_": [(f"n{i}", ctypes.c_size_t) for i in range(10)]})
libc.mallinfo2.restype = Counts
large = np.ones(20 * 2**20, np.uint8)
del large
before = libc.mallinfo2().n4
large = np.ones(5 * 2**20, np.uint8)
print(int(libc.mallinfo2().n4 - before >= large.nbytes))
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or "CS_GNU_LIBC_VERSION" not in os.confstr_names,
    reason="arenas are of glibc",
)


def after_adds(**told: str) -> tuple[int, bool]:
    """How many arenas there are after twenty adds, and whether 5 MB are taken by themselves after 20 went."""
    known = {k: v for k, v in os.environ.items() if "MALLOC" not in k and k != "GLIBC_TUNABLES"}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**known, **told},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    count, apart = ran.stdout.split()
    return int(count), apart == "1"


def test_threads_share_few_arenas_and_what_is_large_goes_back() -> None:
    count, apart = after_adds()
    assert count <= ARENAS + 2 and apart  # those that importing Arrow and LanceDB makes


@pytest.mark.parametrize(
    "told",
    [
        {"MALLOC_ARENA_MAX": "6", "MALLOC_MMAP_THRESHOLD_": f"{16 * 2**20}"},
        {"GLIBC_TUNABLES": f"glibc.malloc.arena_max=6:glibc.malloc.mmap_threshold={16 * 2**20}"},
    ],
)
def test_who_starts_the_program_has_the_last_word(told) -> None:
    assert after_adds(**told) == (6, False)


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
