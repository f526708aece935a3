"""`rag-embed index`."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rag_embed import Document, Index, encoders
from rag_embed.encoders import HashEncoder, load
from rag_embed.encoders.recipe import Recipe


def test_first_and_second_run(run, folder) -> None:
    first = run("index", folder, "--to", "kb", "--json")
    assert first.code == 0 and "documents" in first.err
    report = first.json
    counts = {"added", "replaced", "unchanged", "deleted", "chunks"}
    assert report.keys() == counts | {
        "skipped", "partly", "guessed", "reasons", "planned", "notes", "empty_fields", "seconds", "index",
    }  # fmt: skip
    assert (report["added"], report["replaced"], report["unchanged"]) == (2, 0, 0)
    assert [one["source"] for one in report["skipped"]] == ["handbook/broken.pdf"]
    assert report["chunks"] >= 2 and report["index"] == "kb"
    again = run("index", folder, "--to", "kb", "--json").json
    assert (again["added"], again["unchanged"], again["chunks"]) == (0, 2, 0)


def test_table_for_people(run, folder) -> None:
    done = run("index", folder, "--to", "kb")
    assert done.code == 0 and "added" in done.out
    assert "skipped handbook/broken.pdf: " in done.err and "broken.pdf" not in done.out


def test_changed_and_gone_files(run, folder) -> None:
    run("index", folder, "--to", "kb")
    (folder / "leave.md").write_text("# Leave\n\nThirty-two days a year.\n")
    (folder / "kitchen.txt").unlink()
    kept = run("index", folder, "--to", "kb", "--json").json
    assert (kept["replaced"], kept["deleted"]) == (1, 0)
    assert run("search", "kb", "coffee", "-k", "1", "--json").json["hits"][0]["doc_id"] == (
        "handbook/kitchen.txt"
    )
    pruned = run("index", folder, "--to", "kb", "--prune", "--json").json
    assert (pruned["unchanged"], pruned["deleted"]) == (1, 1)
    hits = run("search", "kb", "coffee", "--json").json["hits"]
    assert {hit["doc_id"] for hit in hits} == {"handbook/leave.md"}


def test_strict(run, folder) -> None:
    assert run("index", folder, "--to", "kb", "--strict").code == 4
    (folder / "broken.pdf").unlink()
    (folder / ".git").mkdir()
    (folder / ".gitignore").write_text("secret.txt")
    for name in ("secret.txt", "empty.py"):
        (folder / name).touch()
    assert run("index", folder, "--to", "kb", "--strict").code == 0


def test_an_index_inside_the_folder_is_left_out(run, folder) -> None:
    (folder / "broken.pdf").unlink()
    kb = folder / "kb"
    for _ in range(2):
        report = run("index", folder, "--to", kb, "--json").json
        assert report["reasons"] == {"an index of rag_embed": 1}
    assert report["unchanged"] == 2


def test_what_was_skipped_is_told_by_kind(run, folder) -> None:
    for name in ("a.png", "b.png", "c.png", "d.gif"):
        (folder / name).write_bytes(b"\x89")
    told = run("index", folder, "--to", "kb", "--exclude", "*.pdf").err
    assert "skipped handbook/a.png and 2 more: picture (.png), which needs text" in told
    assert "skipped handbook/d.gif: picture (.gif), which" in told and ".pdf" not in told
    ignored = folder / ".gitignore"
    ignored.write_text("*.txt")
    report = run("index", folder, "--to", "new", "--json").json
    assert report["reasons"]["ignored by .gitignore"] == 1 and report["added"] == 1
    assert run("index", folder, "--to", "kb2", "--no-ignore-files", "--json").json["added"] == 2


@pytest.fixture
def two(tmp_path):
    """Two folders with equal file names."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for file in ("readme.txt", f"{name}.txt"):
            (tmp_path / name / file).write_text(f"This is the {name} one.")
    return tmp_path / "first", tmp_path / "second"


def documents(kb: str) -> list[str]:
    return sorted(Index.open(kb, encoder=HashEncoder(64)).store.document_ids())


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


