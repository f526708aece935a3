"""How things look in a terminal, and how they look as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from rag_embed.errors import MissingExtra, NoIndex, RagEmbedError
from rag_embed.ranking.relevance import figure
from rag_embed.ranking.token_matches import Match
from rag_embed.text import ACTING, printable
from rag_embed.types import Citation, Hit, OnProgress, Route

_WIDE = 100
"""Columns from which on explanations are a table."""

NOT_BETTER = 5
"""Exit code: trained or fitted, but no better on what it has not seen, so not installed."""


class _Safe(Console):
    """A console that spells out what would act on a terminal, wherever in a text it stands.

    Brackets are brackets: what somebody wrote is shown, and not read as markup.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """See `Console`: its own controls stay."""
        for one in super().render(renderable, options):
            yield one if one.control else Segment(printable(one.text), one.style)


out = _Safe(width=None if sys.stdout.isatty() else 110, highlight=False, emoji=False, markup=False)
"""Results."""

err = _Safe(stderr=True, highlight=False, emoji=False, markup=False)
"""Progress and complaints, so that results can be piped."""


def told(error: RagEmbedError) -> str:
    """What an error says, in the words of a shell."""
    if isinstance(error, NoIndex):
        return f"{error.what}; make one first: rag-embed index FOLDER --to KB."
    return str(error)


@contextmanager
def counted(title: str, unit: str) -> Iterator[OnProgress]:
    """A progress bar, as what is to be called."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    with Bar(*columns, TimeElapsedColumn(), console=err) as bar:
        task = bar.add_task(title, total=None)
        yield lambda now: bar.update(task, completed=now.done, total=now.total)


def documents_bar() -> Bar:
    """A progress bar for documents; its tasks say ``chunks`` and ``rate`` too."""
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("documents, {task.fields[chunks]} chunks{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("passed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=err,
    )


def complain(message: str) -> None:
    """Print an error message."""
    err.print(Text.assemble(("error: ", "bold red"), message))


def without_pictures(missing: MissingExtra) -> None:
    """Say that all is done but the pictures, and what they lack."""
    err.print(f"left out the pictures: {missing}", markup=False, soft_wrap=True)


def emit(value: Any) -> None:  # noqa: ANN401
    """Print JSON on standard output."""
    sys.stdout.write(f"{_json(value, indent=2)}\n")


def emit_line(value: Any, file: TextIO | None = None) -> None:  # noqa: ANN401
    """Print JSON in one line on standard output, or write it to a file."""
    (sys.stdout if file is None else file).write(f"{_json(value)}\n")


def _json(value: Any, indent: int | None = None) -> str:  # noqa: ANN401
    """JSON that says the same, with what would act on a terminal as escapes."""
    return ACTING.sub(
        lambda found: json.dumps(found[0])[1:-1] if found[0] != "\n" else "\n",
        json.dumps(value, ensure_ascii=False, indent=indent),
    )


def hit_json(hit: Hit, rank: int, cited: Citation | None = None) -> dict[str, Any]:
    """A hit as JSON; the keys are stable.

    Args:
        hit: The hit.
        rank: Its rank, from 1.
        cited: Where it stands, if more is known than the hit tells.
    """
    cited = cited or hit.citation()
    return {
        "rank": rank,
        "id": hit.id,
        "doc_id": hit.chunk.doc_id,
        "title": hit.chunk.title,
        "headings": list(hit.chunk.headings),
        "start": hit.chunk.start,
        "end": hit.chunk.end,
        "text": hit.text,
        "metadata": dict(hit.chunk.metadata),
        "page": cited.page,
        "page_start": cited.page_start,
        "page_end": cited.page_end,
        "citation": str(cited),
        "link": cited.link,
        "score": round(hit.score, 5),
        "relevance": round(hit.relevance, 4),
        "parts": [
            {
                "leg": part.leg,
                "raw": round(part.raw, 5),
                "normalised": round(part.normalised, 5),
                "weight": part.weight,
                "level": None if part.level is None else round(part.level, 5),
                "contribution": round(part.contribution, 5),
            }
            for part in hit.parts
        ],
        "siblings": [chunk.id for chunk in hit.siblings],
    }


def match_json(match: Match) -> dict[str, Any]:
    """What a word of the query found, as JSON."""
    return {
        "word": match.word,
        "found": match.found,
        "similarity": round(match.similarity, 4),
        "share": round(match.share, 4),
    }


def match_line(matches: Sequence[Match]) -> str:
    """What words of the query found, on one line."""
    return ", ".join(f"{one.word} > {one.found} {one.similarity:.2f}" for one in matches)


def route_lines(route: Route) -> list[str]:
    """What the router decided for a query, and the pilots behind it."""
    weights = ", ".join(f"{leg} {weight:.2f}" for leg, weight in route.weights.items())
    lines = [f"routed, confidence {route.confidence:.2f}: {weights}"]
    for one in route.pilots:
        best = one.expert or "several equally"
        lines.append(f"   {one.similarity:.2f} like: {one.text} (best: {best}; {one.source})")
    return lines


def why(hits: Sequence[Hit]) -> RenderableType:
    """Each leg's raw score, normalised score, weight and contribution for every hit, as wide as it may be."""
    return why_table(hits) if out.width >= _WIDE else _why_lines(hits)


def _why_lines(hits: Sequence[Hit]) -> Text:
    """`why_table` for a narrow terminal: a line for each hit and leg."""
    lines = ["score = sum of weight x normalised"]
    for rank, hit in enumerate(hits, 1):
        lines += [f"{rank} {hit.id}", f"  score {hit.score:.3f}, relevance {figure(hit.relevance)}"]
        lines += [
            f"  {part.leg}: raw {part.raw:.3f}, {part.normalised:+.3f} x {part.weight:.3g}"
            for part in hit.parts
        ]
    return Text("\n".join(lines))


def why_table(hits: Sequence[Hit]) -> Table:
    """Each leg's raw score, normalised score, weight and contribution for every hit."""
    table = Table(title="score = sum of weight x normalised", title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("chunk", overflow="fold")
    legs = _legs(hits)
    for leg in legs:
        table.add_column(Text(f"{leg}\nraw"), justify="right")
        table.add_column(Text(f"{leg}\nx weight"), justify="right")
    table.add_column("score", justify="right", style="bold")
    table.add_column("relevance", justify="right")
    for rank, hit in enumerate(hits, 1):
        said = dict.fromkeys(legs, ("", ""))
        for part in hit.parts:
            said[part.leg] = f"{part.raw:.3f}", f"{part.normalised:+.3f} x {part.weight:.3g}"
        cells = [cell for both in said.values() for cell in both]
        table.add_row(str(rank), Text(hit.id), *cells, f"{hit.score:.3f}", figure(hit.relevance))
    return table


def _legs(hits: Sequence[Hit]) -> list[str]:
    """Names of all that said something of any hit: what was re-ranked last is said of the first ones alone."""
    return list(dict.fromkeys(part.leg for hit in hits for part in hit.parts))


def facts(title: str, rows: Mapping[str, object]) -> Table:
    """Names and values, one a line."""
    table = Table(title=Text(title), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, Text(str(value)))
    return table
