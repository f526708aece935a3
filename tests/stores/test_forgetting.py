"""After `forget` no byte of a user is left in any file of the index, and nobody else lost any."""

from __future__ import annotations

import re
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from children import READY, Child
from lancedb.table import LanceTable

from rag_embed import Chunk, Document
from rag_embed.filters import field
from rag_embed.stores import erasing, forgetting
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.manifests import manifests
from rag_embed.stores.memory import MemoryStore
from rag_embed.stores.traces import scanned
from rag_embed.testing.store_data import DIM, vector
from rag_embed.types import ChunkRows, TokenBits

ANN = "ann-7c1e'; --"
SECRET = "zyxwvutsrq"


def document(i: int, user: str | None) -> Document:
    said = f"{SECRET} number {i}" if user == ANN else f"ordinary words number {i}"
    name = f"{user}/{i}" if user else f"shared/{i}"
    note = {"note": f"memo-{SECRET}" if user == ANN else "memo"}
    return Document(name, f"{said} of a text that is not short", f"Title {said}", note, user)


def write(store, documents: list[Document]) -> None:
    chunks = [Chunk.of(one, 0, len(one.text)) for one in documents]
    rows = np.concatenate([vector(one.id[::-1]) for one in documents])
    bits = [TokenBits(np.arange(9, dtype=np.int32), np.full((9, 1), 77, np.uint8)) for _ in chunks]
    store.replace(
        [(one, "h") for one in documents], ChunkRows(chunks, {"dense": rows}, {"dense": bits})
    )


def traces(kb: Path) -> list[str]:
    """Files with a trace of ann: her name, her words, the title, the metadata, a vector."""
    rows = [vector(document(i, ANN).id[::-1])[0].tobytes() for i in range(40)]
    traces = [ANN.encode(), SECRET.encode(), *rows]
    files = [path for path in kb.rglob("*") if path.is_file()]
    return [str(f) for f in files if any(trace in f.read_bytes() for trace in traces)]


def contents(store) -> dict[str, tuple]:
    view = store.view()
    found = {}
    for id in sorted(store.document_ids()):
        chunks = view.document_chunks(id)
        ids = [chunk.id for chunk in chunks]
        tokens = [one.bits.tobytes() for one in view.tokens("dense", ids)]
        found[id] = view.documents([id]), chunks, view.vectors("dense", ids).tobytes(), tokens
    return found


def made(kb: Path, shared: int = 80, others: int = 12, own: int = 4) -> LanceStore:
    """Ann's few rows lie in files with those of others, in several versions and in all indexes."""
    store = LanceStore.create(kb, {"dense": DIM}, tokens=["dense"])
    write(store, [document(i, None) for i in range(shared)])
    mixed = [document(i, ANN) for i in range(own)] + [document(i, "bob") for i in range(others)]
    write(store, mixed)
    store.optimize()  # one file, one index
    write(store, [document(0, ANN), document(0, "bob")])
    return store


@pytest.mark.parametrize("mode", ["memory", "lance", "lance on disk"])
def test_forgetting_takes_one_users_documents_only(tmp_path, mode) -> None:
    if mode == "memory":
        store = MemoryStore({"dense": DIM}, tokens=["dense"])
        write(store, [document(i, user) for i in range(4) for user in (None, "bob", ANN)])
    else:
        store = made(tmp_path / "kb")
        store.cache_bytes = 0 if mode == "lance on disk" else store.cache_bytes
    before = {id: one for id, one in contents(store).items() if not id.startswith(ANN)}
    assert store.forget(ANN) == 4 and store.forget(ANN) == 0 and store.forget("nobody") == 0
    assert contents(store) == before
    view = store.view()
    assert view.lexical([SECRET], 9, None)[0][0] == []
    assert view.lexical(["ordinary"], 999, field("user_id") == "bob")[0][0]
    write(store, [document(9, ANN)])
    assert len(view.chunks([])) == 0 and len(store.view()) == len(view) + 1


