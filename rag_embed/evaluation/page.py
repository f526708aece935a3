"""A report as one HTML file that needs nothing else: tables, and the plots inside the page."""

from __future__ import annotations

import base64
import json
from html import escape
from typing import TYPE_CHECKING

from rag_embed.evaluation.plots import difference_plot, metric_bars, png
from rag_embed.evaluation.report import Report
from rag_embed.evaluation.tables import Table
from rag_embed.maths.metrics import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE = """
:root { --ink: #1b1f24; --soft: #5b6570; --line: #d9dee4; --accent: #0b5fa5; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f6f8; color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1.75rem; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 0 0 .75rem; }
section { background: #fff; border: 1px solid var(--line); border-radius: 10px;
  padding: 1.25rem 1.4rem; margin: 0 0 1.25rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { padding: .42rem .7rem; text-align: left; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; border-bottom-width: 2px; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: #f0f5fa; }
p { color: var(--soft); font-size: .88rem; margin: .75rem 0 0; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: 0;
  font-size: .93rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media print { body { background: #fff; } section { break-inside: avoid; } }
"""


def to_html(report: Report, *, plots: bool = True) -> str:
    """The whole report as one page without scripts and without anything loaded from elsewhere.

    Args:
        report: What to show.
        plots: Draw bars and per-query differences into the page (extra ``plots``).

    Raises:
        MissingExtra: ``plots`` without matplotlib.
    """
    head, *rest = report.tables()
    sections = [_table(head)]
    if plots:
        sections += _plots(report)
    sections += [_table(table) for table in rest]
    if report.reach:
        sections.append(f"<section>\n<p>{escape(report.reach)}</p>\n</section>")
    if report.settings:
        sections.append(_settings(report))
    title = escape(report.title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{title}</h1>\n"
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def _plots(report: Report) -> list[str]:
    comparison = report.comparison
    label = Metric.parse(comparison.metric).label
    title = f"{label} with {comparison.level * 100:g} % intervals"
    drawn = [_picture(metric_bars(comparison), title)]
    for system in report.evaluations[0].systems:
        if system != comparison.baseline:
            figure = difference_plot(
                report.evaluations, system, comparison.baseline, comparison.metric
            )
            title = f"{label} per query: {system} against {comparison.baseline}"
            drawn.append(_picture(figure, title))
    return drawn


def _picture(figure: Figure, title: str) -> str:
    data = base64.b64encode(png(figure)).decode("ascii")
    title = escape(title)
    return (
        f"<section>\n<h2>{title}</h2>\n"
        f'<img alt="{title}" src="data:image/png;base64,{data}">\n</section>'
    )


def _table(table: Table) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        marks = ["" if place < table.labels else ' class="number"' for place in range(len(cells))]
        inner = "".join(
            f"<{tag}{mark}>{escape(cell)}</{tag}>" for mark, cell in zip(marks, cells, strict=True)
        )
        return f"<tr>{inner}</tr>"

    body = "\n".join(row(cells, "td") for cells in table.rows)
    note = f"\n<p>{escape(table.note)}</p>" if table.note else ""
    return (
        f"<section>\n<h2>{escape(table.title)}</h2>\n<table>\n<thead>{row(table.columns, 'th')}"
        f"</thead>\n<tbody>\n{body}\n</tbody>\n</table>{note}\n</section>"
    )


def _settings(report: Report) -> str:
    entries = "\n".join(
        f"<dt>{escape(key)}</dt><dd>"
        f"{escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}</dd>"
        for key, value in report.settings.items()
    )
    return f"<section>\n<h2>Settings</h2>\n<dl>\n{entries}\n</dl>\n</section>"
