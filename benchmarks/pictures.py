"""Draw what was measured: SVG files that are readable on a light and on a dark page.

Every picture is made of the newest kept results and of nothing else, so that drawing again after a new
measurement is one command: ``python -m benchmarks render``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from benchmarks.records import RESULTS, ROOT, Result, Table
from benchmarks.render import newest

FOLDER = ROOT / "docs" / "pictures"
OURS, OTHERS, INK, RULE = "#d9730d", "#3d85c6", "#7d7d7d", "#8a8a8a55"
"""Colours of middle brightness: they stand out from white and from black."""

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "rag_embed",
    "font.family": "sans-serif",
    "font.size": 11,
    **{f"{part}.color": INK for part in ("text", "xtick", "ytick")},
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
}
AS_FUSED = {
    "rag_embed": "rag_embed",
    "rag_embed, dense leg": "dense",
    "LanceDB by hand, dense": "dense",
    "LanceDB by hand, hybrid": "RRF",
    "LangChain over LanceDB, dense": "dense",
    "LangChain ensemble, hybrid": "LangChain ensemble",
    "LlamaIndex over LanceDB, dense": "dense",
    "LlamaIndex fusion, hybrid": "LlamaIndex rrf",
    "Chroma, dense": "dense",
    "txtai, dense": "dense",
    "Haystack in memory, dense": "dense",
    "Haystack in memory, hybrid": "RRF",
}
"""System whose searches were timed -> fusion that was measured. Others are not drawn."""

_SIZE = 10_000
"""Chunks of the index whose searches are drawn."""


def table(result: Result, name: str) -> Table:
    """One table of a result."""
    return next(one for one in result.tables if one.name == name)


def column(of: Table, name: str) -> list[Any]:
    """All cells below a head."""
    return [row[[*of.columns].index(name)] for row in of.rows]


def averages(results: Path) -> dict[str, float]:
    """System -> nDCG@10, the nine sets counting the same."""
    measured = table(newest("quality.peers", results), "nDCG@10")
    [row] = [row for row in measured.rows if row[0] == "average"]
    cells = list(zip(measured.columns, row, strict=True))[2:]
    return dict(sorted(((name, number(cell)) for name, cell in cells), key=lambda one: one[1]))


def number(cell: Any) -> float:
    """A cell's number; a mark of significance may stand before it."""
    found = cell if isinstance(cell, list) else [cell]
    return float(next(one for one in found if not isinstance(one, str)))


def quality(results: Path) -> Figure:
    """nDCG@10 of every system, and beside it milliseconds a query where searches were timed."""
    means = averages(results)
    try:
        search = table(newest("speed.search", results), "one caller")
    except LookupError:
        figure = Figure((7.2, 3.4), layout="constrained")
        _dots(figure.add_subplot(), means, "nDCG@10, average of nine sets", ".3f")
        return figure
    rows = zip(*(column(search, name) for name in ("system", "chunks", "p50, ms")), strict=True)
    spent = {s: ms for s, size, ms in rows if size == _SIZE and s in AS_FUSED}
    figure = Figure((9.0, 0.9 + 0.34 * len(spent)), layout="constrained")
    left, right = figure.subplots(1, 2)
    found = {name: means[AS_FUSED[name]] for name in sorted(spent, key=lambda s: -spent[s])}
    _dots(left, found, "nDCG@10, nine sets", ".3f")
    _dots(right, {name: spent[name] for name in found}, f"ms a query, {_SIZE:,} chunks", ".1f")
    right.set_yticks([])
    return figure


def _dots(axes: Axes, values: Mapping[str, float], label: str, spec: str) -> None:
    """A line for each, the first below; ours in its own colour."""
    _plain(axes)
    least, most = min(values.values()), max(values.values())
    begin, end = max(0.0, least - 0.15 * (most - least)), most + 0.2 * (most - least)
    for place, (name, value) in enumerate(values.items()):
        colour = OURS if name.startswith("rag_embed") else OTHERS
        axes.hlines(place, begin, value, color=RULE)
        axes.plot(value, place, "o", color=colour, markersize=8)
        axes.annotate(
            f"{value:{spec}}", (value, place), (8, -4), textcoords="offset points", color=colour
        )
    axes.set_yticks(range(len(values)), values)
    axes.set_xlim(begin, end)
    axes.set_xlabel(label)