def test_no_byte_is_left(tmp_path) -> None:
    store = made(tmp_path / "kb")
    assert len(traces(tmp_path / "kb")) > 3
    store.delete([f"{ANN}/1"])  # deleted, not forgotten: it is still there
    assert store.forget(ANN) == 3
    assert traces(tmp_path / "kb") == []
    again = LanceStore.open(tmp_path / "kb")
    assert contents(again) == contents(store)
    again.optimize()
    assert traces(tmp_path / "kb") == []


@pytest.mark.parametrize(
    "before", ["replaced", "deleted", "deleted by another", "died", "died early"]
)
def test_no_byte_is_left_of_what_was_gone_before(tmp_path, before) -> None:
    kb = tmp_path / "kb"
    store = LanceStore.create(kb, {"dense": DIM}, tokens=["dense"])
    write(store, [document(i, None) for i in range(50)])
    write(store, [document(1, ANN)])
    if before == "replaced":
        new = Document(f"{ANN}/1", "harmless", user=ANN)
        store.replace(
            [(new, "h")],
            ChunkRows(
                [Chunk.of(new, 0, 8)],
                {"dense": vector("x")},
                {"dense": [TokenBits(np.zeros(1, np.int32), np.zeros((1, 1), np.uint8))]},
            ),
        )
    elif before == "died":
        (kb / "chunks.lance" / "data" / "dead.lance").write_bytes(SECRET.encode())
    elif before == "died early":  # before the file had its name
        (kb / "chunks.lance" / "data" / ".tmpZjjDde").write_bytes(SECRET.encode())
    else:
        other = LanceStore.open(kb) if before == "deleted by another" else store
        assert other.delete([f"{ANN}/1"]) == 1
    assert traces(kb) != []
    assert store.forget(ANN) == (before in ("replaced", "died", "died early"))
    assert traces(kb) == [] and len(store.view()) == 50


def test_no_byte_is_left_of_files_and_settings(tmp_path) -> None:
    kb = tmp_path / "kb"
    store = LanceStore.create(kb, {"dense": DIM}, tokens=["dense"])
    store.files.put({"kept": b"ordinary", "learned": SECRET.encode()})
    store.configure({"note": SECRET, "other": "ordinary"})
    store.files.put({"learned": b"less"})
    store.configure({"note": ""})
    assert len(traces(kb)) > 1
    assert store.forget(ANN) == 0 and traces(kb) == []
    again = LanceStore.open(kb)
    assert again.files.get(["kept", "learned"]) == {"kept": b"ordinary", "learned": b"less"}
    assert again.settings()["other"] == "ordinary"


def interrupted(kb: Path, at: str) -> None:
    """What the killed process does: waits to be killed at a step of forgetting."""
    real = getattr(erasing, at)

    def stop(*arguments: object, **_: object) -> object:
        if at == "erase" and arguments[0] == "chunks":
            return real(*arguments)
        print("here")
        sys.stdin.readline()

    for module in (erasing, forgetting):
        if hasattr(module, at):
            setattr(module, at, stop)
    LanceStore.open(kb).forget(ANN)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("at", ["begin", "erase", "purge", "end"])
def test_a_crash_in_the_middle_is_finished_by_whoever_opens_next(tmp_path, at) -> None:
    kb = tmp_path / "kb"
    expected = {id: one for id, one in contents(made(kb)).items() if not id.startswith(ANN)}
    child = Child(interrupted, kb, at)
    assert child.line() == "here"
    child.kill()
    store = LanceStore.open(kb)
    assert at == "begin" or traces(kb) == []
    store.forget(ANN)  # a call that failed is made again
    assert contents(store) == expected and traces(kb) == []
    assert not [path for path in kb.glob(f"{erasing.MARK}*") if path.is_dir()]


