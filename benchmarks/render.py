"""Write measured tables into the documentation.

A page says where: between ``<!-- benchmark: SUITE.PART -->`` and ``<!-- end -->`` stands the newest result
of that part. The name of one of its tables may follow the part; a commit behind the part
(``SUITE.PART.COMMIT``) holds on to that result.
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.records import RESULTS, ROOT, Result

_BLOCK = re.compile(r"(<!-- benchmark: (\S+)(?: ([^>]+))? -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """The README and every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def rendered(text: str, results: Path = RESULTS) -> str:
    """A page with today's tables.

    Raises:
        LookupError: A block names a result or a table that is not there.
    """
    return _BLOCK.sub(lambda m: f"{m[1]}\n{_block(m[2], m[3], results)}\n\n{m[4]}", text)


def newest(part: str, results: Path = RESULTS) -> Result:
    """The latest result of ``SUITE.PART``, or that of a commit."""
    found = [Result.read(file) for file in sorted(results.glob(f"{part}*.json"))]
    found = [
        one for one in found if part in (name := f"{one.suite}.{one.part}", f"{name}.{one.commit}")
    ]
    if not found:
        raise LookupError(f"no result of {part} in {results}; measure it: python -m benchmarks")
    return max(found, key=lambda one: one.date)


def _block(part: str, name: str | None, results: Path) -> str:
    result = newest(part, results)
    tables = [one for one in result.tables if name in (None, one.name)]
    if not tables:
        known = ", ".join(one.name for one in result.tables)
        raise LookupError(f"{part} has no table {name!r}; it has {known}")
    shown = [
        f"**{one.name}**\n\n{one.markdown()}" if len(tables) > 1 else one.markdown()
        for one in tables
    ]
    cores = f", {result.cores} cores" if result.cores else ""
    line = f"*`{result.command}`, {result.date}, commit `{result.commit}`{cores}.*"
    return "\n\n".join([*shown, line])


def write() -> list[Path]:
    """Bring all pages up to date; those that changed are returned."""
    changed = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (fresh := rendered(text)) != text:
            page.write_text(fresh, encoding="utf-8")
            changed.append(page)
    return changed
