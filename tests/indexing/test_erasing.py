"""`Index.forget` reaches everything in which an index can hold something of a user."""

from __future__ import annotations

import signal
import sqlite3
import sys
import zipfile
from contextlib import closing
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest
from children import Child

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import StoreError
from rag_embed.indexing import erasing
from rag_embed.indexing.erasing import ERASERS, MADE_OF_SHARED
from rag_embed.indexing.settings import read
from rag_embed.situated.described import described

FIXTURE = Path(__file__).parents[1] / "fixtures" / "index_before_settings.zip"


def test_every_table_and_file_is_on_the_list(tmp_path) -> None:
    """The index has all there is: spaces, experts, a router, events of two users."""
    kb = tmp_path / "kb"
    zipfile.ZipFile(FIXTURE).extractall(kb)
    index = Index.open(kb, encoder=HashEncoder(32))
    tables = {path.stem for path in kb.iterdir() if path.suffix == ".lance"}
    files = {f"files/{name}" for name in index.store.files.names()}
    assert {"chunks", "documents", "settings", "files"} < tables and files
    listed = [pattern for eraser in ERASERS for pattern in eraser.holds] + list(MADE_OF_SHARED)
    there = tables | files
    assert {one for one in there if not any(fnmatch(one, known) for known in listed)} == set()
    beside = {p.name for p in kb.iterdir() if p.suffix not in (".lance", ".lock", ".holder")}
    assert beside == {"encoder.json"}


def test_each_says_what_it_erased(tmp_path) -> None:
    zipfile.ZipFile(FIXTURE).extractall(tmp_path / "kb")
    index = Index.open(tmp_path / "kb", encoder=HashEncoder(32))
    index.experts.weigh({"lexical": 1.0}, user="ann")
    gone = erasing.forget(index.store, index.spaces.at_hand, "ann")
    assert gone == {"events": 2, "contexts": 0, "pilots": 1, "learned": 1, "documents": 1}
    assert set(erasing.forget(index.store, index.spaces.at_hand, "ann").values()) == {0}


def test_contexts_of_an_added_space_go_too(tmp_path) -> None:
    cache = tmp_path / "contexts.db"
    situate = described(lambda document, _: f"about {document.text}", name="w", cache=cache)
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(32))
    index.add([Document("ann/1", "zyxwvut", user="ann"), Document("a", "shared")])
    index.experts.add_space("small", HashEncoder(16), situate=situate)
    assert b"zyxwvut" in cache.read_bytes()
    assert index.forget("ann") == 1
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in found if b"zyxwvut" in path.read_bytes()] == []


@pytest.fixture
def written(tmp_path) -> Index:
    """An index with contexts of ann's document, of an earlier version, and of one that was deleted."""
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(32), situate=writer(tmp_path))
    index.add([Document("ann/1", "early zyxwvut", user="ann"), Document("a", "shared")])
    index.add(
        [Document("ann/1", "zyxwvut", user="ann"), Document("ann/2", "old zyxwvut", user="ann")]
    )
    index.delete(["ann/2"])
    assert b"early zyxwvut" in (tmp_path / "contexts.db").read_bytes()
    return index


def writer(folder: Path):
    cache = folder / "contexts.db"
    return described(lambda document, _: f"about {document.text}", name="w", cache=cache)


def traces(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in found if b"zyxwvut" in path.read_bytes()]


@pytest.mark.parametrize("by_path", [False, True])
def test_contexts_of_all_days_go_wherever_the_index_was_opened(tmp_path, written, by_path) -> None:
    index = Index.open(tmp_path / "kb", encoder=HashEncoder(32)) if by_path else written
    assert index.forget("ann") == 1
    assert traces(tmp_path) == [] and b"about shared" in (tmp_path / "contexts.db").read_bytes()


def test_a_file_of_earlier_days_forgets_too(tmp_path, written) -> None:
    with closing(sqlite3.connect(tmp_path / "contexts.db")) as database, database:
        database.execute(
            "CREATE TABLE plain AS SELECT key, text FROM contexts WHERE text = 'about zyxwvut'"
        )
        database.execute("DROP TABLE contexts")
        database.execute("ALTER TABLE plain RENAME TO contexts")
        database.execute("VACUUM")
    index = Index.open(tmp_path / "kb", encoder=HashEncoder(32), situate=writer(tmp_path))
    assert index.forget("ann") == 1 and traces(tmp_path) == []


def test_what_is_out_of_reach_is_a_reason_to_refuse(tmp_path, written) -> None:
    written.users.remember("ann", ["an event"])
    (tmp_path / "contexts.db").rename(tmp_path / "elsewhere.db")
    index = Index.open(tmp_path / "kb", encoder=HashEncoder(32))
    with pytest.raises(StoreError, match="Nothing of user 'ann' was erased.*not there"):
        index.forget("ann")
    assert index.users.profile("ann").count == 1 and index.contents.document("ann/1", user="ann")
    (tmp_path / "elsewhere.db").rename(tmp_path / "contexts.db")
    assert index.forget("ann") == 2 and traces(tmp_path) == []


def killed(folder: Path, before: str) -> None:
    """What the killed process does: waits to be killed before it erases things of one kind."""

    def wait(gone: object) -> int:
        print("here")
        sys.stdin.readline()
        return 0

    erasing.ERASERS = tuple(
        replace(one, erase=wait) if one.what == before else one for one in ERASERS
    )
    index = Index.open(folder / "kb", encoder=HashEncoder(32), situate=writer(folder))
    index.forget("ann")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("before", ["contexts", "events", "learned", "documents"])
def test_killed_before_any_of_it_was_erased_it_is_finished_by_whoever_opens(
    tmp_path, written, before
) -> None:
    written.users.remember("ann", ["zyxwvut"])
    written.experts.weigh({"lexical": 1.0}, user="ann")
    child = Child(killed, tmp_path, before)
    assert child.line() == "here"
    Index.open(tmp_path / "kb", encoder=HashEncoder(32))  # it lives: nobody waits for it
    child.kill()
    index = Index.open(tmp_path / "kb", encoder=HashEncoder(32))
    assert traces(tmp_path) == [] and list(index.store.document_ids()) == ["a"]
    assert index.users.profile("ann").count == 0 and not read(index.store).own_weights
    assert index.store.unforgotten() == []
    assert not [path for path in (tmp_path / "kb").glob("forgetting*") if path.is_dir()]
