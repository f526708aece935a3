"""Several processes and threads, and one index: nothing hangs, nothing is lost, nobody is surprised."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from forking import forked

from rag_embed import Document, Index, read
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, IndexExists, StoreError
from rag_embed.situated.contexts import OnDisk
from rag_embed.stores import locks
from rag_embed.stores.events import LanceEvents
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.memory_files import MemoryFiles
from rag_embed.stores.places import place

ENCODER = HashEncoder(dim=64)
FOXES = [Document(f"fox-{i}", f"The fox number {i} is red.") for i in range(20)]
NO_FORK = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index.create(tmp_path / "kb", encoder=ENCODER)
    index.add(FOXES)
    index.search("a red fox")
    return index


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME" if os.name == "posix" else "USERPROFILE", str(tmp_path))
    return tmp_path


@NO_FORK
@pytest.mark.parametrize("what", ["search", "add", "remember", "open"])
def test_lancedb_says_at_once_that_a_forked_process_cannot_use_it(index: Index, what: str) -> None:
    work = {
        "search": lambda: index.search("a red fox"),
        "add": lambda: index.add([Document("new", "A blue whale.")]),
        "remember": lambda: index.users.remember("ann", ["whales"]),
        "open": lambda: Index.open(index.store.uri, encoder=ENCODER),
    }
    with pytest.raises(StoreError, match="spawn"):
        forked(work[what])
    assert index.add([Document("after", "The parent goes on.")]).added == 1


@NO_FORK
def test_an_index_in_memory_after_a_fork() -> None:
    index = Index.in_memory(encoder=ENCODER)
    index.add(FOXES)
    before = index.search("fox number 7")

    def child() -> tuple[list[str], int]:
        found = [hit.id for hit in index.search("fox number 7")]
        return found, index.add([Document("new", "A blue whale.")]).added

    assert forked(child) == ([hit.id for hit in before], 1)
    assert len(index) == len(FOXES)


@NO_FORK
def test_processes_forked_before_the_index_is_opened(index: Index) -> None:
    code = f"""
import os, sys
from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
import rag_embed.stores.lance
encoder = HashEncoder(dim=64)
children = []
for i in range(2):
    if child := os.fork():
        children.append(child)
        continue
    index = Index.open({index.store.uri!r}, encoder=encoder)
    assert len(index.search("a red fox", k=3)) == 3
    sys.exit(index.add([Document(f"whale-{{i}}", "A blue whale.")]).added)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert found.stdout.strip() == "[1, 1]"
    assert len(index.search("a blue whale", k=2)) == 2


def _worker(uri: str, turn: int) -> tuple[int, int]:
    index = Index.open(uri, encoder=ENCODER)
    return len(index.search("a red fox")), index.add([Document(f"new-{turn}", "A whale.")]).added


def test_a_pool_of_spawned_processes_after_a_search(index: Index) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(_worker, [(index.store.uri, turn) for turn in range(4)])
    assert found == [(10, 1)] * 4
    assert index.contents.stats()["documents"] == len(FOXES) + 4


def _open_or_make(path: Path, turn: int, together: threading.Barrier) -> None:
    together.wait()
    index = Index.at(path, encoder=ENCODER)
    index.add([Document(f"new-{turn}", "A whale.")])


def test_processes_that_make_one_index_at_one_moment(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(3)
    workers = [
        spawn.Process(target=_open_or_make, args=(tmp_path / "kb", turn, together))
        for turn in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert Index.open(tmp_path / "kb", encoder=ENCODER).contents.stats()["documents"] == 3


def _add_mine(uri: str, turn: int, folder: Path, together: threading.Barrier) -> None:
    index = Index.open(uri, encoder=ENCODER)
    together.wait()
    index.add([Document("mine", f"A whale of {turn}.", user=f"user-{turn}")])


def _add_folder(uri: str, turn: int, folder: Path, together: threading.Barrier) -> None:
    index = Index.open(uri, encoder=ENCODER)
    together.wait()
    index.add_files(folder)


@pytest.mark.parametrize("work", [_add_mine, _add_folder])
def test_processes_that_want_one_name_at_one_moment(tmp_path: Path, work) -> None:
    """Users with one id, folders of one name: who comes first has it, the others are told."""
    uri = Index.create(tmp_path / "kb", encoder=ENCODER).store.uri
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(3)
    workers = []
    for turn in range(3):
        folder = tmp_path / str(turn) / "docs"
        folder.mkdir(parents=True)
        for name in ("readme", f"own-{turn}"):
            (folder / f"{name}.txt").write_text(f"A whale of {turn}.")
        workers.append(spawn.Process(target=work, args=(uri, turn, folder, together)))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(worker.exitcode for worker in workers) == [0, 1, 1]
    first = [worker.exitcode for worker in workers].index(0)
    view = Index.open(uri, encoder=ENCODER).store.view()
    found = view.documents(view.matching(None))
    assert {one.text for one in found} == {f"A whale of {first}."}
    if work is _add_folder:
        assert [one.id for one in found] == [f"docs/own-{first}.txt", "docs/readme.txt"]
    else:
        assert [one.user for one in found] == [f"user-{first}"]


def test_threads_that_add_to_an_index_in_memory_lose_nothing() -> None:
    index = Index.in_memory(encoder=ENCODER)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda document: index.add([document]), FOXES * 2))
    assert sorted(index.contents.matching()) == sorted(document.id for document in FOXES)
    for document in FOXES:
        assert index.search(document.text, k=1)[0].chunk.doc_id == document.id


