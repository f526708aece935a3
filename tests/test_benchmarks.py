"""The documentation shows what was measured: its tables are those of the files in benchmarks/results."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from benchmarks import render
from benchmarks.records import RESULTS, ROOT, Result, Table


@pytest.mark.parametrize("page", render.pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_show_the_results(page) -> None:
    text = page.read_text("utf-8")
    assert render.rendered(text) == text, "run: python -m benchmarks render"


def test_every_result_is_shown_and_was_measured_at_a_commit() -> None:
    shown = "".join(page.read_text("utf-8") for page in render.pages())
    for file in RESULTS.glob("*.json"):
        result = Result.read(file)
        assert file.name == f"{result.suite}.{result.part}.{result.commit}.json"
        assert re.fullmatch("[0-9a-f]{9,40}", result.commit), (
            f"{file.name}: measure what is committed"
        )
        assert f"<!-- benchmark: {result.suite}.{result.part}" in shown, file.name


def made(**changes: object) -> Result:
    table = Table("t", {"set": "", "gain": "+.2f", "": ".1f"}, [["a", [0.5, 0.25, 1], ["▼", 2]]])
    return replace(Result("s", "p", "2026-01-01", "abc", "command", (table,)), **changes)


def test_a_result_survives_its_file(tmp_path) -> None:
    result = Result.now("s", "p", "command", {"sets": ["x"]}, list(made().tables))
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


def test_a_row_fits_its_columns() -> None:
    with pytest.raises(ValueError, match="a cell for each"):
        Table("t", {"a": "", "b": ""}, [["x"]])
