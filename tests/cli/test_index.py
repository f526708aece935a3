"""`rag-embed index`: what it makes of files."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from cli.conftest import documents
from many_languages import PASSAGES

from rag_embed import encoders
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
    assert "'colour'; did" not in said
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


def test_a_field_that_is_misspelt_is_told_with_what_was_meant(run, tmp_path) -> None:
    (tmp_path / "a.md").write_text("---\ndepartment: law\n---\nFoxes.\n")
    done = run("index", tmp_path / "a.md", "--to", "kb", "--field=departement:str")
    assert "field 'departement'; did you mean 'department'?" in " ".join(done.err.split())
    [check] = [one for one in run("doctor", "kb", "--json").json if one["name"] == "kb"]
    assert check["detail"].endswith("declared fields departement; did you mean 'department'?")


def test_what_is_gone_is_deleted_without_a_complaint(run, folder) -> None:
    run("index", folder, "--to", "kb")
    gone = folder / "leave.md"
    gone.unlink()
    done = run("index", gone, "--to", "kb", "--prune", "--allow-empty", "--json").json
    assert done["deleted"] == 1 and done["reasons"] == {"not there any more": 1}
    assert [one["by_rule"] for one in done["skipped"]] == [True]


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


def test_a_language_that_the_model_hardly_knows_is_told_once(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(encoders, "load", lambda *_args, **_options: load())
    folder = tmp_path / "texte"
    folder.mkdir()
    for number, (passage, _) in enumerate(PASSAGES["german"]):
        (folder / f"{number}.txt").write_text(passage)
    done = run("index", folder, "--to", "kb")
    said = " ".join(done.err.split())
    assert (
        "100% of the chunks are in German, of whose most frequent words all-MiniLM-L6-v2 knows 7%"
        in said
    )
    assert "words are found" in said and "--model" in said
    [check] = [one for one in run("doctor", "kb", "--json").json if one["name"] == "languages"]
    assert check["state"] == "note" and "German" in check["detail"]
    assert "German" not in run("index", folder, "--to", "kb").err  # nothing has come