@pytest.mark.parametrize("begun", [True, False])
def test_a_mark_without_its_row_stops_nobody(tmp_path, begun) -> None:
    """A disk that may no longer be written keeps its manifest; whom it meant its name says."""
    store = made(tmp_path / "kb")
    expected = {id: one for id, one in contents(store).items() if not id.startswith(ANN)}
    if not begun:
        store.forget(ANN)
    erasing.begin(store._database, forgetting._mark(ANN), ANN, whole=False)
    [row] = (tmp_path / "kb").glob(f"{erasing.MARK}*.lance/data/*")
    row.unlink()
    again = LanceStore.open(tmp_path / "kb")
    assert list(again.unforgotten()) == [ANN] * begun
    with again.forgetting(ANN):
        again.forget(ANN)
    assert contents(again) == expected and traces(tmp_path / "kb") == []
    assert list(LanceStore.open(tmp_path / "kb").unforgotten()) == []


@pytest.mark.parametrize("how", ["emptied", "flipped"])
def test_a_damaged_version_that_nobody_needs_is_dropped(tmp_path, how) -> None:
    store = made(tmp_path / "kb")
    old = sorted((tmp_path / "kb" / "chunks.lance" / "_versions").glob("*.manifest"))[-2]
    content = bytearray(old.read_bytes())
    content[4] ^= 255
    old.write_bytes(b"" if how == "emptied" else content)
    assert store.forget(ANN) == 4 and traces(tmp_path / "kb") == []
    assert len(LanceStore.open(tmp_path / "kb").view()) == 80 + 12


def test_where_nothing_can_be_written_an_index_with_an_unfinished_one_is_read(
    tmp_path, monkeypatch
) -> None:
    """And of many who wait to finish it, one does."""
    store = made(tmp_path / "kb")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(forgetting, "erase", _interrupt)
        store.forget(ANN)
    with (
        monkeypatch.context() as patch,
        pytest.warns(UserWarning, match="still there.*disk is full"),
    ):
        patch.setattr(forgetting, "erase", _full)
        assert len(LanceStore.open(tmp_path / "kb").view()) == 80 + 12
    second = partial(LanceStore.open, tmp_path / "kb")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: second(), range(4)))
    version = second()._chunks.version
    assert second()._chunks.version == version and traces(tmp_path / "kb") == []


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _write_on(path: str, first: int) -> int:
    store = LanceStore.open(path)
    for i in range(first, first + 12):
        write(store, [document(1000 + i, None), document(1000 + i, "bob")])
    return first


def test_others_may_write_meanwhile(tmp_path) -> None:
    store = made(tmp_path / "kb")
    with ProcessPoolExecutor(2, mp_context=READY) as pool:
        writers = [pool.submit(_write_on, str(tmp_path / "kb"), n) for n in (0, 100)]
        total = 0
        for i in range(6):
            total += store.forget(ANN)
            write(store, [document(i, ANN)])
        for one in writers:
            one.result(timeout=120)
    assert total == 4 + 5 and store.forget(ANN) == 1
    assert traces(tmp_path / "kb") == []
    found = contents(LanceStore.open(tmp_path / "kb"))
    expected = {f"shared/{1000 + n + i}" for n in (0, 100) for i in range(12)}
    assert expected <= set(found) and len(found) == 80 + 12 + 48
    assert not any(re.match(ANN, id) for id in found)


def test_a_version_that_a_disk_refused_to_delete_goes_too(tmp_path, monkeypatch) -> None:
    """LanceDB says nothing of it, and whoever looked at all versions for traces found its rows missing."""
    store, real = made(tmp_path / "kb"), LanceTable.optimize

    def optimize(own, *given, **options):
        older = {path: path.read_bytes() for path in manifests(Path(own.uri))}
        result = real(own, *given, **options)
        if (options.get("cleanup_older_than"), own.name) == (timedelta(0), "chunks") and older:
            lost.append(1)
            for path, content in older.items():
                if len(lost) == 1:
                    path.write_bytes(content)
        return result

    lost: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(LanceTable, "optimize", optimize)
        store.forget(ANN)
    assert lost and traces(tmp_path / "kb") == []
    for table in Path(store.uri).glob("*.lance"):
        assert len(manifests(table)) == 1
    assert scanned(store.uri, [SECRET.encode()]).found == ()
