"""`rag-embed doctor` and `rag-embed demo`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rag_embed import Document, Index, encoders
from rag_embed.cli import doctor as module
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.recipe import Recipe


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
    hits = first["Leave a loop early"]["rag_embed"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5] and hits[0]["doc_id"] == "break"
    assert set(report["off_topic"]) == set(demo.OFF_TOPIC)
    table = run("demo")
    assert table.code == 0 and "Why this answer?" in table.out
    right = [demo._rank(question, hits) for question, hits in _asked(report).items()]
    first, some = right.count(1), 20 - right.count(None)
    assert f"first: {first} of 20" in table.out and f"among 5: {some} of 20" in table.out


def _asked(report) -> dict:
    """The hits of rag_embed, as far as `demo._rank` looks at them."""
    from types import SimpleNamespace as Some

    return {
        row["question"]: [Some(chunk=Some(doc_id=hit["doc_id"])) for hit in row["rag_embed"]]
        for row in report["answers"]
    }


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


class Short(HashEncoder):
    """Says that it reads ten tokens, special tokens included."""

    @property
    def signature(self):
        return replace(super().signature, max_tokens=10)

    @property
    def recipe(self):
        return Recipe("model", {"model": "short"})


def test_chunks_that_the_model_cuts_off(run, kb, tmp_path, monkeypatch) -> None:
    assert states(run("doctor", kb, "--json"))["long texts"] == "ok"
    monkeypatch.setattr(encoders, "load", lambda *_: Short(64))
    index = Index.create(tmp_path / "whole", encoder=Short(64), chunk_tokens=None)
    index.add(
        [
            Document("a", "fox " * 30),
            Document("b", "fox " * 7, "Red fox"),
            Document("c", "fox " * 8),
        ]
    )
    done = run("doctor", tmp_path / "whole", "--json")
    assert done.code == 0 and states(done)["long texts"] == "note"
    found = done.json[-1]["detail"]
    assert "2 of 3 chunks are longer than the 10 tokens" in found
    assert "23 of 53 tokens are never seen, the longest has 32" in found


def test_documents_that_the_model_would_cut_off(run, tmp_path, monkeypatch) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "long.txt").write_text("fox " * 50)
    (texts / "short.txt").write_text("fox")
    found = run("doctor", "--corpus", texts, "--json").json[-1]
    assert (found["name"], found["state"]) == (str(texts), "ok")
    asked = []
    monkeypatch.setattr(encoders, "load", lambda *names: asked.append(names) or Short(64))
    found = run("doctor", "--corpus", texts, "--model", "short", "--json").json[-1]
    assert ("short",) in asked and found["state"] == "note"
    assert "1 of 2 documents are longer than the 10 tokens" in found["detail"]
    assert "rag-embed extend" in found["detail"]


def test_traces_of_a_text(run, kb) -> None:
    there = run("doctor", kb, "--traces", "fox of Ann", "--json")
    assert there.code == 1 and states(there)["traces"] == "bad"
    assert "documents, version" in there.out and "full-text" in there.out
    assert run("forget", kb, "ann").code == 0
    gone = run("doctor", kb, "--traces", "fox of Ann", "--json")
    assert gone.code == 0 and states(gone)["traces"] == "ok" and "found nowhere" in gone.out
    for wrong in (("doctor", "--traces", "x"), ("doctor", kb, "--traces", "")):
        assert run(*wrong).code == 1