def test_a_file_with_an_odd_name_stops_nothing(run, folder) -> None:
    odd = "Screenshot 2024-05-01 at 9.41\u202fAM.txt"
    (folder / odd).write_text("A picture.")
    (folder / "two\nlines.txt").write_text("A text.")
    done = run("index", folder, "--to", "kb", "--json")
    assert done.code == 0 and done.json["added"] == 3
    assert {one["source"] for one in done.json["skipped"]} == {
        "handbook/broken.pdf",
        "handbook/two\\nlines.txt",
    }
    assert f"handbook/{odd}" in documents("kb")


class Broken(HashEncoder):
    """Fails from a certain text on."""

    def __init__(self, good: int) -> None:
        super().__init__(64)
        self.good = good

    @property
    def recipe(self):
        return Recipe("model", {"model": "broken"})

    def encode_document(self, texts, /):
        self.good -= len(texts)
        if self.good < 0:
            raise KeyboardInterrupt
        return super().encode_document(texts)


def test_a_run_that_fails_leaves_no_empty_index(run, folder, tmp_path, monkeypatch) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("mine")
    monkeypatch.setattr(encoders, "load", lambda *_args, **_options: Broken(0))
    for to in ("kb", "there"):
        assert run("index", folder, "--to", to).code != 0
    assert not (tmp_path / "kb").exists()
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["mine.txt"]
    for i in range(20):
        (folder / f"{i}.txt").write_text(f"{i} " * 8000)
    monkeypatch.setattr(encoders, "load", lambda *_args, **_options: Broken(500))
    assert run("index", folder, "--to", "kb").code != 0
    assert 0 < len(documents("kb")) < 20
    monkeypatch.setattr(encoders, "load", lambda *_args, **_options: HashEncoder(64))
    assert run("index", folder, "--to", "kb", "--json").json["unchanged"] > 0


def test_nothing_that_can_be_read_makes_no_index(run, folder, tmp_path) -> None:
    done = run("index", folder / "broken.pdf", "--to", "kb")
    assert done.code == 1 and "there is no index at 'kb'" in done.err and "broken.pdf" in done.err
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("mine")
    (tmp_path / "bare").mkdir()
    for source, to in ((folder / "broken.pdf", "there"), (tmp_path / "bare", "kb")):
        assert run("index", source, "--to", to).code == 1
    assert not (tmp_path / "kb").exists()
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["mine.txt"]
    assert run("index", folder, "--to", "kb").code == 0
    assert run("index", folder / "broken.pdf", "--to", "kb").code == 0, "there is an index already"
    assert len(documents("kb")) == 2


def test_chunks_longer_than_the_model_reads_are_told_of(run, folder, monkeypatch, caplog) -> None:
    monkeypatch.setattr(encoders, "load", lambda *_args, **_options: load())
    assert run("index", folder, "--to", "kb", "--chunk-tokens", "5000").code == 0
    assert "Chunks may have 5000 tokens" in caplog.text and "reads 256" in caplog.text
    caplog.clear()
    assert run("index", folder, "--to", "other", "--chunk-tokens", "250").code == 0
    assert "Chunks may have" not in caplog.text


def test_fields_become_filters(run, tmp_path) -> None:
    (tmp_path / "notes.jsonl").write_text(
        '{"id": "a", "text": "red fox", "year": 2019}\n{"id": "b", "text": "fox", "year": 2024}\n'
    )
    assert run("index", "notes.jsonl", "--to", "kb", "--field", "year:int").code == 0
    hits = run("search", "kb", "fox", "--where", "year>=2020", "--json").json["hits"]
    assert [hit["doc_id"] for hit in hits] == ["b"]


@pytest.mark.parametrize("wrong", ["year", "year:decimal", "doc_id:int", ":int"])
def test_bad_fields(run, folder, wrong, tmp_path) -> None:
    done = run("index", folder, "--to", "kb", "--field", wrong)
    assert done.code == 1 and "error: " in done.err and not (tmp_path / "kb").exists()


