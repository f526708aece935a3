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
    assert "rag-embed index FOLDER --to KB" in done.json[-1]["detail"], "in the words of a shell"


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
    assert done.code == 1 and "interrupted: 1 of 5 documents" in done.json[-1]["detail"]
    Index.open(kb, encoder=HashEncoder(64)).delete(["old"])
    assert run("doctor", kb).code == 0


ENTRIES = {
    "dirs_exist_ok": "shutil.copytree",
    "remove spaces at both ends": "str.strip",
    "always round down": "math.floor",
}


@pytest.fixture
def small_demo(monkeypatch):
    """Three entries, and the questions that they answer."""
    from rag_embed.cli import demo

    some = [one for one in demo.standard_library() if one.id in ENTRIES.values()]
    monkeypatch.setattr(demo, "standard_library", lambda: iter(some))
    monkeypatch.setattr(demo, "ASKED", tuple(ENTRIES))
    return demo


def test_demo_as_json(run, small_demo) -> None:
    report = run("demo", "--json").json
    assert report["documents"] == 3 and len(report["answers"]) == len(small_demo.QUESTIONS)
    row = next(one for one in report["answers"] if one["question"] == "dirs_exist_ok")
    assert row["right"] == ["shutil.copytree"] and set(row["rank"]) == set(small_demo.SYSTEMS)
    assert row["rank"]["BM25"] == 1 and row["hits"][0]["doc_id"] == "shutil.copytree"
    assert set(report["off_topic"]) == set(small_demo.OFF_TOPIC)


def test_demo_counts_what_it_tells(run, small_demo) -> None:
    report = run("demo", "--json").json
    shown = run("demo").out
    for question in ENTRIES:
        assert f"? {question}\n" in shown
    for name in small_demo.SYSTEMS:
        ranks = [one["rank"][name] for one in report["answers"]]
        some = sum(1 for rank in ranks if rank and rank <= small_demo.SHOWN)
        [line] = [line for line in shown.splitlines() if line.startswith("all 71")]
        assert f"{ranks.count(1)}, {some}" in line


@pytest.mark.parametrize("width", ["60", "80"])
def test_demo_fits_into_a_narrow_terminal(width, run, small_demo, monkeypatch) -> None:
    from rag_embed.cli import show

    monkeypatch.setattr(show.out, "_width", int(width))
    lines = run("demo").out.splitlines()
    assert max(map(len, lines)) <= int(width)
    assert not any("…" in line for line in lines)


def test_demo_cites_the_line_that_answers() -> None:
    from rag_embed.cli import demo

    index = Index.in_memory(tokens=True)
    index.add(one for one in demo.standard_library() if one.id == "shutil.copytree")
    passage = demo._passage(index.explain("dirs_exist_ok", k=1)[0])
    marked = {passage.plain[one.start : one.end] for one in passage.spans}
    assert "dirs_exist_ok" in passage.plain[:60] and "dirs" in marked


def test_demo_fuses_ranks() -> None:
    from rag_embed.cli import demo

    assert demo._fused(["a", "b", "c"], ["c", "b"]) == ["c", "b", "a"]


def test_demo_questions_have_an_answer() -> None:
    from rag_embed.cli import demo

    known = {one.id for one in demo.standard_library()}
    for question, right in demo.QUESTIONS.items():
        assert set(right) <= known, question
    assert len(known) > 1500 and set(demo.ASKED) <= demo.QUESTIONS.keys()


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
    assert "23 of 53 tokens are never seen, the longest has 32" in found and "shorter" in found
    index.delete(["a", "b", "c"])
    index.add([Document("long", "fox " * 9), *(Document(f"{n}", "fox " * 8) for n in range(11))])
    little = run("doctor", tmp_path / "whole", "--json")
    assert states(little)["long texts"] == "ok", "nobody builds an index again for one of 121"
    assert "1 of 121 tokens are never seen" in little.json[-1]["detail"]


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


def test_recall_of_an_index(run, kb) -> None:
    found = run("doctor", kb, "--recall", "--json")
    assert found.code == 0 and states(found)["recall"] == "ok" and "finds 100.0%" in found.out
    assert run("doctor", "--recall").code == 1


def test_traces_of_a_text(run, kb) -> None:
    there = run("doctor", kb, "--traces", "fox of Ann", "--json")
    assert there.code == 1 and states(there)["traces"] == "bad"
    assert "documents, version" in there.out and "full-text" in there.out
    assert run("forget", kb, "ann").code == 0
    gone = run("doctor", kb, "--traces", "fox of Ann", "--json")
    assert gone.code == 0 and states(gone)["traces"] == "ok" and "found nowhere" in gone.out
    for wrong in (("doctor", "--traces", "x"), ("doctor", kb, "--traces", "")):
        assert run(*wrong).code == 1


def test_places_are_told_whole_however_long_they_are(run, tmp_path) -> None:
    kb = tmp_path / ("deep" * 20) / ("deeper" * 20)
    Index.create(kb, encoder=HashEncoder(64)).add([Document("a", "A red fox.")])
    done = run("doctor", kb, "--deep")
    assert "…" not in done.out
    rows = (line.split("│") for line in done.out.splitlines() if line.count("│") == 4)
    assert str(kb) in "".join(row[2].strip() for row in rows)


def test_copies_are_told_with_what_they_cost(run, tmp_path) -> None:
    text = "Parents may stay at home for thirty days of every year, with full pay. " * 8
    near = text.replace("thirty", "forty", 1)
    documents = [
        Document("a", text),
        Document("b", f"  {text.upper()}"),
        Document("c", near),
        Document("other", "The canteen has soup today, and bread with cheese on every Friday."),
        *(Document(f"ann-{i}", text, user="ann") for i in range(2)),
        Document("bob", text, user="bob"),
        Document("empty", " ", "A title"),
        Document("empty too", " ", "A title"),
    ]
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(64), chunk_tokens=20)
    index.add(documents)
    done = run("doctor", "kb", "--copies", "--json")
    [found] = [one for one in done.json if "groups" in one]
    groups = {tuple(one["ids"]): one for one in found["groups"]}
    assert groups.keys() == {("a", "b", "c"), ("ann-0", "ann-1")}, "nobody's is a copy of another's"
    chunks = {one.id: len(index.contents.chunks(one.id)) for one in documents}
    assert groups["a", "b", "c"]["chunks"] == sum(chunks[id] for id in "abc") - min(
        chunks["a"], chunks["c"]
    )
    assert 0.8 <= groups["a", "b", "c"]["least"] < 1 == groups["ann-0", "ann-1"]["least"]
    assert groups["ann-0", "ann-1"]["user"] == "ann" and groups["a", "b", "c"]["bytes"] > 0
    shown = run("doctor", "kb", "--copies")
    assert shown.code == 0 and "ann-0, ann-1 of ann: the same text" in shown.out
    assert "3 of 9 documents" in shown.out and "--group-by text" in shown.out
    assert run("doctor", "--copies").code == 1
    index.delete(["b", "c"])
    one = " ".join(run("doctor", "kb", "--copies", "--json").out.split())
    assert "1 of 7 documents says" in one
    index.delete(["ann-1"])
    assert "none among 6 documents" in run("doctor", "kb", "--copies").out
