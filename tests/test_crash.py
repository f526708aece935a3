"""SIGKILL at random instants while documents are added loses and doubles nothing."""

from __future__ import annotations

import random
import signal
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from children import Child

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import StoreError
from rag_embed.types import Progress

DOCUMENTS = 500
KILLS = 4


def documents() -> list[Document]:
    """Each has several chunks, so that a batch holds a part of all documents only."""
    chance = random.Random(1)
    words = [f"word{i}" for i in range(300)]
    return [
        Document(f"d{i}", ". ".join(" ".join(chance.choices(words, k=9)) for _ in range(12)))
        for i in range(DOCUMENTS)
    ]


def add(kb: Path, waits: bool) -> None:
    """What the killed process does: says every batch, then that it is through.

    With ``waits`` it goes on after a batch when a line comes, so that no machine is too fast for it.
    """
    encoder = HashEncoder(16)
    try:
        index = Index.open(kb, encoder=encoder)
    except StoreError:  # the first run, or killed before it had made the index
        index = Index.create(kb, encoder=encoder, chunk_tokens=40)

    def say(now: Progress) -> None:
        print("batch", now.chunks)
        if waits:
            sys.stdin.readline()

    index.add(documents(), progress=say)
    print("done")


def tables(kb: Path) -> list[pa.Table]:
    store = Index.open(kb, encoder=HashEncoder(16)).store
    return [
        table.to_arrow().sort_by("id").combine_chunks()
        for table in (store._chunks, store._documents)
    ]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_runs_end_like_an_uninterrupted_one(tmp_path) -> None:
    chance = random.Random(0)
    whole, kb = tmp_path / "whole", tmp_path / "kb"
    index = Index.create(whole, encoder=HashEncoder(16), chunk_tokens=40)
    report = index.add(documents())
    assert report.added == DOCUMENTS and report.chunks > 2 * DOCUMENTS
    interrupted = 0
    for kill in range(KILLS):
        child = Child(add, kb, kill < 2)
        if kill < 2:  # while it goes on after its first batch
            assert child.line().startswith("batch")
            child.tell()
            time.sleep(chance.uniform(0.0, 0.1))
        else:  # at any time: while it starts, reads the index, encodes or writes
            time.sleep(chance.uniform(0.0, 1.0))
        rest = child.kill()
        interrupted += child.process.exitcode == -signal.SIGKILL and "done" not in rest
    assert interrupted >= 1
    last = Child(add, kb, False)
    said = last.end()
    assert last.process.exitcode == 0 and said.endswith("done\n"), said
    for killed, expected in zip(tables(kb), tables(whole), strict=True):
        assert killed.equals(expected)
    chunks, _ = tables(kb)
    assert len(set(chunks["id"].to_pylist())) == chunks.num_rows == report.chunks
