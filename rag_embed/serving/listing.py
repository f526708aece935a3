"""The tool `list`: which collections there are, what they can be filtered by, which documents they hold."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from functools import partial
from typing import Any

from rag_embed.serving.citations import line, under
from rag_embed.serving.conditions import Conditions
from rag_embed.serving.finding import where_to
from rag_embed.serving.library import Library, Shelf
from rag_embed.serving.parameters import Parameter, Text, Whole
from rag_embed.serving.tool import Answer, Tool
from rag_embed.text import amount

_ABOUT = (
    "What there is to search: collections with their fields and how many documents and passages they "
    "hold; with documents, ids and titles of documents too. To find an answer use search."
)
_DOCUMENT = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "title": {"type": "string"}},
    "required": ["id", "title"],
}
_COLLECTION = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "documents": {"type": "integer"},
        "passages": {"type": "integer"},
        "fields": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Field -> its type; what filters take.",
        },
        "matching": {"type": "integer", "description": "Documents that pass the filters."},
        "listed": {
            "type": "array",
            "items": _DOCUMENT,
            "description": "As many of them as documents asks for; none by default.",
        },
    },
    "required": ["name", "documents", "passages", "fields", "matching", "listed"],
}
_GIVES: Mapping[str, Any] = {
    "type": "object",
    "properties": {"collections": {"type": "array", "items": _COLLECTION}},
    "required": ["collections"],
}


def list_tool(library: Library) -> Tool:
    """`list` over a library."""
    takes: dict[str, Parameter] = {
        "documents": Whole(
            "How many documents to name in listed, at most; by default none.", 0, 200, 0
        ),
        "filters": Conditions.of([shelf.index.store.fields for shelf in library.shelves]),
        "after": Text("Name those whose id comes after this one, to go on.", 4000),
        **where_to(library, "Only this one."),
    }
    return Tool("list", _ABOUT, takes, _GIVES, partial(_run, library))


def _run(library: Library, asked: Mapping[str, Any]) -> Answer:
    rows = [_row(shelf, asked) for shelf in library.asked(asked.get("collection", ""))]
    several = len(library.shelves) > 1
    text = [part for row in rows for part in _lines(library, row, several, bool(asked["filters"]))]
    return Answer("\n".join(text), {"collections": rows})


def _row(shelf: Shelf, asked: Mapping[str, Any]) -> dict[str, Any]:
    fields = shelf.index.store.fields
    every = shelf.ids()
    matching = every
    if asked["filters"]:
        fits = Conditions.fits(asked["filters"], fields)
        matching = shelf.ids(Conditions.filter(asked["filters"], fields)) if fits else []
    first = bisect_right(matching, asked["after"])
    listed = matching[first : first + asked["documents"]]
    titles = {one.id: one.title for one in shelf.documents(listed)}
    return {
        "name": shelf.name,
        "documents": len(every),
        "passages": shelf.count(),
        "fields": dict(fields.types),
        "matching": len(matching),
        "listed": [{"id": id, "title": titles.get(id, "")} for id in listed],
    }


def _lines(library: Library, row: Mapping[str, Any], several: bool, filtered: bool) -> list[str]:
    fields = ", ".join(f"{name} ({kind})" for name, kind in row["fields"].items())
    passing = f", {row['matching']} pass the filters" if filtered else ""
    counts = (
        f"{amount(row['documents'], 'document')} in {amount(row['passages'], 'passage')}{passing}"
    )
    head = f"{row['name']}: {counts}; fields: {fields or 'none'}, doc_id, title"
    shelf = library.shelf(row["name"])
    named = [line(shelf, several, one["id"], under(one["title"], ())) for one in row["listed"]]
    return [head, *(f"- {one}" for one in named)]