def fusion(results: Path) -> Figure:
    """Each set: the two legs, and what becomes of them."""
    measured = table(newest("quality.peers", results), "nDCG@10")
    sets = [name for name in column(measured, "collection") if name != "average"]
    shown = {"dense": ("s", OTHERS), "lexical": ("^", INK), "rag_embed": ("o", OURS)}
    figure, axes = _axes(7.2, 0.9 + 0.36 * len(sets))
    for name, (marker, colour) in shown.items():
        values = [number(cell) for cell in column(measured, name)][: len(sets)]
        axes.plot(values, range(len(sets)), marker, color=colour, markersize=8, label=name)
    axes.set_yticks(range(len(sets)), sets)
    axes.invert_yaxis()
    axes.grid(axis="y", color=RULE)
    axes.set_xlabel("nDCG@10")
    _legend(figure, axes)
    return figure


def situated(results: Path) -> Figure:
    """nDCG@10 of every way, vectors alone and with words; sets count the same."""
    result = newest("situated.ways", results)
    shown = {
        "dense alone": ("dense alone, nDCG@10 / R@20", "s", OTHERS),
        "dense and lexical": ("dense and lexical, nDCG@10 / R@20", "o", OURS),
    }
    figure, axes = _axes(7.2, 5.2)
    ways: list[str] = []
    for label, (name, marker, colour) in shown.items():
        measured = table(result, name)
        ways = column(measured, "way")
        values = [float(str(cell).split(" / ")[0]) for cell in column(measured, "average")]
        axes.plot(values, range(len(ways)), marker, color=colour, markersize=7, label=label)
    axes.set_yticks(range(len(ways)), ways)
    axes.invert_yaxis()
    axes.grid(axis="y", color=RULE)
    figure.supxlabel("nDCG@10, average of four kinds of documents", fontsize=11)
    _legend(figure, axes)
    return figure


LONG = {
    "cut off at 512 tokens": (INK, "s"),
    "extend, recurrent": (OTHERS, "^"),
    "windows of 200, overlapping by 100: mean": (OTHERS, "v"),
    "windows of 200, overlapping by 100: novelty": (OURS, "o"),
}
"""Way to read on -> how it is drawn."""


def long_context(results: Path) -> Figure:
    """Share of facts that are found, by the length of the text they are hidden in."""
    [measured] = newest("long_context.passkey", results).tables
    lengths = [name for name in measured.columns if name != "words"]
    words = [int(name.replace(",", "")) for name in lengths]
    figure, axes = _axes(7.2, 4.0)
    for name, (colour, marker) in LONG.items():
        [found] = [row[1:] for row in measured.rows if row[0] == name]
        cells = [(n, cell) for n, cell in zip(words, found, strict=True) if cell is not None]
        axes.plot(*zip(*cells, strict=True), marker, ls="-", color=colour, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(words, lengths)
    axes.minorticks_off()
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("words of the text")
    axes.set_ylabel("facts found first")
    _legend(figure, axes)
    return figure


MARKERS = "os^Dv"


def router_map(results: Path) -> Figure:
    """Questions of several domains where they lie, coloured by how much words count for each."""
    [measured] = newest("routing.map", results).tables[1:]
    figure, axes = _axes(7.2, 4.4)
    words = LinearSegmentedColormap.from_list("words", [OTHERS, "#9a9a9a", OURS])
    domains = list(dict.fromkeys(column(measured, "domain")))
    for marker, domain in zip(MARKERS, domains, strict=False):
        rows = [row[1:] for row in measured.rows if row[0] == domain]
        x, y, share = zip(*rows, strict=True)
        dots = axes.scatter(x, y, c=share, cmap=words, vmin=0.2, vmax=0.8, marker=marker, s=34)
        axes.plot([], [], marker, color=INK, label=domain)
    bar = figure.colorbar(dots, label="what the router lets count", ticks=[0.2, 0.5, 0.8])
    bar.ax.set_yticklabels(["meaning", "both", "words"])
    bar.outline.set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("questions that are alike lie side by side")
    _legend(figure, axes)
    return figure


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure((width, height), layout="constrained")
    axes = figure.add_subplot()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def _legend(figure: Figure, axes: Axes) -> None:
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=2 if len(axes.lines) > 3 else 3,
        frameon=False,
    )


PICTURES: Mapping[str, Callable[[Path], Figure]] = {
    "quality": quality,
    "fusion": fusion,
    "situated": situated,
    "long-context": long_context,
    "router-map": router_map,
}


def svg(name: str, results: Path = RESULTS) -> str:
    """A picture as the text of its file."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure = PICTURES[name](results)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def words(picture: str) -> list[str]:
    """All that a picture says; how it is drawn is matplotlib's."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", picture)


def write(folder: Path = FOLDER) -> list[Path]:
    """Draw all pictures; those that say something else than before are written and returned."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name in PICTURES:
        path, fresh = folder / f"{name}.svg", svg(name)
        if not path.exists() or words(path.read_text("utf-8")) != words(fresh):
            path.write_text(fresh, encoding="utf-8")
            changed.append(path)
    return changed
