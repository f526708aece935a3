"""Counts and latencies for Prometheus; nothing of what was asked or found is in them."""

from __future__ import annotations

import time
from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from rag_embed.indexing.reported import AddReport
from rag_embed.serving.guard import App, Receive, Scope, Send

FORMAT = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_OTHER = "other"


class Metrics:
    """What one server counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._answers = Counter(
            "rag_embed_requests", "Requests answered.", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "rag_embed_request_seconds",
            "Seconds from the request's head to the end of the answer.",
            ["path"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._running = Gauge(
            "rag_embed_requests_in_flight", "Requests at work.", registry=self._registry
        )
        self._searches = Counter(
            "rag_embed_searches",
            "Questions searched for, by whether anything relevant enough was found.",
            ["found"],
            registry=self._registry,
        )
        self._documents = Counter(
            "rag_embed_documents", "Documents written.", ["done"], registry=self._registry
        )

    def searched(self, hits: int) -> None:
        """Count a question."""
        self._searches.labels("yes" if hits else "no").inc()

    def written(self, report: AddReport) -> None:
        """Count what adding did."""
        self._documents.labels("added").inc(report.added)
        self._documents.labels("replaced").inc(report.replaced)

    def deleted(self, count: int) -> None:
        """Count deleted documents."""
        self._documents.labels("deleted").inc(count)

    def text(self) -> bytes:
        """All of it in the text format of Prometheus."""
        return generate_latest(self._registry)

    def around(self, app: App, paths: Collection[str]) -> App:
        """An application whose requests are counted.

        Args:
            app: The application.
            paths: Paths that are told apart; all others are one.
        """

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            path = scope["path"] if scope["path"] in paths else _OTHER
            began, status = time.perf_counter(), 500

            async def seen(message: Scope) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            with self._running.track_inprogress():
                try:
                    await app(scope, receive, seen)
                finally:
                    self._seconds.labels(path).observe(time.perf_counter() - began)
                    self._answers.labels(path, str(status)).inc()

        return counted
