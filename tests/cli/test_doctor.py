"""`rag-embed doctor` and `rag-embed demo`."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag_embed import Document, Index
from rag_embed.cli import doctor as module
from rag_embed.encoders import HashEncoder


def states(result) -> dict[str, str]:
    return {check["name"]: check["state"] for check in result.json}


def test_installation(run) -> None:
    done = run("doctor", "--json")
    assert done.code == 0
    assert states(done)["torch"] == states(done)["encoder"] == "ok"
    table = run("doctor")
    assert table.code == 0 and "lancedb" in table.out and "HashEncoder" in table.out


def test_missing_packages(run, monkeypatch) -> None:
    monkeypatch.setitem(module._EXTRAS, "no-such-package", "none: [of] it")
    done = run("doctor")
    assert done.code == 0 and "not installed; extra none: [of] it" in done.out
    monkeypatch.setattr(module, "_PACKAGES", ("no-such-package",))
    assert run("doctor", "--json").code == 1


def test_healthy_index(run, kb) -> None:
    done = run("doctor", kb, "--json")
    assert done.code == 0 and states(done)[kb] == "ok"
    assert "5 documents" in done.out


def test_no_index(run) -> None:
    done = run("doctor", "nowhere", "--json")
    assert done.code == 1 and "no index at" in done.json[-1]["detail"]


@pytest.mark.parametrize("pattern", ["chunks.lance/data/*", "documents.lance/data/*"])
def test_damaged_index(run, kb, pattern) -> None:
    for path in Path(kb).glob(pattern):
        path.unlink()
    done = run("doctor", kb)
    assert done.code == 1 and "missing or damaged" in done.out.replace("\n", " ")


def test_interrupted_write(run, kb) -> None:
    store = Index.open(kb, encoder=HashEncoder(64)).store
    store._chunks.delete("doc_id = 'old'")
    done = run("doctor", kb, "--json")
    assert done.code == 1 and "1 of 5 documents are incomplete" in done.json[-1]["detail"]
    Index.open(kb, encoder=HashEncoder(64)).delete(["old"])
    assert run("doctor", kb).code == 0


def test_demo(run, monkeypatch) -> None:
    from rag_embed.cli import demo

    topics = [one for one in demo.language_reference() if one.id in ("with", "break", "lambda")]
    monkeypatch.setattr(demo, "language_reference", lambda: iter(topics))
    report = run("demo", "--json").json
    assert report["documents"] == 3 and len(report["answers"]) == len(demo.QUESTIONS)
    first = {row["question"]: row for row in report["answers"]}
    assert first["Leave a loop early"]["rag_embed"]["doc_id"] == "break"
    table = run("demo")
    assert table.code == 0 and "of 20 right" in table.out and "Why this answer?" in table.out


def test_demo_questions_have_an_answer() -> None:
    from rag_embed.cli import demo

    known = {one.id for one in demo.language_reference()}
    for question, right in demo.QUESTIONS.items():
        assert known & set(right), question


def test_document_ids_are_no_markup(run, tmp_path) -> None:
    index = Index.create(tmp_path / "odd", encoder=HashEncoder(64))
    index.add([Document("[/red][bold]id", "fox :smile:")])
    assert "[/red][bold]id" in run("ask-why", tmp_path / "odd", "fox").out
    assert ":smile:" in run("search", tmp_path / "odd", "fox").out
