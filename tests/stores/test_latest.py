"""A view is of the latest version, whoever wrote it and wherever; nothing is asked when nothing was written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from rag_embed import Chunk, Document
from rag_embed.errors import StoreError
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.viewing import LanceViewing, newest
from rag_embed.types import ChunkRows

WRITER = """
import sys
from test_latest import LanceStore, write
store = LanceStore.open(sys.argv[1])
for number in range(int(sys.argv[2])):
    sys.stdin.readline()
    write(store, f"d{number}", str(number))
    if number % 5 == 4:
        store.optimize()
    print(number, flush=True)
"""


def write(store: LanceStore, name: str, text: str) -> None:
    document = Document(name, text)
    rows = ChunkRows([Chunk.of(document, 0, len(text))], {"dense": np.ones((1, 1), np.float32)})
    store.replace([(document, text)], rows)


def texts(store: LanceStore) -> list[str]:
    view = store.view()
    return [chunk.text for chunk in view.chunks(view.passing(None))]


@pytest.fixture
def store(tmp_path) -> LanceStore:
    return LanceStore.create(tmp_path / "kb", {"dense": 1})


def test_what_another_process_wrote_is_seen_at_once(store) -> None:
    count = 20
    command = [sys.executable, "-c", WRITER, store.uri, str(count)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=Path(__file__).parent, **pipes) as writer:
        for number in range(count):
            writer.stdin.write("\n")
            writer.stdin.flush()
            assert writer.stdout.readline().strip() == str(number)
            assert len(store.view()) == number + 1
            assert store.view() is store.view()


def test_nothing_is_asked_of_lancedb_when_nothing_was_written(store) -> None:
    write(store, "d", "one")
    view = store.view()
    with (
        mock.patch.object(LanceViewing, "_versions", side_effect=AssertionError("asked")),
        mock.patch.object(LanceViewing, "_opened", side_effect=AssertionError("opened")),
    ):
        assert store.view() is view
        write(store, "d", "two")
        with pytest.raises(AssertionError, match="opened"):
            store.view()
    assert texts(store) == ["two"]


def test_an_index_made_in_the_place_of_an_open_one_is_read(store, tmp_path) -> None:
    """It has as many versions as the one before."""
    write(store, "d", "one")
    assert texts(store) == ["one"]
    before = [newest(folder).version for folder in store._viewing._folders]
    shutil.rmtree(store.uri)
    write(LanceStore.create(tmp_path / "kb", {"dense": 1}), "d", "two")
    assert [newest(folder).version for folder in store._viewing._folders] == before
    assert texts(store) == ["two"]


def test_what_is_written_while_a_view_is_opened_is_in_the_next_one(store) -> None:
    write(store, "d", "one")
    opened = LanceViewing._opened

    def late(self, *given):
        view = opened(self, *given)
        write(store, "d", "two")
        return view

    with mock.patch.object(LanceViewing, "_opened", late):
        store.view()
    assert texts(store) == ["two"]


def test_a_place_without_a_folder_is_asked_for_its_versions() -> None:
    store = LanceStore.create("memory://latest", {"dense": 1})
    write(store, "d", "one")
    assert store._viewing._newest() == store._viewing._versions()
    assert texts(store) == ["one"]
    write(store, "d", "two")
    assert texts(store) == ["two"]


def test_an_index_that_is_gone_is_an_error(store) -> None:
    store.view()
    shutil.rmtree(store.uri)
    with pytest.raises(StoreError, match="missing or damaged"):
        store.view()
