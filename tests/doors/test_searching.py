"""What a search can be given, and what an index can be made of, counts in the same way from everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from doors.indexes import MAKE
from doors.table import HELD, OPTIONS, WAYS, Asked, Row
from doors.ways import Python

ROWS = [*OPTIONS, *HELD]
CELLS = [pytest.param(row, way, id=f"{row.what}-{way}") for row in ROWS for way in WAYS[1:]]


@pytest.fixture
def asked(kbs, request):
    """The search of a row; a model that the table names by its folder lies in the working folder."""
    row: Row = request.getfixturevalue("row")
    if "a-cross-encoder" in row.asked.shell:
        Path("a-cross-encoder").symlink_to(kbs.cross_encoder)
    return row.asked


@pytest.fixture(scope="module")
def in_python(kbs):
    """What Python finds: each row is asked so once, and compared with three others."""
    known: dict[Asked, list] = {}

    def found(asked: Asked) -> list:
        if asked not in known:
            known[asked] = Python().found(kbs[asked.index], asked)
        return known[asked]

    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_each_changes_what_is_found(in_python, row, asked) -> None:
    found = in_python(asked)
    assert found and found != in_python(row.less)


@pytest.mark.parametrize(("row", "way"), CELLS)
def test_each_way_in_finds_the_same(kbs, ways, in_python, row, way, asked) -> None:
    found = ways[way].found(kbs[asked.index], asked)
    expected = in_python(asked)
    assert [one[0] for one in found] == [one[0] for one in expected]
    for got, wanted in zip(found, expected, strict=True):
        assert got[1:] == pytest.approx(wanted[1:], abs=1e-4)


def test_every_index_is_in_the_table() -> None:
    used = {row.asked.index for row in ROWS} | {row.less.index for row in ROWS}
    assert MAKE.keys() - used == {"whole"}  # for deleting


NAMED = {row.what: row for row in ROWS}
WHY = ["filter", "histories of users", "earlier turns", "a router", "all at once"]
WHY += ["an expert (LoRA)", "a router over experts", "described by a writer"]


@pytest.mark.parametrize("what", WHY)
@pytest.mark.parametrize("way", WAYS[1:])
def test_each_way_in_says_the_same_of_why(kbs, ways, way, what) -> None:
    asked = NAMED[what].asked
    explained = ways[way].explained(kbs[asked.index], asked)
    expected = Python().explained(kbs[asked.index], asked)
    assert [one["id"] for one in explained] == [one["id"] for one in expected]
    assert any("fox" in one["words"] for one in expected)
    for got, wanted in zip(explained, expected, strict=True):
        assert got["words"] == wanted["words"]
        assert [part["leg"] for part in got["parts"]] == [part["leg"] for part in wanted["parts"]]
        assert sum(part["contribution"] for part in got["parts"]) == pytest.approx(
            wanted["score"], abs=1e-3
        )
        routed = "router" in what
        assert (got["route"] is None) == (wanted["route"] is None) == (not routed)
        assert got["personal"] == wanted["personal"] or got["personal"]["events"]
        bent = asked.index in ("history", "talk")
        assert (got["personal"] is not None) == (wanted["personal"] is not None) == bent
        assert bool(got["token_matches"]) == bool(wanted["token_matches"])
