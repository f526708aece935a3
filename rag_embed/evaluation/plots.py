"""The two pictures of a report, drawn with matplotlib (extra ``plots``).

Figures are made directly, never through pyplot: no global state, no window, any thread.
Colours are Okabe and Ito's, which colour-blind readers can tell apart; the baseline is grey.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rag_embed.errors import BadInput, MissingExtra
from rag_embed.evaluation.outcomes import Evaluation
from rag_embed.evaluation.significance import Comparison
from rag_embed.evaluation.tables import AVERAGE, signed
from rag_embed.maths.metrics import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
_HATCHES = ("", "///", "...", "xxx")
_BASELINE = "#8A8F96"
_BETTER, _WORSE = "#0072B2", "#D55E00"
_INK, _SOFT, _LINE, _BAND = "#1b1f24", "#5b6570", "#d9dee4", "#eef1f5"


def metric_bars(comparison: Comparison) -> Figure:
    """Horizontal bars: per collection (and on average) every system's mean with its interval.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    groups = list(dict.fromkeys(row.collection for row in comparison.rows))
    systems = list(dict.fromkeys(row.system for row in comparison.rows))
    thick, gap = 0.24, 0.20
    group = thick * len(systems) + gap
    legend_columns = _legend_columns(systems)
    legend = 0.2 * math.ceil(len(systems) / legend_columns)
    figure = _figure(9.0, 0.95 + legend + group * len(groups))
    axes = figure.add_subplot()
    styles = _styles(systems, comparison.baseline)
    for place, system in enumerate(systems):
        rows = [comparison.row(system, name) for name in groups]
        centres = np.arange(len(groups)) * group + place * thick
        means = np.array([row.mean.value for row in rows])
        lows = means - [row.mean.low for row in rows]
        highs = np.array([row.mean.high for row in rows]) - means
        colour, hatch = styles[system]
        axes.barh(
            centres,
            means,
            height=thick * 0.86,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0,
            xerr=np.maximum([lows, highs], 0),
            error_kw={"ecolor": _INK, "elinewidth": 0.9, "capsize": 2},
            label=_short(system, 40),
        )
        for centre, row in zip(centres, rows, strict=True):
            axes.annotate(
                f"{row.mean.value:.3f}",
                (row.mean.high, centre),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color=_INK,
                bbox={
                    "facecolor": "white" if row.collection else _BAND,
                    "edgecolor": "none",
                    "pad": 0.8,
                },
            )
    middle = np.arange(len(groups)) * group + thick * (len(systems) - 1) / 2
    names = [_short(AVERAGE if name is None else name, 28) for name in groups]
    axes.set_yticks(middle, names)
    axes.set_ylim(middle[-1] + group / 2, middle[0] - group / 2)
    if groups[-1] is None:
        axes.axhspan(middle[-1] - group / 2, middle[-1] + group / 2, color=_BAND, zorder=0)
        axes.get_yticklabels()[-1].set_fontweight("bold")
    axes.set_xlim(0, 1.08 * max(row.mean.high for row in comparison.rows) or 1)
    axes.set_xlabel(Metric.parse(comparison.metric).label)
    _plain(axes, "x")
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=legend_columns,
        frameon=False,
        fontsize=9,
    )
    return figure


def difference_plot(
    evaluations: Sequence[Evaluation], system: str, baseline: str, metric: str = "ndcg@10"
) -> Figure:
    """Per collection one panel: every query's difference from the baseline, largest gain first.

    Raises:
        MissingExtra: matplotlib is not installed.
        BadInput: No evaluation, or the system or metric was not measured.
    """
    if not evaluations:
        raise BadInput("Nothing to draw; give at least one evaluation.")
    columns = min(3, len(evaluations))
    lines = math.ceil(len(evaluations) / columns)
    figure = _figure(9.0, 0.35 + (3.2 if columns == 1 else 2.7) * lines)
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False).ravel()
    for axes, evaluation in zip(panels, evaluations, strict=False):
        gains = evaluation.scores(system, metric) - evaluation.scores(baseline, metric)
        _panel(axes, np.sort(gains)[::-1], _short(evaluation.collection, 30))
    for axes in panels[len(evaluations) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel(f"difference in {Metric.parse(metric).label}", fontsize=9)
    for axes in panels[max(0, len(evaluations) - columns) : len(evaluations)]:
        axes.set_xlabel("queries, largest gain first", fontsize=9)
    return figure


def png(figure: Figure, dpi: int = 160) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    # No software stamp: the same figures give the same bytes.
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def _panel(axes: Any, gains: np.ndarray, name: str) -> None:  # noqa: ANN401
    edges = np.arange(gains.size + 1) + 0.5
    axes.stairs(np.maximum(gains, 0), edges, fill=True, color=_BETTER, linewidth=0)
    axes.stairs(np.minimum(gains, 0), edges, fill=True, color=_WORSE, linewidth=0)
    mean = float(gains.mean())
    axes.axhline(0, color=_INK, linewidth=0.8)
    axes.axhline(mean, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
    better, worse = int((gains > 0).sum()), int((gains < 0).sum())
    same = gains.size - better - worse
    axes.set_title(name + "\n\n", fontsize=10, loc="left", color=_INK)
    note = axes.text(
        0,
        1.03,
        f"mean {signed(mean)} (dashed)\n{better} better, {same} equal, {worse} worse",
        transform=axes.transAxes,
        va="bottom",
        fontsize=8,
        color=_SOFT,
        linespacing=1.35,
    )
    note.set_in_layout(False)  # the title's empty lines make the room
    axes.set_xlim(0.5, gains.size + 0.5)
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, -0.5, 0, 0.5, 1])
    _plain(axes, "y")


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "plots", "Drawing plots") from error
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _legend_columns(systems: Sequence[str]) -> int:
    """As many as fit: a line holds some 110 characters, a colour takes the room of ten."""
    longest = max(len(_short(system, 40)) for system in systems)
    return min(len(systems), max(1, 110 // (longest + 10)))


def _styles(systems: Sequence[str], baseline: str) -> dict[str, tuple[str, str]]:
    """Colour and hatch per system; hatches tell apart what the palette is too short for."""
    others = [system for system in systems if system != baseline]
    styles = {
        system: (_COLOURS[i % len(_COLOURS)], _HATCHES[i // len(_COLOURS) % len(_HATCHES)])
        for i, system in enumerate(others)
    }
    return {**styles, baseline: (_BASELINE, "")}


def _plain(axes: Any, grid: str) -> None:  # noqa: ANN401
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.grid(axis=grid, color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9, labelcolor=_SOFT)
    if grid == "x":
        axes.tick_params(axis="y", labelcolor=_INK)


def _short(text: str, length: int) -> str:
    """Cut names that would squeeze the picture; ``$`` would start a formula."""
    text = text if len(text) <= length else text[: length - 1] + "…"
    return text.replace("$", r"\$")
