"""`rag-embed index`."""

from __future__ import annotations

import pytest

from rag_embed import encoders
from rag_embed.encoders import load


def test_first_and_second_run(run, folder) -> None:
    first = run("index", folder, "--to", "kb", "--json")
    assert first.code == 0 and "files" in first.err
    report = first.json
    assert report.keys() == {
        "added",
        "replaced",
        "unchanged",
        "chunks",
        "skipped",
        "pruned",
        "seconds",
        "index",
    }
    assert (report["added"], report["replaced"], report["unchanged"]) == (2, 0, 0)
    assert [one["source"] for one in report["skipped"]] == ["broken.pdf"]
    assert report["chunks"] >= 2 and report["index"] == "kb"
    again = run("index", folder, "--to", "kb", "--json").json
    assert (again["added"], again["unchanged"], again["chunks"]) == (0, 2, 0)


def test_table_for_people(run, folder) -> None:
    done = run("index", folder, "--to", "kb")
    assert done.code == 0 and "added" in done.out
    assert "skipped broken.pdf: " in done.err and "broken.pdf" not in done.out


def test_changed_and_gone_files(run, folder) -> None:
    run("index", folder, "--to", "kb")
    (folder / "leave.md").write_text("# Leave\n\nThirty-two days a year.\n")
    (folder / "kitchen.txt").unlink()
    kept = run("index", folder, "--to", "kb", "--json").json
    assert (kept["replaced"], kept["pruned"]) == (1, 0)
    assert run("search", "kb", "coffee", "-k", "1", "--json").json["hits"][0]["doc_id"] == (
        "kitchen.txt"
    )
    pruned = run("index", folder, "--to", "kb", "--prune", "--json").json
    assert (pruned["unchanged"], pruned["pruned"]) == (1, 1)
    hits = run("search", "kb", "coffee", "--json").json["hits"]
    assert {hit["doc_id"] for hit in hits} == {"leave.md"}


def test_strict(run, folder) -> None:
    assert run("index", folder, "--to", "kb", "--strict").code == 4
    (folder / "broken.pdf").unlink()
    assert run("index", folder, "--to", "kb", "--strict").code == 0


def test_several_sources(run, tmp_path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "readme.txt").write_text(f"This is the {name} one.")
    assert run("index", "first", "second", "--to", "kb", "--json").json["added"] == 2
    hits = run("search", "kb", "second", "-k", "1", "--json").json["hits"]
    assert hits[0]["doc_id"] == "second/readme.txt"
    (tmp_path / "first" / "second").mkdir()
    clash = run("index", "second", "first/second", "--to", "kb")
    assert clash.code == 1 and "'second'" in clash.err


def test_fields_become_filters(run, tmp_path) -> None:
    (tmp_path / "notes.jsonl").write_text(
        '{"id": "a", "text": "red fox", "year": 2019}\n{"id": "b", "text": "fox", "year": 2024}\n'
    )
    assert run("index", "notes.jsonl", "--to", "kb", "--field", "year:int").code == 0
    hits = run("search", "kb", "fox", "--where", "year>=2020", "--json").json["hits"]
    assert [hit["doc_id"] for hit in hits] == ["b"]


@pytest.mark.parametrize("wrong", ["year", "year:date", "doc_id:int", ":int"])
def test_bad_fields(run, folder, wrong, tmp_path) -> None:
    done = run("index", folder, "--to", "kb", "--field", wrong)
    assert done.code == 1 and "error: " in done.err and not (tmp_path / "kb").exists()


def test_options_of_an_existing_index(run, folder) -> None:
    create = ("--field", "year:int", "--chunk-tokens", "50", "--language", "german")
    assert run("index", folder, "--to", "kb", *create).code == 0
    assert run("index", folder, "--to", "kb", *create).code == 0
    assert run("index", folder, "--to", "kb").code == 0
    for other in (
        ("--field", "year:str"),
        ("--chunk-tokens", "60"),
        ("--language", "french"),
        ("--model", "another"),
        ("--situate", "isolated"),
    ):
        done = run("index", folder, "--to", "kb", *other)
        assert done.code == 1 and f"built with {other[0]}" in done.err


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
    assert done.code == 1 and "built with --tokens True" in done.err


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