def test_options_of_an_existing_index(run, folder) -> None:
    create = ("--field", "year:int", "--chunk-tokens", "50", "--language", "german")
    create = (*create, "--weight", "dense=0.25", "--weight", "lexical=1", "--chunk-overlap", "10")
    assert run("index", folder, "--to", "kb", *create).code == 0
    assert run("index", folder, "--to", "kb", *create).code == 0
    assert run("index", folder, "--to", "kb").code == 0
    shown = run("index", folder, "--to", "kb", "--field", "year:str").err
    assert "with --field year:int, not with --field year:str" in " ".join(shown.split())
    for other in (
        ("--field", "year:str"),
        ("--chunk-tokens", "60"),
        ("--chunk-overlap", "5"),
        ("--language", "french"),
        ("--model", "another"),
        ("--situate", "isolated"),
        ("--weight", "dense=1"),
    ):
        done = run("index", folder, "--to", "kb", *other)
        assert done.code == 1 and f"built with {other[0]}" in done.err


def test_weights_of_legs(run, folder, tmp_path) -> None:
    for wrong, why in (("dense", "name=number"), ("words=1", "'words'"), ("dense=-1", ">= 0")):
        done = run("index", folder, "--to", "kb", "--weight", wrong)
        assert done.code == 1 and why in done.err and not (tmp_path / "kb").exists()
    assert run("index", folder, "--to", "kb", "--weight", "lexical=0.75").code == 0
    parts = run("search", "kb", "coffee machine", "--json").json["hits"][0]["parts"]
    assert [(part["leg"], part["weight"]) for part in parts] == [("lexical", 0.75)]


def test_tokens_are_kept_in_an_existing_index(run, folder, monkeypatch) -> None:
    assert run("index", folder, "--to", "kb").code == 0
    done = run("index", folder, "--to", "kb", "--tokens")
    assert done.code == 1 and "gives no token vectors" in done.err
    monkeypatch.setattr(encoders, "load", lambda *_args, **_options: load())
    assert run("index", folder, "--to", "real", "--no-tokens").code == 0
    assert run("index", folder, "--to", "real", "--tokens", "--json").json["unchanged"] == 2
    done = run("ask-why", "real", "coffee machine", "--json")
    assert [part["leg"] for part in done.json["hits"][0]["parts"]] == ["dense", "lexical", "tokens"]
    done = run("index", folder, "--to", "real", "--no-tokens")
    assert done.code == 1 and "Leave --no-tokens out" in done.err


def test_situate_by_name_and_by_measuring(run, folder, tmp_path) -> None:
    assert run("index", folder, "--to", "kb", "--situate", "titled").code == 0
    assert run("index", folder, "--to", "kb", "--situate", "titled").code == 0
    done = run("index", folder, "--to", "nope", "--situate", "nonsense")
    assert done.code == 1 and "names no way" in done.err and not (tmp_path / "nope").exists()
    done = run("index", folder, "--to", "small", "--situate", "auto")
    assert done.code == 1 and "20 are the least" in done.err
    for i in range(30):
        (folder / f"{i}.txt").write_text(
            f"Machine {i} stands in room {i}. It is cleaned on day {i} by a friendly person. "
            f"Nobody knows who bought number {i} and when that was."
        )
    done = run("index", folder, "--to", "auto", "--situate", "auto")
    assert done.code == 0 and ("No candidate" in done.err or "gains" in done.err)
    assert run("index", folder, "--to", "auto", "--situate", "auto").code == 0
    done = run("index", folder, "--to", "kb", "--situate", "auto")
    assert done.code == 1 and "built with --situate titled" in done.err


def test_errors_and_usage(run, folder, tmp_path) -> None:
    missing = run("index", "nowhere", "--to", "kb")
    assert missing.code == 1 and "'nowhere'" in missing.err and "Traceback" not in missing.err
    assert run("index", folder).code == 2
    (tmp_path / "file").write_text("mine")
    assert run("index", folder, "--to", "file").code == 1


def test_version_and_help(run) -> None:
    from importlib.metadata import version

    assert run("--version").out == f"rag-embed {version('rag-embed')}\n"
    for command in ("index", "search", "ask-why", "eval", "doctor", "demo"):
        done = run(command, "--help")
        assert done.code == 0 and "--json" in done.out
    assert run("nonsense").code == 2


