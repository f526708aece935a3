"""Forked and spawned processes: what was used before the fork is used after it, or says why not."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from forking import forked

from rag_embed.encoders import OpenVINOEncoder, SentenceEncoder
from rag_embed.processes import PerProcess

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")

TEXTS = [f"The fox number {i} runs over the hill. " * (1 + i % 12) for i in range(40)]


@pytest.fixture(scope="module")
def openvino() -> OpenVINOEncoder:
    return OpenVINOEncoder()


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_openvino_after_a_fork(openvino: OpenVINOEncoder) -> None:
    before = openvino.encode_document(TEXTS)
    np.testing.assert_array_equal(forked(lambda: openvino.encode_document(TEXTS)), before)


def test_openvino_in_a_fork_of_a_fork(openvino: OpenVINOEncoder) -> None:
    before = openvino.encode_query(["a fox"])
    found = forked(
        lambda: (openvino.encode_query(["a"]), forked(lambda: openvino.encode_query(["a fox"])))
    )
    np.testing.assert_array_equal(found[1], before)


@pytest.mark.parametrize("used", ["encoder.encode_query(['a hill'])", "None"])
def test_a_forked_process_ends_though_openvino_was_used_before(used: str) -> None:
    code = f"""
import os, sys
from rag_embed.encoders import OpenVINOEncoder
encoder = OpenVINOEncoder()
encoder.encode_document(["a fox " * i for i in range(40)])
child = os.fork()
if not child:
    {used}
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert found.stdout.strip() == "7"


def test_torch_after_a_fork(two_threads: None) -> None:
    encoder = SentenceEncoder()
    before = encoder.encode_document(TEXTS)
    after = forked(lambda: encoder.encode_document(TEXTS))
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_a_lock_that_another_thread_held_is_free_in_a_forked_process() -> None:
    encoder = SentenceEncoder()
    held, done = threading.Event(), threading.Event()

    def keep() -> None:
        with encoder._turn.get():
            held.set()
            done.wait()

    thread = threading.Thread(target=keep)
    thread.start()
    held.wait()
    try:
        assert forked(lambda: encoder.encode_query(["a fox"])).shape == (1, 384)
    finally:
        done.set()
        thread.join()


def test_a_copy_of_what_is_per_process_is_another() -> None:
    import copy

    lock = PerProcess(threading.Lock)
    assert copy.deepcopy(lock).get() is not lock.get()
