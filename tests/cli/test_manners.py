"""How the shell behaves: help with examples, short forms, pipes, narrow and hostile terminals, Ctrl-C."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from rag_embed import Document, Index, cli
from rag_embed.cli.commands import HOMES
from rag_embed.encoders import HashEncoder
from rag_embed.text import ACTING

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from rag_embed.cli import main; sys.argv[0] = 'rag-embed'; main()",
]
HOSTILE = "\x1b[2J\x1b]0;owned\x07fox \x9b31m\u202egpj.exe"


@pytest.fixture
def hostile(tmp_path) -> str:
    index = Index.create(tmp_path / "hostile", encoder=HashEncoder(64))
    index.add(Document("fox\u202e.md", HOSTILE, f"The fox {HOSTILE}", {"by": HOSTILE}))
    return str(tmp_path / "hostile")


@pytest.mark.parametrize("name", HOMES)
def test_every_help_ends_with_examples_that_fit(run, name) -> None:
    shown = run(name, "-h")
    assert shown.code == 0 and "Examples:" in shown.out and HOMES[name].examples
    whole = typer.main.get_command(cli.app)
    Path("kb").mkdir()
    for line in HOMES[name].examples:
        assert line in " ".join(shown.out.split())
        words = shlex.split(line.split(" | ")[0])
        assert words[0] == "rag-embed"
        context = typer.Context(whole)
        called, command, rest = whole.resolve_command(context, words[1:])
        command.make_context(called, rest, parent=context)  # exits where it does not fit


def test_the_overview_is_grouped(run) -> None:
    shown = run("-h").out
    heads = [shown.index(f"─ {group} ─") for group in ("Asking", "Documents", "Users", "Quality")]
    assert heads == sorted(heads) and shown == run("--help").out


def test_did_you_mean(run) -> None:
    done = run("serch", "kb", "x")
    assert done.code == 2 and "Did you mean 'search'" in done.err


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("--topk", "-k"),
        ("--filter", "--where"),
        ("--user-id", "--user"),
        ("--group_by", "--group-by"),
    ],
)
def test_an_option_that_was_meant(run, kb, option, meant) -> None:
    done = run("search", kb, "fox", option, "3")
    said = " ".join(done.err.replace("│", " ").split())
    assert done.code == 2 and f"No such option: {option}. Did you mean {meant}?" in said
    assert "Possible" not in said


@pytest.mark.parametrize(
    "words",
    ["tune KB foo", "search KB fox --group-by page", "index . --to new --engine x"],
)
def test_a_value_that_is_none_is_told_without_a_foreign_prefix(run, kb, words) -> None:
    done = run(*words.replace("KB", kb).split())
    assert done.code == 2 and "is not one of" in " ".join(done.err.split())
    assert "Value error" not in done.err


def test_an_index_and_a_question_are_a_search(run, kb, monkeypatch) -> None:
    assert run(kb, "red fox", "-k", "2").out == run("search", kb, "red fox", "-k", "2").out != ""


def test_a_word_that_is_no_command_is_told_what_it_may_lack(run, kb) -> None:
    for words in (["nowhere"], ["nowhere", "red fox"]):
        done = run(*words)
        said = " ".join(done.err.replace("│", " ").split())
        assert done.code == 2 and "no command and no index 'nowhere'" in said
        assert "rag-embed index FOLDER --to nowhere" in said
    done = run(kb)
    assert done.code == 2 and "is a folder, not a command" in done.err and "QUERY" in done.err


def test_lines_of_json(run, kb) -> None:
    lines = run("search", kb, "red fox", "-k", "2", "--jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == run(
        "search", kb, "red fox", "-k", "2", "--json"
    ).json["hits"]
    assert run("search", kb, "red fox", "-k", "0", "--jsonl").code == 3


def test_list_and_stats(run, kb) -> None:
    assert run("list", kb).out.splitlines()[0] == "long  Whales"
    rows = run("list", kb, "--json").json
    assert [row["id"] for row in rows] == ["long", "new", "old", "xss"]
    assert [json.loads(line) for line in run("list", kb, "--jsonl").out.splitlines()] == rows
    assert [row["id"] for row in run("list", kb, "--where", "year>=2020", "--json").json] == ["new"]
    assert "own" in {row["id"] for row in run("list", kb, "--user", "ann", "--json").json}
    assert run("list", kb, "--where", "year=1").code == 3
    stats = run("stats", kb, "--json").json
    assert (stats["documents"], stats["fields"]["year"]) == (5, "int") and "dense" in stats[
        "weights"
    ]
    assert "documents" in run("stats", kb).out


def test_what_is_exported_can_be_indexed(run, kb, tmp_path) -> None:
    done = run("export", kb, "--to", tmp_path / "all.jsonl", "--user", "ann")
    assert (done.code, done.out, done.err) == (0, "", "wrote 5 documents\n")
    assert (tmp_path / "all.jsonl").read_text() == run("export", kb, "--user", "ann").out
    assert run("index", "all.jsonl", "--to", "again", "--field", "year:int").code == 0
    before, after = Index.open(kb).contents, Index.open("again").contents
    ids = before.matching(user="ann")
    assert after.matching(user="ann") == ids
    for one, other in zip(
        before.documents(ids, user="ann"), after.documents(ids, user="ann"), strict=True
    ):
        assert (one.id, one.text, one.title, one.user) == (
            other.id,
            other.text,
            other.title,
            other.user,
        )
        assert one.metadata.items() <= other.metadata.items()
    assert run("export", kb, "--where", "year=1").code == 3


@pytest.mark.parametrize(
    "words",
    [
        "search KB fox",
        "ask-why KB fox",
        "list KB",
        "show KB",
        "show KB ID",
        "export KB",
        "stats KB",
        "doctor KB",
    ],
)
@pytest.mark.parametrize("form", ["", "--json", "--jsonl"])
def test_nothing_acts_on_the_terminal(run, hostile, words, form) -> None:
    given = [{"KB": hostile, "ID": "fox\u202e.md"}.get(word, word) for word in words.split()]
    done = run(*given, *filter(None, [form]))
    if done.code == 2:
        pytest.skip("this command has no such form")
    assert done.code == 0 and done.out and not ACTING.search(done.out + done.err)
    if words == "search KB fox" and form == "--json":
        assert done.json["hits"][0]["text"] == HOSTILE, "JSON says the same"


def test_names_of_files_do_not_act_either(run, tmp_path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / f"a{HOSTILE}.pdf").write_bytes(b"%PDF-1.7 not really")
    (tmp_path / "docs" / "b\x1b[2J.md").write_text("fox")
    for form in ([], ["--json"], ["--dry-run"]):
        done = run("index", "docs", "--to", "kb", *form)
        assert done.code == int(form != ["--dry-run"]) and not ACTING.search(done.out + done.err)


@pytest.mark.parametrize("columns", [60, 80])
def test_explanations_fit_a_narrow_terminal(run, kb, monkeypatch, columns) -> None:
    monkeypatch.setattr("rag_embed.cli.show.out._width", columns)
    done = run("ask-why", kb, "red fox", "-k", "2")
    assert done.code == 0 and "dense: raw" in done.out and "…" not in done.out.split("words")[0]
    assert max(map(len, done.out.splitlines())) <= columns


def test_no_colour_where_none_is_wanted(kb) -> None:
    env = {**os.environ, "NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = subprocess.run([*COMMAND, "list", "--help"], capture_output=True, text=True, env=env)
    assert "\x1b[3" not in done.stdout and done.returncode == 0


def test_a_closed_pipe_is_no_error(tmp_path) -> None:
    Index.create(tmp_path / "big", encoder=HashEncoder(8), chunk_tokens=None).add(
        Document(f"document-{i:05}", "fox", f"Title {i} " * 20) for i in range(1500)
    )
    for words in (["list"], ["export"], ["list", "--json"]):
        first = subprocess.Popen(
            [*COMMAND, words[0], str(tmp_path / "big"), *words[1:]],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert first.stdout.readline()
        first.stdout.close()
        said = first.stderr.read()
        first.stderr.close()
        assert (
            first.wait(timeout=120) in (0, 1)
            and "Traceback" not in said
            and "Exception" not in said
        )


def test_ctrl_c_leaves_a_whole_index_and_says_how_to_go_on(run, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for i in range(300):
        (folder / f"{i:03}.txt").write_text(f"Fox number {i} hunts mice. " * 60)
    add_files = Index.add_files

    def stopped(index: Index, *paths: object, progress=None, **options: object) -> object:
        def told(now) -> None:
            progress(now)
            if now.chunks:
                raise KeyboardInterrupt

        return add_files(index, *paths, progress=told, **options)

    monkeypatch.setattr(Index, "add_files", stopped)
    done = run("index", folder, "--to", "kb")
    assert done.code == 130 and "Run the same command again to go on." in done.err
    assert "Traceback" not in done.err
    monkeypatch.setattr(Index, "add_files", add_files)
    report = run("index", folder, "--to", "kb", "--json").json
    assert report["added"] + report["unchanged"] == 300 == len(Index.open("kb").contents.matching())


def test_ctrl_c_before_the_first_batch_says_that_nothing_was_written(
    run, folder, monkeypatch
) -> None:
    def stopped(*_: object, **options: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(Index, "add_files", stopped)
    done = run("index", folder, "--to", "kb")
    assert done.code == 130 and done.err.strip().endswith("stopped; nothing was written yet.")
    assert not (folder.parent / "kb").exists()


def test_lancedb_does_not_tell_of_every_part_of_an_index_that_it_splits(run, monkeypatch) -> None:
    monkeypatch.setenv("LANCEDB_LOG", "debug")
    run("--version")
    assert os.environ["LANCEDB_LOG"] == "debug"
    monkeypatch.delenv("LANCEDB_LOG")
    run("--version")
    assert os.environ["LANCEDB_LOG"] == "warn,lance::index::vector::builder=error"