def test_an_owners_files_are_found_by_the_owner_and_never_pruned(run, folder) -> None:
    assert run("index", folder, "--to", "kb", "--user", "ann").code == 0
    assert run("search", "kb", "coffee machine").code == 3
    assert run("search", "kb", "coffee machine", "--user", "ben").code == 3
    hits = run("search", "kb", "coffee machine", "--user", "ann", "--json").json["hits"]
    assert hits[0]["doc_id"] == "handbook/kitchen.txt"
    refused = run("index", folder, "--to", "kb", "--user", "ann", "--prune")
    assert refused.code == 1 and "never pruned" in refused.err
    assert run("index", folder, "--to", "kb", "--user", "").code == 1


def test_fields_of_front_matter(run, tmp_path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    front = "---\nyear: {}\ntags: [sea, 'red fox']\nday: 2024-05-01\n---\nA note on foxes.\n"
    (notes / "old.md").write_text(front.format(2019))
    (notes / "new.md").write_text(front.format(2024))
    (notes / "odd.md").write_text(front.format("soon"))
    fields = [f"--field={one}" for one in ("year:int", "tags:list[str]", "day:date", "colour:str")]
    done = run("index", notes, "--to", "kb", *fields)
    assert done.code == 0 and "no document has a value in the declared field 'colour'" in done.err
    told = "read without a part: notes/odd.md: Document 'notes/odd.md': field 'year' is declared"
    said = " ".join(done.err.split())
    assert told in said and "it is indexed without this value" in said and "skipped" not in said
    hits = run("search", "kb", "fox", "--where=tags=red fox", "--json").json["hits"]
    assert {hit["doc_id"] for hit in hits} == {"notes/old.md", "notes/new.md", "notes/odd.md"}
    assert run("index", notes, "--to", "kb", "--strict").code == 4
    again = run("index", notes, "--to", "kb", "--json").json
    assert again["empty_fields"] == ["colour"] and again["unchanged"] == 3 and not again["skipped"]
    assert [one["source"] for one in again["partly"]] == ["notes/odd.md"]
    for conditions in (["year>=2020"], ["metadata.year=2024", "tags=red fox", "day>2024-04-30"]):
        where = [f"--where={one}" for one in conditions]
        hits = run("search", "kb", "fox", *where, "--json").json["hits"]
        assert [hit["doc_id"] for hit in hits] == ["notes/new.md"]
    [check] = [one for one in run("doctor", "kb", "--json").json if one["name"] == "kb"]
    assert check["state"] == "note" and check["detail"].endswith("declared fields colour")


def test_chunks_overlap_and_files_are_included(run, folder) -> None:
    shape = ("--chunk-tokens", "40", "--chunk-overlap", "20", "--include", "*.txt")
    (folder / "kitchen.txt").write_text("One two three. Four five six. Seven eight. " * 9)
    assert run("index", folder, "--to", "kb", *shape, "--json").json["added"] == 1
    index = Index.open("kb")
    assert index.contents.matching() == ["handbook/kitchen.txt"]
    first, second, *_ = index.store.view().document_chunks("handbook/kitchen.txt")
    assert second.start < first.end


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
    [note] = run("index", moved, "--to", "kb", "--json").json["notes"]
    line = re.search(r"\(rag-embed (.*?--allow-empty)\)", note)[1]
    words = ["kb" if word == "KB" else word for word in shlex.split(line)]
    assert run(*words, "--json").json["deleted"] == added


def test_watching_goes_on_until_it_is_stopped(run, folder, tmp_path) -> None:
    pytest.importorskip("watchfiles")
    command = [sys.executable, "-c", "from rag_embed.cli import main; main()", "index"]
    args = [str(folder), "--to", str(tmp_path / "kb"), "--watch"]
    with subprocess.Popen(
        [*command, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if "watching" in line:
                break
        time.sleep(1)
        (folder / "new.txt").write_text("The sea is blue.")
        for line in process.stdout:
            if "1 added" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert "leave out --dry-run" in run("index", folder, "--to", "kb", "--watch", "--dry-run").err
