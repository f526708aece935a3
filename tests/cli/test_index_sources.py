"""`rag-embed index` over several folders, some of them out of reach, moved or inside one another."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from cli.conftest import documents

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder


def test_an_index_inside_the_folder_is_left_out(run, folder) -> None:
    (folder / "broken.pdf").unlink()
    kb = folder / "kb"
    for _ in range(2):
        report = run("index", folder, "--to", kb, "--json").json
        assert report["reasons"] == {"an index of rag_embed": 1}
    assert report["unchanged"] == 2


def test_no_index_is_made_among_documents_nor_tried(run, folder) -> None:
    before = sorted(folder.rglob("*"))
    for more in ([], ["--dry-run"]):
        done = run("index", folder, "--to", folder, *more)
        said = done.err.replace("\n", "")  # a long path is folded
        assert done.code == 1 and "3 files" in said and "handbook/kb" in said
    assert sorted(folder.rglob("*")) == before


@pytest.fixture
def two(tmp_path):
    """Two folders with equal file names."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for file in ("readme.txt", f"{name}.txt"):
            (tmp_path / name / file).write_text(f"This is the {name} one.")
    return tmp_path / "first", tmp_path / "second"


BOTH = ["first/first.txt", "first/readme.txt", "second/readme.txt", "second/second.txt"]


def test_several_sources(run, two, tmp_path) -> None:
    assert run("index", "first", "second", "--to", "kb", "--json").json["added"] == 4
    hits = run("search", "kb", "second", "-k", "1", "--json").json["hits"]
    assert hits[0]["doc_id"].startswith("second/")
    assert run("index", "second", "--to", "kb", "--json").json["unchanged"] == 2
    assert run("index", "first/readme.txt", "--to", "kb", "--json").json["unchanged"] == 1
    assert documents("kb") == BOTH
    (tmp_path / "first" / "second").mkdir()
    clash = run("index", "second", "first/second", "--to", "other")
    assert clash.code == 1 and "--name" in clash.err and not (tmp_path / "other").exists()


def test_one_folder_after_the_other(run, two, tmp_path) -> None:
    assert run("index", "first", "--to", "kb").code == 0
    assert run("index", "second", "--to", "kb", "--prune", "--json").json["added"] == 2
    assert documents("kb") == BOTH
    (tmp_path / "x" / "first").mkdir(parents=True)
    (tmp_path / "x" / "first" / "readme.txt").write_text("Another.")
    clash = run("index", "x/first", "--to", "kb", "--prune")
    assert clash.code == 1 and "--name" in clash.err and documents("kb") == BOTH
    assert run("index", "x/first", "--to", "kb", "--name", "third", "--prune").code == 0
    assert documents("kb") == [*BOTH, "third/readme.txt"]


def test_pruning_spares_what_did_not_come_from_the_folder(run, two, tmp_path) -> None:
    kb = Index.create(tmp_path / "kb", encoder=HashEncoder(64))
    kb.add([Document("mine", "of a program"), Document("own", "private", user="ann")])
    assert run("index", "first", "--to", "kb", "--prune").code == 0
    assert documents("kb") == ["first/first.txt", "first/readme.txt", "mine", "own"]


@pytest.mark.parametrize("how", ["missing", "empty", "unreadable"])
def test_a_folder_out_of_reach_is_not_pruned(run, two, how, monkeypatch) -> None:
    assert run("index", "first", "--to", "kb").code == 0
    if how == "unreadable":
        listdir = os.listdir

        def refuse(path):
            if Path(path).name == "first":
                raise PermissionError(13, "Permission denied")
            return listdir(path)

        monkeypatch.setattr(os, "listdir", refuse)
    else:
        for path in two[0].iterdir():
            path.unlink()
    if how == "missing":
        two[0].rmdir()
    done = run("index", "first", "--to", "kb", "--prune")
    assert done.code == 1 and "error: " in done.err and documents("kb") == BOTH[:2]
    if how != "unreadable":
        done = run("index", "first", "--to", "kb", "--prune", "--allow-empty", "--json")
        assert done.json["deleted"] == 2 and documents("kb") == []


def test_a_dry_run(run, two, tmp_path) -> None:
    done = run("index", "first", "--to", "kb", "--dry-run", "--field", "year:int")
    assert done.code == 0 and not (tmp_path / "kb").exists()
    assert "add     first/first.txt" in done.out and "nothing was changed" in done.err
    assert run("index", "first", "--to", "kb").code == 0
    (two[0] / "first.txt").unlink()
    (two[0] / "readme.txt").write_text("changed")
    report = run("index", "first", "--to", "kb", "--prune", "--dry-run", "--json").json
    assert report["planned"] == [
        {"action": "replace", "id": "first/readme.txt"},
        {"action": "delete", "id": "first/first.txt"},
    ]
    assert documents("kb") == BOTH[:2]


def test_an_index_does_not_read_itself(run, tmp_path, two) -> None:
    (tmp_path / "handbook").mkdir()
    for again in (False, True):
        done = run("index", ".", "--to", "kb", "--prune", "--json").json
        assert done["unchanged" if again else "added"] == 4
    assert [one["source"] for one in done["skipped"]] == [f"{tmp_path.name}/kb"]
    assert documents("kb") == [f"{tmp_path.name}/{name}" for name in BOTH]
    done = run("index", "kb", "--to", "kb2")
    assert done.code == 1 and "is an index" in done.err and not (tmp_path / "kb2").exists()


def test_an_owners_files_are_found_by_the_owner_and_never_pruned(run, folder) -> None:
    assert run("index", folder, "--to", "kb", "--user", "ann").code == 0
    assert run("search", "kb", "coffee machine").code == 3
    assert run("search", "kb", "coffee machine", "--user", "ben").code == 3
    hits = run("search", "kb", "coffee machine", "--user", "ann", "--json").json["hits"]
    assert hits[0]["doc_id"] == "handbook/kitchen.txt"
    refused = run("index", folder, "--to", "kb", "--user", "ann", "--prune")
    assert refused.code == 1 and "never pruned" in refused.err
    assert run("index", folder, "--to", "kb", "--user", "").code == 1


def test_patterns_that_choose_nothing_are_told_of(run, folder) -> None:
    told = "No file was left to read: check the patterns of include (--include)."
    done = run("index", folder, "--to", "kb", "--include", "*.rst", "--json").json
    assert done["added"] == 0 and done["notes"] == [told]
    for wanted in ("*.md", "*.pdf"):  # the PDF is broken, which is told of anyway
        assert not run("index", folder, "--to", "kb", "--include", wanted, "--json").json["notes"]


def test_the_line_that_takes_out_a_moved_folder_can_be_run(run, folder) -> None:
    folder = folder.rename(folder.parent / "the handbook")
    added = run("index", folder, "--to", "kb", "--json").json["added"]
    moved = folder.rename(folder.parent / "manual")
    [note] = run("index", moved, "--to", "kb", "--dry-run", "--json").json["notes"]
    name = shlex.split(re.search(r"\((--name .*)\)", note)[1])
    again = run("index", moved, "--to", "kb", *name, "--dry-run", "--json").json
    assert again["unchanged"] == added and not again["planned"] and not again["notes"]
    [note] = run("index", moved, "--to", "kb", "--json").json["notes"]
    line = re.search(r"\(rag-embed (.*?--allow-empty)\)", note)[1]
    words = ["kb" if word == "KB" else word for word in shlex.split(line)]
    assert run(*words, "--json").json["deleted"] == added
