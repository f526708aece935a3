"""Whoever computes, the index is the same, row for row."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from rag_embed import Document, Index
from rag_embed.cli.making import Engine
from rag_embed.encoders import FunctionEncoder, HashEncoder, OpenVINOEncoder
from rag_embed.errors import BadInput
from rag_embed.indexing.workers import Alone, Processes, Ray, workers_of
from rag_embed.situated.described import described

DOCUMENTS = [
    Document(
        f"d{i}", f"The fox number {i} runs over the hill.\n\n" * (1 + i % 5), title=f"T{i % 3}"
    )
    for i in range(160)
]
CHANGED = [Document("d4", "# New\n\n" + DOCUMENTS[4].text, title="T"), Document("new", "Tea.")]


def filled(path, workers, encoder) -> Index:
    """Documents, then some that changed; of one of them stored vectors are read."""
    index = Index.create(path, encoder=encoder, chunk_tokens=16)
    index.add(DOCUMENTS, workers=workers)
    report = index.sync(CHANGED, scope="changed", workers=workers)
    assert (report.added, report.replaced, len(report.skipped)) in {(1, 1, 0), (1, 0, 1)}
    return index


def rows(index: Index, name: str):
    """All rows of a table, as they lie there."""
    return index.store._tables()[name].to_arrow()


@pytest.mark.parametrize("workers", [Processes(2), Ray(2)], ids=["processes", "ray"])
def test_the_same_rows(workers, tmp_path) -> None:
    if isinstance(workers, Ray):
        pytest.importorskip("ray", reason="the extra ray is not installed")
    encoder = OpenVINOEncoder()
    alone = filled(tmp_path / "alone", 1, encoder)
    together = filled(tmp_path / "together", workers, encoder)
    for name in ("chunks", "documents"):
        assert rows(together, name).equals(rows(alone, name))
    versions = [len(one.store._chunks.list_versions()) for one in (alone, together)]
    assert versions[0] == versions[1], "other commits"
    assert together.add(DOCUMENTS[10:], workers=workers).unchanged == len(DOCUMENTS) - 10


def test_errors_of_a_worker_are_those_of_this_process(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=FunctionEncoder(_broken, name="broken"))
    for workers in (1, 2):
        with pytest.raises(ZeroDivisionError):
            index.add(DOCUMENTS[:3], workers=workers)
    assert len(index) == 0


def _broken(texts):
    return [[1 / ("fox number" not in text), 1.0] for text in texts]


def test_what_cannot_be_sent_away_is_refused(tmp_path) -> None:
    index = Index.in_memory(encoder=HashEncoder(8))
    for wrong in (0, -1, True, 1.5, "2", None):
        with pytest.raises(BadInput, match="workers is a number"):
            index.add(DOCUMENTS[:1], workers=wrong)
    way = described(lambda *_: "about", name="mine", cache=tmp_path / "contexts.db")
    index = Index.in_memory(encoder=HashEncoder(8), situate=way)
    with pytest.raises(BadInput, match="leave out workers"):
        index.add(DOCUMENTS[:1], workers=2)


def test_the_shell_names_the_same_workers() -> None:
    assert workers_of(Engine.processes.of(1)) == Alone()
    assert workers_of(Engine.processes.of(3)) == Processes(3) == workers_of(np.int64(3))
    assert workers_of(Engine.ray.of(3)) == Ray(3)


_RUN = """
import sys
from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.indexing.workers import Processes

def say(done):
    print(done.done, flush=True)

if __name__ == "__main__":
    index = Index.at(sys.argv[1], encoder=HashEncoder(64))
    documents = (Document(f"d{i}", f"Fox {i}.\\n\\n" * 200) for i in range(150))
    index.add(documents, workers=2, progress=say)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows kills otherwise")
def test_a_run_that_is_killed_goes_on_and_its_workers_end(tmp_path) -> None:
    script = tmp_path / "run.py"
    script.write_text(_RUN)
    command = [sys.executable, str(script), str(tmp_path / "kb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if int(line) > 20:
                break
        os.kill(run.pid, signal.SIGKILL)
        run.stdout.read()  # ends when no worker holds it any more
    stored = len(list(Index.open(tmp_path / "kb", encoder=HashEncoder(64)).store.document_ids()))
    assert 20 < stored < 150
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    index = Index.open(tmp_path / "kb", encoder=HashEncoder(64))
    ids = rows(index, "chunks")["id"].to_pylist()
    assert len(ids) == len(set(ids)) and len(list(index.store.document_ids())) == 150