async def test_tasks_that_add_to_an_index_in_memory_lose_nothing() -> None:
    index = Index.in_memory(encoder=ENCODER)
    await asyncio.gather(*(asyncio.to_thread(index.add, [document]) for document in FOXES))
    await asyncio.gather(*(asyncio.to_thread(index.delete, [d.id]) for d in FOXES[:10]))
    assert sorted(index.contents.matching()) == sorted(document.id for document in FOXES[10:])


class Slow(Mapping[str, bytes]):
    """Files that take long to read the second time: another thread puts its own meanwhile."""

    def __init__(self, files: MemoryFiles) -> None:
        self.other = threading.Thread(target=files.put, args=({"b": b"2"},))
        self.times = 0

    def __getitem__(self, name: str) -> bytes:
        return {"a": b"1"}[name]

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        if self.times == 2:
            self.other.start()
            self.other.join(0.1)
        return iter(["a"])


def test_threads_that_put_files_in_memory_lose_none() -> None:
    files = MemoryFiles()
    slow = Slow(files)
    files.put(slow)  # checked first, taken in afterwards
    slow.other.join()
    assert slow.times == 2 and files.names() == ["a", "b"]


def test_threads_that_remember_at_the_same_time_lose_nothing() -> None:
    index = Index.in_memory(encoder=ENCODER)
    together = threading.Barrier(8)

    def remember(turn: int) -> None:
        together.wait()
        index.users.remember("ann", [f"event {turn}"])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(remember, range(8)))
    assert len(index.users.profiles.history("ann")) == 8


def test_at_opens_what_is_there_and_makes_what_is_not(tmp_path: Path) -> None:
    made = Index.at(tmp_path / "kb", encoder=ENCODER, chunk_tokens=50, fields={"year": int})
    made.add(FOXES)
    again = Index.at(tmp_path / "kb", encoder=ENCODER, chunk_tokens=50, fields={"year": "int"})
    assert len(again) == len(made)
    with pytest.raises(IndexExists):
        Index.create(tmp_path / "kb", encoder=ENCODER)


@pytest.mark.parametrize(
    "other",
    [
        {"chunk_tokens": None},
        {"chunk_overlap": 3},
        {"fields": {"year": int}},
        {"tokens": True},
        {"situate": "auto"},
    ],
)
def test_at_refuses_an_index_that_was_made_otherwise(tmp_path: Path, other: dict) -> None:
    Index.at(tmp_path / "kb", encoder=ENCODER)
    with pytest.raises(BadInput, match=next(iter(other))):
        Index.at(tmp_path / "kb", encoder=ENCODER, **other)


def test_who_waits_is_told_for_whom(index: Index, monkeypatch, caplog) -> None:
    monkeypatch.setattr(locks, "_SILENT", 0.01)
    told = threading.Event()
    caplog.handler.addFilter(lambda record: told.set() or True)
    with locks.turn(index.store.uri):
        writer = threading.Thread(target=index.add, args=([Document("new", "A whale.")],))
        writer.start()
        told.wait()
    writer.join()
    assert "another thread of this process has been writing since 20" in caplog.text
    assert index.contents.document("new") is not None


def test_who_waits_for_another_process_learns_its_number(index: Index) -> None:
    note = Path(index.store.uri, "writing.holder")
    note.write_text('{"process": 7, "host": "box", "since": "2026-01-01"}')
    assert locks._told(note) == "process 7 on box has been writing since 2026-01-01"
    note.write_text("damaged")
    assert locks._told(note) == "another process is writing"


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    index = Index.create("kb", encoder=ENCODER)
    events = LanceEvents("kb", ENCODER.signature)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert index.store.uri == events.uri == str(tmp_path / "kb")
    index.add(FOXES)
    assert (tmp_path / "kb" / "writing.lock").exists()
    index.users.remember("ann", ["foxes"])
    assert len(index.search("a red fox", k=3)) == 3
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "path", ["~/kb", "file://{home}/kb", "FILE://localhost{home}/k%62", "file:{home}/no. #1?/../kb"]
)
def test_paths_of_the_home_folder_and_of_files(home: Path, path: str) -> None:
    path = path.format(home=home.as_posix())
    Index.create(path, encoder=ENCODER).add(FOXES)
    assert len(Index.open(path, encoder=ENCODER)) == len(FOXES)
    assert len(LanceStore.open(home / "kb").view()) == len(FOXES)


def test_the_home_folder_of_sources_and_contexts(home: Path) -> None:
    (home / "docs").mkdir()
    (home / "docs" / "a.txt").write_text("The fox is red.")
    index = Index.in_memory(encoder=ENCODER)
    assert index.add_files("~/docs").added == index.add_files("~/docs/a.txt").unchanged == 1
    assert [one.id for one in read("~/docs")] == index.contents.matching() == ["docs/a.txt"]
    OnDisk("~/contexts.db")
    assert (home / "contexts.db").is_file()


def test_a_file_uri_is_read_to_its_end() -> None:
    assert place("file:///data/notes #1?") == os.path.abspath("/data/notes #1?")


def test_a_file_of_another_machine_is_refused() -> None:
    with pytest.raises(BadInput, match="another machine"):
        LanceStore.open("file://box/kb")


def test_opening_what_is_no_index_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with pytest.raises(StoreError, match="no rag_embed index"):
        LanceStore.open(tmp_path / "letters")
    assert list((tmp_path / "letters").iterdir()) == []
