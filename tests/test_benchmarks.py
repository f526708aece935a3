"""Suites run, and the documentation shows what was measured: the tables in benchmarks/results."""

from __future__ import annotations

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from benchmarks import pictures, render
from benchmarks.__main__ import about, names, parser_of, run, suite_of
from benchmarks.records import RESULTS, ROOT, Result, Table
from benchmarks.suites import _speed_shell


@pytest.mark.parametrize("page", render.pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_show_the_results(page) -> None:
    text = page.read_text("utf-8")
    assert render.rendered(text) == text, "run: python -m benchmarks render"


def test_every_result_is_shown_and_was_measured_at_a_commit() -> None:
    shown = "".join(page.read_text("utf-8") for page in render.pages())
    for file in RESULTS.glob("*.json"):
        result = Result.read(file)
        assert file.name == f"{result.suite}.{result.part}.{result.commit}.json"
        assert result.part in suite_of(result.suite).parts, f"{file.name}: nothing measures it"
        assert re.fullmatch("[0-9a-f]{9,40}", result.commit), (
            f"{file.name}: measure what is committed"
        )
        assert f"<!-- benchmark: {result.suite}.{result.part}" in shown, file.name


def made(**changes: object) -> Result:
    table = Table("t", {"set": "", "gain": "+.2f", "": ".1f"}, [["a", [0.5, 0.25, 1], ["▼", 2]]])
    return replace(Result("s", "p", "2026-01-01", "abc", "command", (table,)), **changes)


def test_a_result_survives_its_file(tmp_path) -> None:
    result = Result.now("s", "p", "command", {"sets": ["x"]}, [*made().tables])
    assert Result.read(result.write(tmp_path)) == result


def test_the_newest_is_shown_unless_a_commit_is_named(tmp_path) -> None:
    made().write(tmp_path)
    made(date="2026-01-02", commit="abd").write(tmp_path)
    made(part="p-other", date="2026-01-03").write(tmp_path)
    page = "x\n<!-- benchmark: s.p -->\nold\n<!-- end -->\n<!-- benchmark: s.p.abc t -->\n<!-- end -->\n"
    once = render.rendered(page, tmp_path)
    assert "commit `abd`" in once and "commit `abc`" in once and "old" not in once
    assert "| a | +0.50 (+0.25 to +1.00) | ▼ 2.0 |" in once
    assert render.rendered(once, tmp_path) == once


@pytest.mark.parametrize("block", ["s.q", "s.p.abd", "s.p u"])
def test_what_is_not_there_is_an_error(block, tmp_path) -> None:
    made().write(tmp_path)
    with pytest.raises(LookupError):
        render.rendered(f"<!-- benchmark: {block} -->\n<!-- end -->", tmp_path)


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_pictures_show_the_results(name) -> None:
    kept = (pictures.FOLDER / f"{name}.svg").read_text("utf-8")
    assert pictures.words(kept) == pictures.words(pictures.svg(name)), (
        "run: python -m benchmarks render"
    )


def test_searches_that_were_timed_are_drawn_beside_their_quality(tmp_path) -> None:
    render.newest("quality.peers").write(tmp_path)
    assert "0.692" in pictures.words(pictures.svg("quality", tmp_path))
    columns = {"system": "", "chunks": "d", "p50, ms": ".1f"}
    rows = [
        ["rag_embed", 10_000, 12.34],
        ["rag_embed", 1000, 98.76],
        ["Chroma, dense", 10_000, 5.5],
        ["nobody's", 10_000, 43.21],
    ]
    timed = Table("one caller", columns, rows)
    made(suite="speed", part="search", tables=(timed,)).write(tmp_path)
    said = pictures.words(pictures.svg("quality", tmp_path))
    assert {"rag_embed", "0.692", "12.3", "Chroma, dense", "0.546", "5.5"} <= set(said)
    assert not {"98.8", "43.2", "nobody's"} & set(said)


def test_a_row_fits_its_columns() -> None:
    with pytest.raises(ValueError, match="a cell for each"):
        Table("t", {"a": "", "b": ""}, [["x"]])


def test_what_was_not_measured_is_no_table() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Table("t", {"a": ""}, [])
    with (
        mock.patch("pytest.main", lambda *_: 2),
        pytest.raises(SystemExit, match="cannot be loaded"),
    ):
        run("frameworks", ["--parts", "conformance"])


TOWNS = (
    *("Aachen", "Bremen", "Coburg", "Dessau", "Erfurt", "Fulda", "Giessen", "Hanau", "Ilmenau"),
    *("Jena", "Kassel", "Lemgo", "Minden", "Nauen", "Oppeln", "Passau", "Querfurt", "Rheine"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two small sets of pages in sections, as the public ones are laid out."""
    folder = tmp_path_factory.mktemp("data")
    for name, thing in (("ports", "harbour"), ("fairs", "market")):
        rows = {
            f"{town}/{part}": f"The {thing} of {town} {what}"
            for town in TOWNS
            for part, what in (("hours", "opens at six."), ("fees", "takes two coins a day."))
        }
        asked = {id: f"{thing} {id.split('/')[1]} {id.split('/')[0]}" for id in rows}
        lines = {
            "corpus.jsonl": [
                {"_id": id, "title": id.split("/")[1], "text": text, "doc_id": id.split("/")[0]}
                for id, text in rows.items()
            ],
            "queries.jsonl": [{"_id": f"q{id}", "text": text} for id, text in asked.items()],
        }
        (folder / name).mkdir()
        for file, some in lines.items():
            (folder / name / file).write_text("\n".join(map(json.dumps, some)))
        (folder / name / "qrels.tsv").write_text("\n".join(f"q{id}\t{id}\t1" for id in rows))
    return folder


@pytest.mark.parametrize(
    "words",
    [
        "quality --sets ports fairs",
        "tokens --sets ports fairs --parts gain --weights 0.25",
        "rerank --sets ports --queries 5 --train fairs --layers 1",
        "routing --sets ports fairs --parts sets mixed",
        "situated --sets ports fairs --parts ways --ways titled isolated",
        "speed --sets ports fairs --sizes 50 --queries 9 --warm 2 --encoded 20 --callers 2 --peers lancedb",
        "agents --sets ports fairs --questions 5 --modules 2",
    ],
)
def test_a_suite_measures(words, data, tmp_path, loaded_once, monkeypatch) -> None:
    """From the public layout to a file that pages can show."""
    monkeypatch.setattr(_speed_shell, "RUNS", 1)
    name, *rest = words.split()
    files = run(name, [*rest, "--data", str(data), "--work", str(tmp_path), "--out", str(tmp_path)])
    for file in files:
        result = Result.read(file)
        assert str(tmp_path) not in file.read_text() and "--out" not in result.command
        assert "--data DATA --work DIR" in result.command
        assert all(table.rows and table.markdown() for table in result.tables)
        assert result.arguments["sets"] == ["ports", "fairs"][: len(result.arguments["sets"])]


def test_the_sparse_suite_measures(data, tmp_path, monkeypatch, loaded_once) -> None:
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path / "cache"))
    made = runpy.run_path(str(Path(__file__).parent / "encoders" / "conftest.py"))
    tiny = made["write_tiny"](tmp_path / "tiny")
    places = ["--data", str(data), "--work", str(tmp_path), "--out", str(tmp_path / "out")]
    model = ["--model", str(made["write_splade"](tmp_path / "splade", tiny))]
    files = run("sparse", ["--sets", "ports", "fairs", "--queries", "4", *model, *places])
    for file in files:
        result = Result.read(file)
        assert str(tmp_path) not in file.read_text() and result.arguments["model"] == "sparse"
        assert all(table.rows and table.markdown() for table in result.tables)


def test_the_experts_suite_measures(data, tmp_path, monkeypatch, loaded_once) -> None:
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path / "cache"))
    made = runpy.run_path(str(Path(__file__).parent / "encoders" / "conftest.py"))
    tiny = made["write_tiny"](tmp_path / "tiny")
    models = [str(made["write_splade"](tmp_path / "splade", tiny)), str(tiny)]
    places = ["--data", str(data), "--work", str(tmp_path), "--out", str(tmp_path / "out")]
    words = ["--sets", "ports", "fairs", "--timed", "2", "--queries", "6", "--models", *models]
    tables = {}
    for file in run("experts", [*words, *places]):
        assert str(tmp_path) not in file.read_text()
        tables |= {table.name: table for table in Result.read(file).tables}
    last = tables["experts one after the other"].rows[-1]
    assert last[0] == "default's legs + sparse + tiny"
    assert {"fixed", "soft", "other domains", "fixed per set"} <= {*tables["nDCG@10"].columns}
    asked = tables["asked where it pays"].rows
    assert asked[-1][2:4] == [0.0, 0.0] and [row[1] for row in asked].count("chosen") == 1


def test_every_suite_says_what_it_is(capsys) -> None:
    for name in names():
        parser = parser_of(name, suite_of(name))
        assert about(name).endswith(".") and "--parts" in parser.format_help()
    with pytest.raises(SystemExit):
        parser_of("quality", suite_of("quality")).parse_args(["--parts", "peers"])
    assert "--data" in capsys.readouterr().err
