"""What ``rag-embed eval --out`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rag_embed import evaluation as ev
from rag_embed.cli.show import err

if TYPE_CHECKING:
    from rag_embed.routing.pilots import Pilots
    from rag_embed.tuning.router_report import Routed


def draw(pilots: Pilots, routed: Routed, metric: str, folder: Path) -> None:
    """The pictures of a router."""
    from rag_embed.evaluation.plots import png
    from rag_embed.tuning.router_plots import pilot_map, reliability_plot

    count = len(routed.routes)
    pictures = {
        "pilots.png": pilot_map(pilots, [routed]),
        "reliability.png": reliability_plot([routed], metric, bins=min(6, count)),
    }
    for name, figure in pictures.items():
        (folder / name).write_bytes(png(figure))
    err.print(f"wrote {' and '.join(pictures)}", markup=False)


def write(report: ev.Report, folder: Path, system: str) -> None:
    """The report as JSON, Markdown and HTML, and its pictures."""
    from rag_embed.evaluation.plots import difference_plot, metric_bars, png

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(ev.to_json(report), encoding="utf-8")
    (folder / "report.md").write_text(ev.to_markdown(report), encoding="utf-8")
    (folder / "report.html").write_text(ev.to_html(report), encoding="utf-8")
    (folder / "systems.png").write_bytes(png(metric_bars(report.comparison)))
    (folder / "differences.png").write_bytes(
        png(
            difference_plot(
                report.evaluations,
                system,
                report.comparison.baseline,
                report.comparison.metric,
            )
        )
    )
    err.print(f"wrote report.json, report.md, report.html and two plots to {folder}", markup=False)
