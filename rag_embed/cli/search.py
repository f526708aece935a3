"""``rag-embed search`` and ``rag-embed ask-why``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from rag_embed.cli.asking import (
    BestChunks,
    By,
    Diversity,
    FreshDays,
    GroupBy,
    Groups,
    K,
    MinRelevance,
    PassageTokens,
    Previous,
    Rerank,
    User,
    Where,
    found,
    query_of,
)
from rag_embed.cli.hits import print_hits
from rag_embed.cli.personal import moved_line
from rag_embed.cli.show import (
    emit,
    emit_line,
    err,
    hit_json,
    match_json,
    match_line,
    out,
    route_lines,
    why,
)
from rag_embed.index import Index
from rag_embed.indexing.explanation import Explanation
from rag_embed.ranking.relevance import figure
from rag_embed.ranking.token_matches import found_words
from rag_embed.types import Hit, Query

Kb = Annotated[str, typer.Argument(metavar="KB", help="Folder or URI of the index.")]
Text = Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def search(
    kb: Kb,
    query: Text,
    k: K = 5,
    where: Where = None,
    user: User = None,
    groups: Groups = None,
    previous: Previous = None,
    min_relevance: MinRelevance = 0.0,
    diversity: Diversity = 0.0,
    group_by: GroupBy = "chunk",
    fresh: FreshDays = None,
    by: By = "",
    rerank: Rerank = None,
    best_chunks: BestChunks = None,
    passage_tokens: PassageTokens = None,
    as_json: Json = False,
    as_lines: Annotated[
        bool, typer.Option("--jsonl", help="Print a line of JSON for each hit.")
    ] = False,
) -> None:
    """Search an index."""
    index = Index.open(kb)
    who, newer = (user, groups, previous), (fresh, by)
    asked = query_of(index, query, k, where, *who, min_relevance, diversity, group_by, *newer)
    started = time.perf_counter()
    hits = found(index, asked, rerank, best_chunks, passage_tokens)
    seconds = time.perf_counter() - started
    rows = (hit_json(hit, rank, index.contents.citation(hit)) for rank, hit in enumerate(hits, 1))
    if as_lines:
        for row in rows:
            emit_line(row)
    elif as_json:
        emit({"query": query, "seconds": round(seconds, 4), "hits": list(rows)})
    else:
        print_hits(index, asked, hits, chunks=passage_tokens is None)
    _some(hits, asked, lambda one: found(index, one, rerank, best_chunks))


def ask_why(
    kb: Kb,
    query: Text,
    k: K = 5,
    where: Where = None,
    user: User = None,
    groups: Groups = None,
    previous: Previous = None,
    min_relevance: MinRelevance = 0.0,
    diversity: Diversity = 0.0,
    group_by: GroupBy = "chunk",
    fresh: FreshDays = None,
    by: By = "",
    rerank: Rerank = None,
    best_chunks: BestChunks = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Search, and show what each leg contributed to every hit, which words matched, and what is personal."""
    index = Index.open(kb)
    who, newer = (user, groups, previous), (fresh, by)
    asked = query_of(index, query, k, where, *who, min_relevance, diversity, group_by, *newer)
    explained = index.explain(asked, hits=found(index, asked, rerank, best_chunks))
    if html is not None:
        from rag_embed.serving.page.alone import page  # templates are for pages alone

        html.write_text(page(query, explained, index.store.analyzer), encoding="utf-8")
        err.print(f"wrote {html}", markup=False)
    hits = [one.hit for one in explained]
    route = hits[0].route if hits else None
    if as_json:
        rows = [_why_json(one, rank) for rank, one in enumerate(explained, 1)]
        emit({"query": query, "hits": rows, **({"route": route.explained} if route else {})})
    elif hits:
        out.print(why(hits))
        for line in route_lines(route) if route else []:
            out.print(line, markup=False)
        for rank, one in enumerate(explained, 1):
            _print_why(one, rank)
    _some(hits, asked, lambda one: found(index, one, rerank, best_chunks))


def _why_json(one: Explanation, rank: int) -> dict[str, Any]:
    matches = found_words(one.tokens) if one.tokens else []
    return {
        **hit_json(one.hit, rank),
        "matched_words": list(one.words),
        "token_matches": [match_json(match) for match in matches],
        **({"terms": [asdict(term) for term in one.terms]} if one.terms else {}),
        **({"personal": one.personal.explained} if one.personal else {}),
    }


def _print_why(one: Explanation, rank: int) -> None:
    out.print(f"#{rank} words in common: {', '.join(one.words) or 'none'}", markup=False)
    if one.tokens and (matches := found_words(one.tokens)):
        out.print(f"   tokens that found: {match_line(matches)}", markup=False)
    if one.terms:
        out.print(f"   terms that found: {', '.join(map(str, one.terms[:5]))}", markup=False)
    if one.personal:
        out.print(f"   user: {moved_line(one.personal)}", markup=False)


def _some(hits: list[Hit], asked: Query, again: Callable[[Query], list[Hit]]) -> None:
    """Exit where nothing was found, and say how near the best passage came to what was asked of it."""
    if hits:
        return
    why = "" if asked.text.strip() else ": the query is empty"
    if asked.k and asked.min_relevance and not why:
        for best in again(replace(asked, k=1, min_relevance=0.0)):
            why = (
                f": the best passage has relevance {figure(best.relevance, asked.min_relevance)}, less than "
                f"{asked.min_relevance:.2f}"
            )
    err.print(f"nothing found{why}", markup=False)
    raise typer.Exit(3)
