"""The tools of a library over HTTP: a POST each, JSON in and out, worked on beside the event loop."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import anyio
import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rag_embed.serving.library import Library
from rag_embed.serving.listing import list_tool
from rag_embed.serving.parameters import Refused, brief, check_names, listed, wrong
from rag_embed.serving.reading import read_tool
from rag_embed.serving.tool import FAILED, Answer, Tool
from rag_embed.serving.web.described import described
from rag_embed.serving.web.metrics import FORMAT, Metrics
from rag_embed.serving.web.searching import WHERE, batch_tool, search_tool
from rag_embed.serving.web.writing import Adding, delete_tool

_log = logging.getLogger(__name__)

AT_ONCE = 4
"""Requests that are worked on at the same time; further ones wait."""

LARGEST = 1 << 20
"""Bytes of a body at most; that of add has a limit for each line instead."""

_SHOWN = 100
"""Characters of a content type that are repeated; what it ends with tells."""

_LINES = ("application/jsonl", "application/x-ndjson", "application/x-jsonlines")


class Problem(HTTPException):
    """A request that cannot be answered; the message is for the caller."""


class Threads:
    """Work beside the event loop, so much at the same time.

    Args:
        most: How much.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit: anyio.CapacityLimiter | None = None

    @property
    def limit(self) -> anyio.CapacityLimiter:
        """Belongs to the event loop that asks for it first."""
        if self._limit is None:
            self._limit = anyio.CapacityLimiter(self._most)
        return self._limit

    async def run(self, act: Callable[..., Any], *given: object) -> Any:  # noqa: ANN401
        """What a call returns that was made in a thread."""
        return await anyio.to_thread.run_sync(act, *given, limiter=self.limit)


def offered(library: Library, writes: bool) -> tuple[Tool, ...]:
    """What a server does for programs, but for adding."""
    reads = (search_tool(library), batch_tool(library), read_tool(library), _list(library))
    return (*reads, delete_tool(library)) if writes else reads


def _list(library: Library) -> Tool:
    """`list`, with the conditions called as they are in search."""
    tool = list_tool(library)
    takes = {WHERE if name == "filters" else name: one for name, one in tool.takes.items()}

    def run(asked: Mapping[str, Any]) -> Answer:
        return tool.run({**asked, "filters": asked[WHERE]})

    return Tool(tool.name, tool.about, takes, tool.gives, run)


def routes(library: Library, metrics: Metrics, threads: Threads, writes: bool) -> list[Route]:
    """All that programs may ask, by path."""
    tools = offered(library, writes)
    document = json.dumps(described(library, tools, writes), ensure_ascii=False)

    async def health(_: Request) -> Response:
        return told({"status": "ok"})

    async def openapi(_: Request) -> Response:
        return Response(document, media_type="application/json")

    async def measured(_: Request) -> Response:
        return Response(metrics.text(), headers={"content-type": FORMAT})

    writing = [Route("/api/add", adding(library, metrics), methods=["POST"])]
    if not writes:
        writing = [
            Route(f"/api/{name}", _read_only, methods=["POST"]) for name in ("add", "delete")
        ]
    return [
        Route("/health", health),
        Route("/openapi.json", openapi),
        Route("/metrics", measured),
        *(
            Route(f"/api/{tool.name}", _posted(tool, metrics, threads), methods=["POST"])
            for tool in tools
        ),
        *writing,
    ]


def _posted(
    tool: Tool, metrics: Metrics, threads: Threads
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        given = await _object(request)
        if request.query_params:
            raise Problem(
                422,
                f"{tool.name} takes what it is asked as JSON in the body, and nothing in the address.",
            )
        said: Answer = await threads.run(tool.call, given)
        if said.failed:
            raise Problem(500 if said.text == FAILED else 422, said.text)
        for one in _searches(tool, said.data):
            metrics.searched(len(one["hits"]))
        if tool.name == "delete":
            metrics.deleted(said.data["deleted"])
        return told(said.data)

    return answer


def _searches(tool: Tool, data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """What was found for each question, if any was asked."""
    if tool.name == "search":
        return [data]
    found: Sequence[Mapping[str, Any]] = data.get("found", ())
    return found


def adding(library: Library, metrics: Metrics) -> Callable[[Request], Awaitable[Response]]:
    """The request that adds documents."""
    threads = Threads(1)  # one after the other: writing is no faster side by side

    async def add(request: Request) -> Response:
        _check_type(request, _LINES)
        try:
            check_names("add", ("collection",), request.query_params)
            shelf = library.shelf(request.query_params.get("collection", ""))
        except Refused as error:
            raise Problem(422, str(error)) from error
        return Adding(shelf, threads.limit, metrics.written)

    return add


async def _read_only(_: Request) -> Response:
    raise Problem(403, "This server only reads. Start it with --write to add and delete.")


async def _object(request: Request) -> dict[str, Any]:
    """The JSON object that a request brings.

    Raises:
        Problem: It brings something else, or too much.
    """
    _check_type(request, ("application/json",))
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise Problem(413, f"A body has at most {LARGEST} bytes, this one is larger.")
    try:
        given = json.loads(body)
    except RecursionError as error:
        raise Problem(400, "The body is nested too deeply.") from error
    except ValueError as error:  # broken JSON, wrong encoding, a number of thousands of digits
        raise Problem(400, "The body must be a JSON object; this is no JSON.") from error
    if not isinstance(given, dict):
        raise Problem(400, str(wrong("The body", "a JSON object", given)))
    return given


def _check_type(request: Request, kinds: Sequence[str]) -> None:
    """A page of another site can send forms and plain text unasked, and nothing else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        got = ascii(kind)[:_SHOWN] if kind else "none"
        raise Problem(415, f"Send {kinds[0]} and name it as Content-Type, got {got}.")


def told(data: Mapping[str, Any], status: int = 200) -> Response:
    """JSON."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, media_type="application/json")


def problems(
    paths: Sequence[str],
) -> Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]]:
    """What is answered instead of an error's own words.

    Args:
        paths: What there is, for callers that ask for something else.
    """

    async def refused(request: Request, error: Exception) -> Response:
        if isinstance(error, Problem):
            return told({"error": error.detail}, error.status_code)
        assert isinstance(error, HTTPException)
        path, reason = request.scope["path"], error.detail  # a URL is made of UTF-8 alone
        if error.status_code == 404:
            near = get_close_matches(path, paths, 1)
            hint = f"Did you mean {near[0]}?" if near else f"There are {listed(paths)}."
            reason = f"There is nothing at {brief(path)}. {hint}"
        elif error.status_code == 405:
            allowed = sorted((error.headers or {}).get("Allow", "").split(", "))
            reason = f"{brief(path)} takes {', '.join(allowed)}, got {brief(request.method)}."
        return told({"error": reason}, error.status_code)

    async def failed(_: Request, error: Exception) -> Response:
        _log.error("a request failed", exc_info=error)
        return told({"error": FAILED}, 500)

    return {HTTPException: refused, Exception: failed}
