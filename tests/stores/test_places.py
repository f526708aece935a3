"""Where an index is: home folders, URIs of files, relative paths."""

import os
from pathlib import Path

import pytest

from rag_embed import Document, Index, read
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, StoreError
from rag_embed.situated.contexts import OnDisk
from rag_embed.stores.events import LanceEvents
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.places import place

ENCODER = HashEncoder(dim=64)
FOXES = [Document(f"fox-{i}", f"The fox number {i} is red.") for i in range(20)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME" if os.name == "posix" else "USERPROFILE", str(tmp_path))
    return tmp_path


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


@pytest.mark.parametrize("path", ["~\0/kb", "a\0b"])
def test_a_null_character_is_refused(path: str) -> None:
    for took in (Index.open, Index.create, read, Index.in_memory(encoder=ENCODER).experts.add):
        with pytest.raises(BadInput, match="null character"):
            list(took(path))


def test_the_home_folder_of_sources_and_contexts(home: Path) -> None:
    (home / "docs").mkdir()
    (home / "docs" / "a.txt").write_text("The fox is red.")
    index = Index.in_memory(encoder=ENCODER)
    assert index.add_files("~/docs").added == index.add_files("~/docs/a.txt").unchanged == 1
    assert [one.id for one in read("~/docs")] == index.contents.matching() == ["docs/a.txt"]
    OnDisk("~/contexts.db")
    assert (home / "contexts.db").is_file()


@pytest.mark.parametrize(
    ("where", "remedy"), [("memory://", "Index.in_memory"), ("db://kb", "folder, or a bucket")]
)
def test_what_cannot_hold_an_index_is_refused(where: str, remedy: str) -> None:
    for way in (Index.create, Index.open, Index.at):
        with pytest.raises(BadInput, match=remedy):
            way(where, encoder=ENCODER)


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
