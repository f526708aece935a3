"""Several processes and threads, and one index: nothing hangs, nothing is lost, nobody is surprised."""

import multiprocessing
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from children import READY
from forking import forked

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, IndexExists, StoreError
from rag_embed.stores import locks

ENCODER = HashEncoder(dim=64)
FOXES = [Document(f"fox-{i}", f"The fox number {i} is red.") for i in range(20)]
NO_FORK = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index.create(tmp_path / "kb", encoder=ENCODER)
    index.add(FOXES)
    index.search("a red fox")
    return index


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
    together = READY.Barrier(3)
    workers = [
        READY.Process(target=_open_or_make, args=(tmp_path / "kb", turn, together))
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
    report = index.add([Document("mine", f"A whale of {turn}.", user=f"user-{turn}")])
    if report.skipped:
        assert "another owner" in report.skipped[0].reason, report
        raise SystemExit(1)


def _add_folder(uri: str, turn: int, folder: Path, together: threading.Barrier) -> None:
    index = Index.open(uri, encoder=ENCODER)
    together.wait()
    index.add_files(folder)


@pytest.mark.parametrize("work", [_add_mine, _add_folder])
def test_processes_that_want_one_name_at_one_moment(tmp_path: Path, work) -> None:
    """Users with one id, folders of one name: who comes first has it, the others are told."""
    uri = Index.create(tmp_path / "kb", encoder=ENCODER).store.uri
    together = READY.Barrier(3)
    workers = []
    for turn in range(3):
        folder = tmp_path / str(turn) / "docs"
        folder.mkdir(parents=True)
        for name in ("readme", f"own-{turn}"):
            (folder / f"{name}.txt").write_text(f"A whale of {turn}.")
        workers.append(READY.Process(target=work, args=(uri, turn, folder, together)))
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


@NO_FORK
def test_a_fork_is_refused_though_a_thread_was_reading(index: Index) -> None:
    with index.store._viewing._lock, pytest.raises(StoreError, match="was forked from"):
        forked(index.store.view)
