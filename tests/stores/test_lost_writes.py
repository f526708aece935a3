"""What a disk lost is noticed before older versions are dropped, and what it refused to delete is deleted."""

from __future__ import annotations

import os
import warnings
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from lancedb.table import LanceTable

from rag_embed import Document
from rag_embed.encoders import HashEncoder
from rag_embed.errors import StoreError
from rag_embed.events import UserEvent
from rag_embed.stores import settling
from rag_embed.stores.events import mark_of
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.locks import turn
from rag_embed.stores.manifests import Manifest
from rag_embed.stores.traces import scanned, versions
from rag_embed.stores.upkeep import tidied
from rag_embed.testing.store_data import DIM, write

SECRET = "zyxwvutsrq"


@pytest.fixture
def store(tmp_path) -> LanceStore:
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM})
    write(store, *[Document(id, f"a text of {id}") for id in "abc"])
    write(store, Document("ann/1", f"{SECRET} said ann", user="ann"))
    return store


def files(store: LanceStore, pattern: str) -> set[Path]:
    return {path for path in Path(store.uri).rglob(pattern) if path.is_file()}


def losing(monkeypatch, store: LanceStore, name: str, pattern: str) -> None:
    """The disk keeps half of the new files that match, which a method of LanceDB's tables has written."""
    real = getattr(LanceTable, name)

    def lost(own, *given, **options):
        before = files(store, pattern)
        result = real(own, *given, **options)
        for path in files(store, pattern) - before:
            os.truncate(path, path.stat().st_size // 2)
        return result

    monkeypatch.setattr(LanceTable, name, lost)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("update", "chunks.lance/data/*.lance"),
        ("update", "settings.lance/data/*.lance"),
        ("create_index", "documents.lance/_indices/*/*.lance"),
        ("optimize", "chunks.lance/data/*.lance"),
    ],
)
def test_nothing_is_lost_while_a_user_is_forgotten(store, monkeypatch, name, pattern) -> None:
    with monkeypatch.context() as patch:
        losing(patch, store, name, pattern)
        try:
            store.forget("ann")
        except StoreError as error:
            assert "The disk lost" in str(error) and "the disk's room and health" in str(error)
        else:
            assert name == "optimize"  # which had nothing to write
    for one in (store, LanceStore.open(store.uri)):
        assert {"a", "b", "c"} <= {*one.document_ids()}
    store.forget("ann")
    assert sorted(store.document_ids()) == ["a", "b", "c"]
    assert scanned(store.uri, [SECRET.encode()]).found == ()


def test_nothing_is_lost_while_small_files_are_merged(store, monkeypatch) -> None:
    table = store._database.open_table("chunks")
    with monkeypatch.context() as patch:
        losing(patch, store, "optimize", "chunks.lance/data/*.lance")
        with pytest.raises(StoreError, match="It was taken back"), turn(store.uri):
            tidied(table, timedelta(0), local=True)
    view = LanceStore.open(store.uri).view()
    assert {one.doc_id for one in view.chunks(view.passing(None))} == {"a", "b", "c", "ann/1"}


def test_files_that_a_disk_refused_to_delete_are_deleted(store, monkeypatch) -> None:
    """LanceDB goes on, and the texts of a user who was forgotten stayed."""
    real = LanceTable.optimize

    def optimize(own, *given, **options):
        before = {path: path.read_bytes() for path in files(store, "*.lance/data/*.lance")}
        result = real(own, *given, **options)
        for path, content in before.items():
            path.write_bytes(content)
        return result

    with monkeypatch.context() as patch, warnings.catch_warnings():
        patch.setattr(LanceTable, "optimize", optimize)
        store._forgetting.forget("ann")
    assert scanned(store.uri, [SECRET.encode()]).found == ()
    assert sorted(LanceStore.open(store.uri).document_ids()) == ["a", "b", "c"]


def test_half_of_a_mark_tells_that_a_bucket_is_rewritten(store) -> None:
    """What is left where the disk refused to delete all: nobody took it away, nor could look for traces."""
    signature = HashEncoder(4).signature
    events = store.events(signature, None)
    rows = np.ones((1, 4), np.float32)
    events.add([UserEvent("1", "ann", SECRET, 1.0)], rows, rows)
    [bucket] = [path.stem for path in Path(store.uri).glob("events_*.lance")]
    half = Path(store.uri) / f"{mark_of(bucket)}.lance" / "_transactions"
    for do in (
        lambda: events.forget("ann"),
        lambda: store.events(signature, None),
    ):
        half.mkdir(parents=True)
        (half / "0-a.txn").write_bytes(b"x")
        assert scanned(store.uri, [b"nothing"]).found == ()
        assert mark_of(bucket) not in versions(store.uri)
        do()
        assert not half.parent.exists()


def test_upkeep_that_cannot_look_at_what_it_wrote_says_what_to_do(store, monkeypatch) -> None:
    def unreadable(path: Path) -> Manifest:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(settling, "read_manifest", unreadable)
        with pytest.raises(
            StoreError, match="look at the disk's room and health, and call it again"
        ):
            tidied(store._chunks, timedelta(days=1), local=True)
    assert len(LanceStore.open(store.uri).view()) == 4
