"""A report: evaluations, their comparison and what they were made with; as text or JSON.

The HTML page lives in `rag_embed.evaluation.page`, the pictures in `rag_embed.evaluation.plots`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from rag_embed.errors import BadInput
from rag_embed.evaluation.cuts import Cut, cuts_table
from rag_embed.evaluation.outcomes import Evaluation
from rag_embed.evaluation.questions import compared_with, question_tables
from rag_embed.evaluation.significance import Comparison, Row, compare, gains, reach
from rag_embed.evaluation.tables import Table, tables
from rag_embed.maths.resampling import Difference, Estimate

FORMAT = "rag-embed-evaluation"
VERSION = 1
_LABEL = 12
"""Letters of a label that stay on one line, in a terminal that is too narrow for all."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What was measured and what it means.

    Attributes:
        title: Heading.
        evaluations: One per collection.
        comparison: Of all systems, by the main metric.
        system: The one that is compared with each of the others; None for none.
        gains: How much better it is than each of them, see `significance.gains`.
        cuts: What cuts of relevance lose and let through, see `cuts.cuts`.
        settings: What the caller wants to be on record (models, versions, date);
            JSON-serialisable.
    """

    title: str
    evaluations: tuple[Evaluation, ...]
    comparison: Comparison
    settings: Mapping[str, Any] = field(default_factory=dict)
    system: str | None = None
    gains: tuple[Row, ...] = ()
    cuts: tuple[Cut, ...] = ()

    def tables(self) -> list[Table]:
        """The report's tables as strings."""
        shown = tables(self.evaluations, self.comparison, self.system, self.gains)
        system = self._looked_at
        if system is not None:
            other = compared_with(system, self.comparison.baseline, self.gains)
            shown += question_tables(self.evaluations, system, other, self.comparison.metric)
        return [*shown, cuts_table(self.cuts)] if self.cuts else shown

    @property
    def reach(self) -> str:
        """What so few or many queries can prove, in a sentence; empty where nothing is compared."""
        system = self._looked_at
        if system is None:
            return ""
        other = compared_with(system, self.comparison.baseline, self.gains)
        whole = None if len(self.evaluations) > 1 else self.evaluations[0].collection
        rows = [*self.gains, *([] if self.gains else self.comparison.rows)]
        name = other if self.gains else system
        for row in rows:
            if row.difference and (row.collection, row.system) == (whole, name):
                return reach(row.difference, row.queries)
        return ""

    @property
    def _looked_at(self) -> str | None:
        """The system whose questions are listed: the one that was named, or the only one beside a baseline."""
        if self.system is not None:
            return self.system
        names = list(self.evaluations[0].systems)
        others = [name for name in names if name != self.comparison.baseline] or names
        return others[0] if len(others) == 1 else None


