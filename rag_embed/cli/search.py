"""``rag-embed search`` and ``rag-embed ask-why``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from rag_embed.cli.conditions import parsed
from rag_embed.cli.personal import moved_json, moved_line
from rag_embed.cli.show import (
    emit,
    err,
    hit_json,
    match_json,
    match_line,
    out,
    print_hits,
    route_lines,
    why_table,
)
from rag_embed.cli.why import found_words, matched_words, page
from rag_embed.index import Index
from rag_embed.types import Hit, Query

Kb = Annotated[str, typer.Argument(metavar="KB", help="Folder or URI of the index.")]
Text = Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")]
K = Annotated[int, typer.Option("-k", min=0, help="How many hits.")]
Where = Annotated[
    list[str] | None,
    typer.Option(help="Condition on a field, such as year>=2020; repeat it for 'and'."),
]
User = Annotated[str | None, typer.Option(help="Also search what belongs to this user.")]
Previous = Annotated[
    list[str] | None, typer.Option(help="An earlier turn of the talk, oldest first; repeat it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def search(
    kb: Kb,
    query: Text,
    k: K = 5,
    where: Where = None,
    user: User = None,
    previous: Previous = None,
    min_relevance: Annotated[
        float, typer.Option(min=0, max=1, help="Drop hits that are less relevant.")
    ] = 0.0,
    diversity: Annotated[
        float, typer.Option(min=0, max=1, help="Prefer hits that differ from each other.")
    ] = 0.0,
    by_document: Annotated[
        bool, typer.Option("--by-document", help="At most one hit per document.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Search an index."""
    index = Index.open(kb)
    started = time.perf_counter()
    hits = index.search(
        query,
        k=k,
        where=parsed(where or [], index.fields),
        user=user,
        previous=tuple(previous or ()),
        min_relevance=min_relevance,
        diversity=diversity,
        group_by="document" if by_document else "chunk",
    )
    seconds = time.perf_counter() - started
    if as_json:
        rows = [hit_json(hit, rank) for rank, hit in enumerate(hits, 1)]
        emit({"query": query, "seconds": round(seconds, 4), "hits": rows})
    else:
        print_hits(hits)
    _found(hits)


def ask_why(
    kb: Kb,
    query: Text,
    k: K = 5,
    where: Where = None,
    user: User = None,
    previous: Previous = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Search, and show what each leg contributed to every hit, which words matched, and what is personal."""
    index = Index.open(kb)
    asked = Query(query, k, parsed(where or [], index.fields), user, previous=tuple(previous or ()))
    hits = index.search(asked)
    moved = index.users.moved(asked, hits)
    words = [matched_words(index.analyzer, query, hit) for hit in hits]
    heats = index.heat(query, hits) if index.space.signature.tokens else None
    matches = [found_words(one) for one in heats] if heats else [[] for _ in hits]
    if html is not None:
        html.write_text(page(query, hits, words, heats), encoding="utf-8")
    if as_json:
        rows = [
            {
                **hit_json(hit, rank),
                "matched_words": some,
                "token_matches": [match_json(match) for match in found],
            }
            for rank, (hit, some, found) in enumerate(zip(hits, words, matches, strict=True), 1)
        ]
        for row, one in zip(rows, moved, strict=bool(moved)):
            row["personal"] = moved_json(one)
        route = hits[0].route if hits else None
        emit({"query": query, "hits": rows, **({"route": route.explained} if route else {})})
    elif hits:
        out.print(why_table(hits))
        for line in route_lines(hits[0].route) if hits[0].route else []:
            out.print(line, markup=False)
        for rank, (some, found) in enumerate(zip(words, matches, strict=True), 1):
            out.print(f"{rank:>2} words in common: {', '.join(some) or 'none'}", markup=False)
            if found:
                out.print(f"   tokens that found: {match_line(found)}", markup=False)
            if moved:
                out.print(f"   user: {moved_line(moved[rank - 1])}", markup=False)
    _found(hits)


def _found(hits: list[Hit]) -> None:
    if not hits:
        err.print("nothing found")
        raise typer.Exit(3)
