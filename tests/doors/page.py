"""`python tests/doors/page.py` writes the table into ``docs/doors.md``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where this is a script

from doors.table import HELD, OPTIONS, REASONS, VERBS, WAYS, Row, Verb

PAGE = Path(__file__).parents[2] / "docs" / "doors.md"
BEGIN, END = "<!-- what follows is written by tests/doors/page.py -->", "<!-- end of the table -->"


def rendered() -> str:
    """The table as Markdown, in three parts."""
    parts = [
        "## What comes with a search",
        _table(OPTIONS, [[_option(row, way) for way in WAYS] for row in OPTIONS]),
        "## What an index is made of",
        "Made once, it counts wherever the index is opened by its path.",
        _table(HELD, [["yes"] * len(WAYS) for _ in HELD]),
        "## What is done",
        _table(VERBS, [[_verb(verb, way) for way in WAYS] for verb in VERBS]),
    ]
    return "\n\n".join(parts)


def _option(row: Row, way: str) -> str:
    return row.shown.get(way) or f"`{row.asked.arguments(way)}`"


def _verb(verb: Verb, way: str) -> str:
    return f"`{verb.said[way]}`" if way in verb.said else REASONS[verb.what, way].why


def _table(rows: Sequence[Row | Verb], cells: Sequence[Sequence[str]]) -> str:
    lines = [["", *WAYS], ["---"] * (len(WAYS) + 1)]
    lines += [[f"[{row.what}]({row.page})", *said] for row, said in zip(rows, cells, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    written = f"{before}{BEGIN}\n\n{rendered()}\n\n{END}{rest.split(END)[1]}"
    PAGE.write_text(written, encoding="utf-8")
