"""What a server with ``--write`` offers besides: adding documents line by line, and deleting."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from starlette.responses import Response

from rag_embed.errors import BadInput, RagEmbedError
from rag_embed.index import Index
from rag_embed.indexing.origin import unmarked
from rag_embed.indexing.reported import AddReport
from rag_embed.indexing.sync import added
from rag_embed.protocols import View
from rag_embed.reading import documents_of
from rag_embed.serving.finding import where_to
from rag_embed.serving.guard import Receive, Scope, Send
from rag_embed.serving.library import Library, Shelf
from rag_embed.serving.parameters import Parameter
from rag_embed.serving.tool import FAILED, Answer, Tool
from rag_embed.serving.web.parameters import Texts
from rag_embed.stores.rereading import with_view
from rag_embed.telemetry.observing import observed, written
from rag_embed.types import Audience, Document, OnProgress, Progress, Skipped

_log = logging.getLogger(__name__)

LONGEST_LINE = 16 << 20
"""Bytes of a document's line at most."""

_TOLD = 100
"""What is skipped, and values that are left out, of which the last line tells; all are counted."""

_EVERY = 1.0
"""Seconds between two lines of progress. A caller that sends everything before it reads anything must not
be held up by what it has not read."""

AGAIN = (
    "Of what came before it, the last may not be kept: send all again, and nothing is added twice."
)
"""Documents are written some at a time."""

SILENCE = 60.0
"""Seconds that a caller may send nothing; others wait to add until it is through."""

DELETED: Mapping[str, Any] = {
    "type": "object",
    "properties": {"deleted": {"type": "integer"}},
    "required": ["deleted"],
}


def delete_tool(library: Library) -> Tool:
    """Deleting documents of the server's user, or for its groups, or shared ones where it has neither."""
    takes: dict[str, Parameter] = {
        "ids": Texts("Ids of documents; unknown ones are no error.", 1000, needed=True),
        **where_to(library, "Where they are."),
    }
    about = "Delete documents by their ids, and say how many there were."
    return Tool("delete", about, takes, DELETED, partial(_delete, library))


def _delete(library: Library, asked: Mapping[str, Any]) -> Answer:
    shelf = library.shelf(asked.get("collection", ""))
    mine = [id for id, one in shelf.writable(asked["ids"]).items() if one is not None]
    deleted = shelf.index.delete(mine, user=shelf.user, groups=shelf.groups)
    return Answer("", {"deleted": deleted})


class Adding(Response):
    """Documents come in as JSON lines and are added as they come; lines that say how far it is go out.

    Args:
        shelf: Where they go; they belong to its user, or are for its groups.
        limit: How many add at the same time.
        added: Called with the report at the end.
    """

    media_type = "application/jsonl"

    def __init__(
        self, shelf: Shelf, limit: anyio.CapacityLimiter, added: Callable[[AddReport], None]
    ) -> None:
        super().__init__()
        self._shelf = shelf
        self._limit = limit
        self._added = added
        self._known = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        kind = [(b"content-type", b"application/jsonl")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})

        async def say(line: Mapping[str, Any]) -> None:
            body = json.dumps(line, ensure_ascii=False).encode() + b"\n"
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await anyio.to_thread.run_sync(self._work, receive, say, limiter=self._limit)
        await send({"type": "http.response.body", "body": b""})

    def _work(self, receive: Receive, say: Callable[[Mapping[str, Any]], Any]) -> None:
        """Add everything; runs in a thread, while the event loop goes on."""
        told = time.monotonic()

        def progress(now: Progress) -> None:
            nonlocal told
            if time.monotonic() - told >= _EVERY:
                told = time.monotonic()
                anyio.from_thread.run(say, {"done": now.done, "chunks": now.chunks})

        async def coming() -> Scope:
            try:
                with anyio.fail_after(SILENCE):
                    return await receive()
            except TimeoutError as error:
                raise BadInput(f"Nothing came for {SILENCE:g} seconds.") from error

        store = self._shelf.index.store
        self._known = bool(self._shelf.groups) or with_view(store, _grouped)
        lines = _lines(partial(anyio.from_thread.run, coming))
        try:
            documents = map(self._owned, documents_of(lines, whose=self._shelf.audience))
            report = _added(self._shelf.index, documents, progress)
        except _Gone:
            return
        except BadInput as error:
            anyio.from_thread.run(say, {"error": f"{error} {AGAIN}"})
        except RagEmbedError:
            _log.exception("add failed")
            anyio.from_thread.run(say, {"error": FAILED})
        else:
            self._added(report)
            anyio.from_thread.run(say, reported(report))

    def _owned(self, one: Document | Skipped) -> Document | Skipped:
        """A document for whom the server says; one that is stored stays for whom it was."""
        if isinstance(one, Skipped):
            return one
        if one.user is not None:
            return Skipped(one.id, "whose it is, the server says: leave 'user' out")
        if one.readers:
            return Skipped(one.id, "who reads it, the server says: leave 'readers' out")
        audience: Audience | None = self._shelf.audience
        if self._known:
            audience = self._shelf.writable([one.id]).get(one.id, audience)
        if audience is None:
            return Skipped(one.id, "the id is that of a document for others in this index")
        mine = audience.user, audience.readers or None
        return Document(one.id, one.text, one.title, one.metadata, *mine)


@observed("add", written)
def _added(
    index: Index, documents: Iterable[Document | Skipped], progress: OnProgress
) -> AddReport:
    """Add documents as files are added: what cannot be stored of one is left out, and told."""
    return added(index.spaces.ingest(lenient=True), unmarked(documents), progress)


def _grouped(view: View) -> bool:
    return view.private and view.grouped


def reported(report: AddReport) -> dict[str, Any]:
    """What adding did, for a program."""
    told = [*report.skipped, *report.partly][:_TOLD]
    return {
        "added": report.added,
        "replaced": report.replaced,
        "unchanged": report.unchanged,
        "chunks": report.chunks,
        "skipped": len(report.skipped),
        "partly": len({one.source for one in report.partly}),
        "reasons": [{"source": one.source, "reason": one.reason} for one in told],
    }


class _Gone(Exception):
    """The caller hung up."""


def _lines(receive: Callable[[], Any]) -> Iterator[bytes]:
    """The lines of a request's body, as they come.

    Raises:
        BadInput: One is too long.
    """
    rest = bytearray()
    while True:
        message = receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        rest += message.get("body", b"")
        *whole, last = rest.split(b"\n") if b"\n" in message.get("body", b"") else [rest]
        yield from map(bytes, whole)
        rest = last
        if len(rest) > LONGEST_LINE:
            raise BadInput(f"A line has at most {LONGEST_LINE} bytes; one is longer.")
        if not message.get("more_body", False):
            break
    if rest:
        yield bytes(rest)
