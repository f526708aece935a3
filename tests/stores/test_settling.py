"""What was written is read back; what a power cut took is set aside, and the version before is whole."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from lancedb.table import LanceTable

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import StoreError
from rag_embed.stores import settling
from rag_embed.stores.events import BUCKETS
from rag_embed.stores.inspection import inspected
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.manifests import manifests, missing, read_manifest
from rag_embed.stores.store_errors import explained
from rag_embed.stores.sums import SUMS, differing, read_sums, sealed
from rag_embed.testing.store_data import DIM, write

CORPUS = [Document(id, f"a text of {id}") for id in "abc"]


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM})
    write(store, *CORPUS)
    return store


def files(store: LanceStore) -> set[Path]:
    return {path for path in Path(store.uri).rglob("*.lance/*/**/*") if path.is_file()}


def ids(store: LanceStore) -> list[str]:
    return sorted({chunk.doc_id for chunk in store.view().chunks(store.view().passing(None))})


def test_a_manifest_names_the_files_that_there_are(store) -> None:
    store.delete(["a"])
    store.optimize()
    write(store, Document("new", "a text"))
    store.delete(["b"])
    for table in Path(store.uri).glob("*.lance"):
        latest = read_manifest(manifests(table)[0])
        assert latest.version == store._database.open_table(table.stem).version
        assert missing(latest) == []
        assert all(file.size for file in latest.files if not file.path.startswith("_deletions"))
        kinds = {file.path.split("/")[0] for file in latest.files}
        assert kinds >= {"data"} and (
            table.stem != "chunks" or kinds == {"data", "_deletions", "_indices"}
        )


def test_every_file_has_its_checksum(store) -> None:
    store.files.put({"a": b"b"})
    store.delete(["a"])
    for table in Path(store.uri).glob("*.lance"):
        known = read_sums(table).known
        there = {p for p in table.rglob("*") if p.is_file() and p.parent != table}
        hints = {table / "_versions" / "latest_version_hint.json"}
        assert {table / path for path in known} == there - hints
        assert differing(table, known) == []


def test_a_damaged_checksum_is_no_damage_of_a_file(store) -> None:
    table = Path(store.uri, "chunks.lance")
    content = bytearray((table / SUMS).read_bytes())
    content[10] ^= 1
    (table / SUMS).write_bytes(content + b"data/half a li")
    assert read_sums(table).damaged == 2 and differing(table, read_sums(table).known) == []
    sealed(table)
    assert read_sums(table).damaged == 0 and len(read_sums(table).known) > 5


TAKEN = pytest.mark.parametrize("table", ["chunks", "documents"])


@TAKEN
def test_a_write_that_the_disk_lost_is_no_success(store, monkeypatch, table) -> None:
    """It took the bytes, said nothing, and the file is short when it is read again."""
    before, real = files(store), LanceTable.add

    def add(own, *rows, **options):
        result = real(own, *rows, **options)
        if own.name == table:
            for path in files(store) - before:
                if f"{table}.lance" in path.parts and path.parent.name == "data":
                    os.truncate(path, path.stat().st_size // 2)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(LanceTable, "add", add)
        with pytest.raises(StoreError, match=r"The disk lost what was written.*of \d+ bytes"):
            write(store, Document("new", "a new text"))
    assert "new" not in store.known(["new"]) or store.known(["new"])["new"][0] == ""
    assert set(ids(store)) <= set(store.document_ids())  # documents and their chunks go together
    for one in (store, LanceStore.open(store.uri)):
        write(one, Document("new", "a new text"))
        assert ids(one) == ["a", "b", "c", "new"] and list(one.known(["new"])) == ["new"]


@pytest.mark.parametrize("how", ["emptied", "missing", "half"])
@pytest.mark.parametrize(
    "tables", [["chunks"], ["documents"], ["chunks", "documents"], ["settings"]]
)
def test_after_a_power_cut_the_last_whole_version_is_used(store, how, tables) -> None:
    before = files(store)
    write(store, Document("new", "a new text"))
    store.configure({"note": 1})
    for path in files(store) - before:
        if path.relative_to(store.uri).parts[0].partition(".")[0] in tables:
            if how != "missing":
                os.truncate(path, 0 if how == "emptied" else path.stat().st_size // 2)
            elif path.parent.name == "data":
                path.unlink()
    with pytest.warns(UserWarning, match=f"(?s){tables[0]}.lance: 1 .*not whole"):
        again = LanceStore.open(store.uri)
    whole = {id for id, (digest, _) in again.known([*"abc", "new"]).items() if digest}
    assert whole == {"a", "b", "c"} | ({"new"} if tables == ["settings"] else set())
    assert set(ids(again)) <= set(again.document_ids())
    write(again, Document("new", "a new text"))
    last = LanceStore.open(store.uri)  # quietly
    assert ids(last) == ["a", "b", "c", "new"]
    left = inspected(store.uri).damages
    assert {one.part for one in left} <= {"older"}  # numbers of versions are used again


def test_what_is_damaged_for_long_is_left_to_somebody(store) -> None:
    """Versions before it are whole, but of all that came since nothing would be left."""
    before = files(store)
    write(store, Document("early", "an early text"))
    [early] = [p for p in files(store) - before if p.parent.name == "data" and "chunks" in str(p)]
    for i in range(20):
        write(store, Document(f"d{i}", f"text number {i}"))
    early.unlink()
    count = len(manifests(Path(store.uri, "chunks.lance")))
    with pytest.raises(StoreError, match="missing or damaged"):
        LanceStore.open(store.uri).view().documents(["d3"]) and ids(LanceStore.open(store.uri))
    assert len(manifests(Path(store.uri, "chunks.lance"))) == count


@pytest.mark.parametrize("table", ["chunks", "settings"])
def test_a_version_that_cannot_be_read_for_a_moment_is_not_set_aside(
    store, monkeypatch, table
) -> None:
    real = Path.read_bytes

    def failing(path: Path) -> bytes:
        if path.suffix == ".manifest" and path.parents[1].stem == table:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", failing)
        with pytest.raises(StoreError, match="The disk cannot be read or written"):
            LanceStore.open(store.uri)
    assert ids(LanceStore.open(store.uri)) == ["a", "b", "c"]


def test_what_cannot_be_read_back_for_a_moment_stays_where_the_version_before_was_erased(
    tmp_path, monkeypatch
) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(8))
    index.add([Document("mine", "a fox", user="ann"), Document("all", "a whale")])
    index.users.remember("ann", ["foxes", "tea"])

    def failing(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(settling, "read_manifest", failing)
        for forget in (index.users.profiles.store.forget, index.store.forget):
            with pytest.raises(StoreError, match="look at the disk's room and health"):
                forget("ann")
    again = Index.open(tmp_path / "kb", encoder=HashEncoder(8))
    assert list(again.store.document_ids()) == ["all"] and again.users.profile("ann").count == 0
    assert {one.part for one in inspected(again.store.uri).damages} <= {"older"}


def test_a_table_of_events_whose_making_was_interrupted_is_none(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(8))
    for number in range(BUCKETS):
        (tmp_path / "kb" / f"events_{number:02d}.lance" / "_versions").mkdir(parents=True)
    assert index.users.profile("ann").count == 0
    assert index.users.remember("ann", ["foxes"]) == 1 and index.users.profile("ann").count == 1
    assert inspected(index.store.uri).damages == ()


def test_what_cannot_be_written_is_not_gone_back_on(store) -> None:
    """A read-only copy of a torn index says what is the matter."""
    before = files(store)
    write(store, Document("new", "a new text"))
    for path in files(store) - before:
        os.truncate(path, 0)
    (Path(store.uri) / "writing.lock").unlink()
    (Path(store.uri) / "writing.lock").mkdir()  # as root, modes keep nobody out
    with pytest.raises(StoreError, match="go back to the last whole version"):
        LanceStore.open(store.uri)


def test_a_durable_index_syncs_what_it_writes(tmp_path, monkeypatch) -> None:
    synced: set[str] = set()

    def sync(number: int) -> None:
        synced.add(os.readlink(f"/proc/self/fd/{number}"))

    monkeypatch.setattr(settling.os, "fsync", sync)
    LanceStore.create(tmp_path / "lazy", {"dense": DIM})
    assert not synced
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM}, durable=True)
    for one in (store, LanceStore.open(tmp_path / "kb")):
        before = files(one)
        synced.clear()
        write(one, *CORPUS)
        one.files.put({"a": b"b"})
        new = {str(path) for path in files(one) - before if path.suffix != ".json"}
        assert new <= synced and str(tmp_path / "kb" / "chunks.lance" / "data") in synced
        shutil.rmtree(tmp_path / "lazy", ignore_errors=True)


@pytest.mark.parametrize("name", ["PanicException", "RustPanic"])
def test_a_thread_of_rust_that_ended_is_told_of_in_words(name) -> None:
    """A flipped bit may do that; neither class can be imported, and the first is no Exception."""
    panic = type(name, (BaseException if name == "PanicException" else Exception,), {})
    with (
        pytest.raises(StoreError, match=f"strange: {name}.*doctor KB --deep"),
        explained("read", "kb"),
    ):
        raise panic("rust future panicked: unknown error")
    with pytest.raises(KeyboardInterrupt), explained("read", "kb"):
        raise KeyboardInterrupt
