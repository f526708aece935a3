"""`Index.forget` reaches everything in which an index can hold something of a user."""

from __future__ import annotations

import zipfile
from fnmatch import fnmatch
from pathlib import Path

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.indexing import erasing
from rag_embed.indexing.erasing import ERASERS, MADE_OF_SHARED
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
    gone = erasing.forget(index.store, index.spaces.at_hand, "ann")
    assert gone == {"events": 2, "contexts": 0, "pilots": 1, "documents": 1}
    assert set(erasing.forget(index.store, index.spaces.at_hand, "ann").values()) == {0}


def test_contexts_of_an_added_space_go_too(tmp_path) -> None:
    cache = tmp_path / "contexts.db"
    situate = described(lambda document, _: f"about {document.text}", name="w", cache=cache)
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(32))
    index.add([Document("ann/1", "zyxwvut", user="ann"), Document("a", "shared")])
    index.add_space("small", HashEncoder(16), situate=situate)
    assert b"zyxwvut" in cache.read_bytes()
    assert index.forget("ann") == 1
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in found if b"zyxwvut" in path.read_bytes()] == []
