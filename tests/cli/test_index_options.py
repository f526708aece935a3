"""What `rag-embed index` can be told of fields, legs, tokens and how texts are situated."""

from __future__ import annotations

import pytest

from rag_embed import Index, encoders
from rag_embed.encoders import load


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


def test_a_refused_call_declares_no_field(run, folder, tmp_path) -> None:
    assert run("index", folder, "--to", "kb").code == 0
    (again := tmp_path / "elsewhere" / folder.name).mkdir(parents=True)
    (again / "a.md").write_text("A fox.")
    for wrong in ([again], [folder, "--prune", "--user", "ann"], [folder, "--name", "a/b"]):
        assert run("index", *wrong, "--to", "kb", "--field=year:int", "--tokens").code != 0
    index = Index.open("kb")
    assert not index.store.fields.types and not index.spaces.own.signature.tokens


def test_a_field_is_declared_later(run, tmp_path) -> None:
    (tmp_path / "notes.jsonl").write_text(
        '{"id": "a", "text": "red fox", "year": 2019, "day": "2024-05-01"}\n'
        '{"id": "b", "text": "fox", "year": 2024, "day": "soon"}\n'
    )
    assert run("index", "notes.jsonl", "--to", "kb").code == 0
    done = run("declare", "kb", "yeer:int", "day:date")
    said = " ".join(done.err.split())
    assert "declared yeer: 0 of 2 chunks with a value; did you mean 'year'?" in said
    assert "declared day: 1 of 2 chunks with a value" in said and "without b: Document 'b'" in said
    assert run("index", "notes.jsonl", "--to", "kb", "--field=year:int", "--dry-run").code == 0
    told = run("declare", "kb", "day:date", "--json").json
    assert told == {
        "fields": {"yeer": "int", "day": "date"},
        "filled": {"yeer": 0, "day": 1},
        "partly": [],
    }
    done = run("index", "notes.jsonl", "--to", "kb", "--field=year:int", "--json").json
    assert done["replaced"] == 1 and [one["source"] for one in done["partly"]] == ["b"]
    hits = run("search", "kb", "fox", "--where", "year>=2020", "--json").json["hits"]
    assert [hit["doc_id"] for hit in hits] == ["b"]
    wrong = run("declare", "kb", "year:str")
    assert wrong.code == 1 and "declared as int, and stays so" in " ".join(wrong.err.split())
    assert run("declare", "kb", "year").code == 1


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


def test_chunks_overlap_and_files_are_included(run, folder) -> None:
    shape = ("--chunk-tokens", "40", "--chunk-overlap", "20", "--include", "*.txt")
    (folder / "kitchen.txt").write_text("One two three. Four five six. Seven eight. " * 9)
    assert run("index", folder, "--to", "kb", *shape, "--json").json["added"] == 1
    index = Index.open("kb")
    assert index.contents.matching() == ["handbook/kitchen.txt"]
    first, second, *_ = index.store.view().document_chunks("handbook/kitchen.txt")
    assert second.start < first.end
