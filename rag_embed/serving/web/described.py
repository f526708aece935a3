"""The OpenAPI document of a server, made of the schemas that its arguments are checked by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from rag_embed.serving.library import Library
from rag_embed.serving.tool import Tool

_ERROR: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "What was expected, what came, what to do."}
    },
    "required": ["error"],
}
_ERRORS = {
    "400": "The body is no JSON object.",
    "401": "The token is missing or wrong.",
    "403": "A page of another origin asks, or the server does not write.",
    "413": "The body is too large.",
    "415": "The body is of another type.",
    "421": "The Host is none of the server's.",
    "422": "An argument cannot be used.",
    "500": "The index cannot answer; the log of the server says why.",
}
_DOCUMENT = {
    "type": "object",
    "properties": {
        "id": {"type": ["string", "integer"]},
        "text": {"type": "string"},
        "title": {"type": "string"},
        "metadata": {"type": "object", "description": "Values of the declared fields, and others."},
    },
    "required": ["id", "text"],
    "additionalProperties": False,
}
_LINE = {
    "type": "object",
    "description": "Progress (done, chunks) at most once a second; at the end what was done, or error.",
    "properties": {
        **{
            name: {"type": "integer"}
            for name in ("done", "added", "replaced", "unchanged", "chunks", "skipped", "partly")
        },
        "reasons": {"type": "array", "items": {"type": "object"}},
        "error": {"type": "string"},
    },
}


def described(library: Library, tools: Sequence[Tool], writes: bool) -> dict[str, Any]:
    """OpenAPI 3.1 of a server.

    Args:
        library: What its callers see.
        tools: What it offers under ``/api/NAME``.
        writes: Whether documents can be added.
    """
    paths = {f"/api/{tool.name}": {"post": _operation(tool)} for tool in tools}
    if writes:
        paths["/api/add"] = {"post": _adding(library)}
    paths["/health"] = {"get": _told("Whether the server answers.", "application/json", open=True)}
    paths["/metrics"] = {"get": _told("Counts and latencies for Prometheus.", "text/plain")}
    paths["/openapi.json"] = {"get": _told("This document.", "application/json")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "rag_embed", "version": version("rag-embed")},
        "paths": paths,
        "components": {
            "schemas": {"Error": dict(_ERROR)},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(tool: Tool) -> dict[str, Any]:
    asked = {"required": True, "content": {"application/json": {"schema": tool.schema}}}
    return {
        "operationId": tool.name.replace("/", "_"),
        "summary": tool.about.split(". ")[0].rstrip(".") + ".",
        "description": tool.about,
        "requestBody": asked,
        "responses": _answers("application/json", dict(tool.gives)),
    }


def _adding(library: Library) -> dict[str, Any]:
    chosen = {"in": "query", "name": "collection", "required": len(library.shelves) > 1}
    return {
        "operationId": "add",
        "summary": "Add documents, one JSON object a line; one with a known id replaces it.",
        "parameters": [{**chosen, "schema": {"type": "string", "enum": [*library.names]}}],
        "requestBody": {
            "required": True,
            "content": {"application/jsonl": {"schema": _DOCUMENT}},
        },
        "responses": _answers("application/jsonl", _LINE),
    }


def _answers(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    errors = {
        status: {"description": about, "content": refused} for status, about in _ERRORS.items()
    }
    done = {"description": "Done.", "content": {kind: {"schema": dict(schema)}}}
    return {"200": done, **errors}


def _told(about: str, kind: str, open: bool = False) -> dict[str, Any]:
    answer = {"200": {"description": about, "content": {kind: {}}}}
    return {"summary": about, "responses": answer, **({"security": []} if open else {})}
