"""What ``rag-embed eval --out`` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rag_embed import evaluation as ev
from rag_embed.cli.show import err, without_pictures
from rag_embed.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rag_embed.routing.pilots import Pilots
    from rag_embed.tuning.router_report import Routed


def write(
    report: ev.Report,
    folder: Path,
    system: str,
    routing: tuple[Pilots, Routed] | None = None,
) -> None:
    """The report as JSON, Markdown and HTML, and its pictures; those of a router too.

    Without matplotlib all but the pictures is written, and a note says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn, missing = _drawn(_pictures(report, system, routing))
    files = {
        "report.json": ev.to_json(report),
        "report.md": ev.to_markdown(report),
        "report.html": ev.to_html(report, plots=missing is None),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, picture in drawn.items():
        (folder / name).write_bytes(picture)
    *most, last = [*files, *drawn]
    err.print(f"wrote {', '.join(most)} and {last} to {folder}", markup=False)
    if missing is not None:
        without_pictures(missing)


def _pictures(
    report: ev.Report, system: str, routing: tuple[Pilots, Routed] | None
) -> Mapping[str, Callable[[], Figure]]:
    """How each picture is drawn, by the name of its file."""
    from rag_embed.evaluation.plots import difference_plot, metric_bars
    from rag_embed.tuning.router_plots import pilot_map, reliability_plot

    compared = report.comparison
    baseline, metric = compared.baseline, compared.metric
    pictures: dict[str, Callable[[], Figure]] = {
        "systems.png": lambda: metric_bars(compared),
        "differences.png": lambda: difference_plot(report.evaluations, system, baseline, metric),
    }
    if routing is not None:
        pilots, routed = routing
        bins = min(6, len(routed.routes))
        pictures["pilots.png"] = lambda: pilot_map(pilots, [routed])
        pictures["reliability.png"] = lambda: reliability_plot([routed], metric, bins=bins)
    return pictures


def _drawn(
    pictures: Mapping[str, Callable[[], Figure]],
) -> tuple[dict[str, bytes], MissingExtra | None]:
    """Each picture as PNG, or none of them and what is missing."""
    from rag_embed.evaluation.plots import png

    try:
        return {name: png(draw()) for name, draw in pictures.items()}, None
    except MissingExtra as missing:
        return {}, missing