def make_report(
    evaluations: Sequence[Evaluation],
    *,
    baseline: str | None = None,
    system: str | None = None,
    metric: str = "ndcg@10",
    cuts: Sequence[Cut] = (),
    title: str = "Retrieval evaluation",
    settings: Mapping[str, Any] | None = None,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Report:
    """Compare the systems and put everything in one place.

    Args:
        evaluations: One per collection, all with the same systems.
        baseline: System the others are compared with; the first one when None.
        system: One that is compared with each of the others too, such as the whole search with each leg
            alone; None for none.
        metric: The main metric; the others are reported as means.
        cuts: What cuts of relevance lose and let through, see `rag_embed.evaluation.cuts`; shown if given.
        title: Heading.
        settings: Kept and shown as they are; JSON-serialisable.
        resamples: Bootstrap samples.
        seed: Their seed.
        level: Coverage of the intervals.

    Raises:
        BadInput: As `rag_embed.evaluation.compare`, or a setting is not JSON-serialisable.
    """
    settings = dict(settings or {})
    try:
        json.dumps(settings)
    except TypeError as error:
        raise BadInput(f"Report settings must be JSON-serialisable: {error}.") from None
    comparison = compare(evaluations, baseline, metric, resamples=resamples, seed=seed, level=level)
    more: tuple[Row, ...] = ()
    if system is not None:
        more = gains(evaluations, system, metric, resamples=resamples, seed=seed, level=level)
    return Report(title, tuple(evaluations), comparison, settings, system, more, tuple(cuts))


def to_rich(report: Report) -> Group:
    """For a terminal: give it to ``rich.console.Console.print``. Where a table is too wide it becomes lines."""
    parts: list[_Fitted | Text] = []
    for table in report.tables():
        parts += [_Fitted(table), Text()]
    return Group(*parts, Text(report.reach)) if report.reach else Group(*parts[:-1])


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A table as wide as a terminal is: drawn with all its columns, or a row after the other."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _drawn(self.table) if _width(self.table) <= options.max_width else _lines(self.table)


def _width(table: Table) -> int:
    """Columns of a terminal below which numbers would be cut, or labels folded beyond reading."""
    rows = [table.columns, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    labels = (min(width, _LABEL) for width in widths[: table.labels])
    return sum(labels) + sum(widths[table.labels :]) + 3 * len(widths) + 1


def _drawn(table: Table) -> RichTable:
    drawn = RichTable(
        title=Text(table.title, style="bold"),
        caption=Text(table.note, style="dim"),
        title_justify="left",
        caption_justify="left",
    )
    for place, name in enumerate(table.columns):
        number = place >= table.labels
        drawn.add_column(
            Text(name),
            justify="right" if number else "left",
            no_wrap=number,
            overflow="ellipsis" if number else "fold",
        )
    for row in table.rows:
        # Text, not str: a name in square brackets is no markup.
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def _lines(table: Table) -> Text:
    lines = Text(f"{table.title}\n", style="bold")
    for row in table.rows:
        named = [f"{name} {cell}" for name, cell in zip(table.columns, row, strict=True)]
        lines.append(", ".join(row[: table.labels]) + "\n", style="not bold")
        lines.append(f"  {', '.join(named[table.labels :])}\n", style="not bold")
    return lines.append(table.note, style="not bold dim")


def to_markdown(report: Report) -> str:
    """For a README or a pull request."""
    blocks = [f"# {_plain(report.title)}"]
    for table in report.tables():
        rule = ["---" if place < table.labels else "---:" for place in range(len(table.columns))]
        lines = [_line(table.columns), _line(rule), *(_line(row) for row in table.rows)]
        blocks += [f"## {_plain(table.title)}", "\n".join(lines)]
        blocks += [_plain(table.note)] if table.note else []
    blocks += [_plain(report.reach)] if report.reach else []
    if report.settings:
        lines = [f"- {_plain(key)}: {_plain(_shown(v))}" for key, v in report.settings.items()]
        blocks += ["## Settings", "\n".join(lines)]
    return "\n\n".join(blocks) + "\n"


def to_json(report: Report) -> str:
    """For machines: every query's scores too. Read back by `read_report`."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "title": report.title,
        "settings": dict(report.settings),
        "comparison": asdict(report.comparison),
        "system": report.system,
        "gains": [asdict(row) for row in report.gains],
        "reach": report.reach,
        "cuts": [asdict(one) for one in report.cuts],
        "evaluations": [evaluation.to_dict() for evaluation in report.evaluations],
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def read_report(text: str) -> Report:
    """The inverse of `to_json`.

    Raises:
        BadInput: Not JSON, not such a report, or one of a newer version.
    """
    try:
        data = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise BadInput(f"Expected a report in JSON ({error}); write one with to_json().") from None
    if not isinstance(data, dict) or (data.get("format"), data.get("version")) != (FORMAT, VERSION):
        raise BadInput(
            f"Expected a report of format {FORMAT!r}, version {VERSION}; write one with to_json()."
        )
    try:
        compared = dict(data["comparison"])
        compared["rows"] = tuple(_row(entry) for entry in compared["rows"])
        evaluations = tuple(Evaluation.from_dict(entry) for entry in data["evaluations"])
        more = tuple(_row(entry) for entry in data["gains"])
        return Report(
            data["title"],
            evaluations,
            Comparison(**compared),
            data["settings"],
            data["system"],
            more,
            tuple(Cut(**one) for one in data.get("cuts", ())),
        )
    except (KeyError, TypeError) as error:
        raise BadInput(f"The report is incomplete ({error}); measure again.") from None


def _row(entry: Mapping[str, Any]) -> Row:
    difference = entry["difference"]
    return Row(
        entry["collection"],
        entry["system"],
        entry["queries"],
        Estimate(**entry["mean"]),
        None if difference is None else Difference(**difference),
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    for mark in "\\|*_`[]<>#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
