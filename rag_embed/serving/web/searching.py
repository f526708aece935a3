"""`search` for programs: what `Index.search` finds, with relevance, citations and, if asked for, reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, get_args

from rag_embed.serving.citations import CITED, citation
from rag_embed.serving.conditions import Conditions
from rag_embed.serving.finding import (
    EVERYWHERE,
    check_fresh,
    fitting,
    fresh_of,
    hits_of,
    where_to,
)
from rag_embed.serving.library import Library, Shelf
from rag_embed.serving.parameters import Choice, Parameter, Share, Text, Whole
from rag_embed.serving.searching import rounded
from rag_embed.serving.tool import Answer, Tool
from rag_embed.serving.web.parameters import Flag, Texts
from rag_embed.types import Grouping, Hit, Query, Route

WHERE = "where"
MOST_HITS = 100
MOST_QUERIES = 64

_ABOUT = (
    "Find the chunks that answer a question, best first. Relevance is in [0, 1] and means the same for "
    "every question; where nothing reaches min_relevance there are no hits, and best says what there was."
)
_PART = {
    "type": "object",
    "properties": {
        "leg": {"type": "string"},
        "raw": {"type": "number", "description": "Its own score: a cosine, a BM25 score."},
        "normalised": {"type": "number"},
        "weight": {"type": "number"},
        "level": {
            "type": ["number", "null"],
            "description": "What it is worth by itself, on one scale for all questions, where the leg knows.",
        },
        "contribution": {"type": "number", "description": "What it adds to the score."},
    },
}
_WHY = {
    "type": ["object", "null"],
    "description": "With explain: why it was found.",
    "properties": {
        "parts": {"type": "array", "items": _PART},
        "words": {"type": "array", "items": {"type": "string"}},
        "token_matches": {"type": "array", "items": {"type": "object"}},
        "terms": {"type": "array", "items": {"type": "object"}},
        "personal": {"type": ["object", "null"]},
        "route": {"type": ["object", "null"]},
    },
}
_FOUND: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "hits": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    **CITED,
                    "text": {"type": "string"},
                    "relevance": {"type": "number"},
                    "score": {"type": "number", "description": "Comparable within a search."},
                    "siblings": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Ids of further chunks found, where a document has one hit.",
                    },
                    "why": _WHY,
                },
                "required": [*CITED, "text", "relevance", "score", "siblings", "why"],
            },
        },
        "best": {
            "type": ["number", "null"],
            "description": "Relevance of the best chunk, among the hits or not; null where there is none.",
        },
        "not_searched": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Collections without all fields of the conditions.",
        },
    },
    "required": ["hits", "best", "not_searched"],
}


def search_tool(library: Library) -> Tool:
    """`search` over a library."""
    takes = {"query": Text("The question, or what to look for.", 4000, needed=True)}
    run = partial(_search, library)
    return Tool("search", _ABOUT, {**takes, **_options(library)}, _FOUND, run)


def batch_tool(library: Library) -> Tool:
    """Many searches at once over a library, with the same options; they are encoded as one batch."""
    takes = {"queries": Texts("Questions, or what to look for.", MOST_QUERIES, needed=True)}
    gives = {
        "type": "object",
        "properties": {"found": {"type": "array", "items": _FOUND}},
        "required": ["found"],
    }
    about = (
        "Search for many questions at once, with the same options; found has one entry for each."
    )
    run = partial(_batch, library)
    return Tool("search/batch", about, {**takes, **_options(library)}, gives, run)


def _options(library: Library) -> dict[str, Parameter]:
    return {
        "k": Whole("Hits at most.", 1, MOST_HITS, 10),
        WHERE: Conditions.of([shelf.index.store.fields for shelf in library.shelves]),
        "min_relevance": Share("Leave out what is less relevant.", 0.0),
        "diversity": Share("0 ranks by score alone; more prefers hits that differ.", 0.0),
        "group_by": Choice("What has one hit at most.", get_args(Grouping), "chunk"),
        "previous": Texts("Earlier turns of the talk, oldest first.", 20),
        **fresh_of(library),
        "explain": Flag("Say of every hit why it was found."),
        **where_to(library, EVERYWHERE),
    }


def _search(library: Library, asked: Mapping[str, Any]) -> Answer:
    [found] = _found(library, [asked["query"]], asked)
    return Answer("", found)


def _batch(library: Library, asked: Mapping[str, Any]) -> Answer:
    return Answer("", {"found": _found(library, asked["queries"], asked)})


def _found(
    library: Library, texts: Sequence[str], asked: Mapping[str, Any]
) -> list[dict[str, Any]]:
    shelves, others = fitting(library.asked(asked.get("collection", "")), asked[WHERE], WHERE)
    check_fresh(shelves, asked)
    queries = [query_of(text, asked) for text in texts]
    names = [shelf.name for shelf in others]
    return [
        {
            "hits": _told(query, hits, asked["explain"]),
            "best": rounded(best),
            "not_searched": names,
        }
        for query, (hits, best) in zip(
            queries, found_with_best(shelves, queries, asked[WHERE]), strict=True
        )
    ]


def query_of(text: str, asked: Mapping[str, Any]) -> Query:
    """The query that arguments mean, without its conditions."""
    return Query(
        text,
        asked["k"],
        min_relevance=asked["min_relevance"],
        diversity=asked["diversity"],
        group_by=asked["group_by"],
        previous=asked["previous"],
        fresh=asked.get("fresh"),
        by=asked.get("by", ""),
    )


def found_with_best(
    shelves: Sequence[Shelf], queries: Sequence[Query], given: Mapping[str, object]
) -> list[tuple[list[tuple[Shelf, Hit]], float | None]]:
    """What each query finds, and the relevance of the best chunk there is, relevant enough or not."""
    found = hits_of(shelves, queries, given, WHERE)
    none = [i for i, hits in enumerate(found) if not hits and queries[i].min_relevance]
    again = [replace(queries[i], min_relevance=0.0) for i in none]
    whole = list(found)
    for i, hits in zip(none, hits_of(shelves, again, given, WHERE) if again else [], strict=True):
        whole[i] = hits
    best = [max((hit.relevance for _, hit in hits), default=None) for hits in whole]
    return list(zip(found, best, strict=True))


def _told(query: Query, hits: Sequence[tuple[Shelf, Hit]], explain: bool) -> list[dict[str, Any]]:
    reasons = reasons_of(query, hits) if explain else [None] * len(hits)
    return [
        {
            **citation(shelf, hit.chunk, hit.at),
            "text": hit.text,
            "relevance": round(hit.relevance, 4),
            "score": round(hit.score, 5),
            "siblings": [chunk.id for chunk in hit.siblings],
            "why": why,
        }
        for (shelf, hit), why in zip(hits, reasons, strict=True)
    ]


def reasons_of(query: Query, hits: Sequence[tuple[Shelf, Hit]]) -> list[dict[str, Any]]:
    """Why each hit was found, for a program."""
    shelves = {shelf.name: shelf for shelf, _ in hits}
    explained = {
        (name, one.hit.id): one
        for name, shelf in shelves.items()
        for one in shelf.explain(query, [hit for other, hit in hits if other is shelf])
    }
    found = []
    for shelf, hit in hits:
        said = explained[shelf.name, hit.id].explained
        for known in ("id", "score", "relevance"):
            said.pop(known)
        found.append({**said, "route": None if hit.route is None else route_of(hit.route)})
    return found


def route_of(route: Route) -> dict[str, Any]:
    """What a router decided; of the pilots near a query all but their texts, which are others' questions."""
    pilots = [{**asdict(one)} for one in route.pilots]
    for one in pilots:
        one.pop("text")
    return {**route.explained, "pilots": pilots}
