"""Observations as spans and metrics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rag_embed.errors import MissingExtra
from rag_embed.ranking.steps import Step
from rag_embed.telemetry.observing import Observation
from rag_embed.types import Query

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider


class OpenTelemetry:
    """Makes of each observation a span, and of all of them metrics (extra ``otel``).

    A search is a span ``retrieval``, by the semantic conventions for generative AI, below the span that
    the caller is in; with it goes the histogram ``gen_ai.retrieval.duration``. Below it are spans of what
    legs and second stages did, with their names and numbers of candidates: ``rag_embed.ask``, ``.find``,
    ``.score`` and ``.look``, see `Step`. What writes is a span ``rag_embed.add``, ``.delete`` or
    ``.forget`` with the histogram ``rag_embed.write.duration``.

    Args:
        texts: Pass on queries, and ids and scores of hits, as the conventions name them; they leave
            your process, so ask those whose words they are.
        tracers: Where spans go; None takes the global provider.
        meters: Where metrics go; None takes the global provider.

    Raises:
        MissingExtra: The extra is not installed.

    References:
        OpenTelemetry, Semantic conventions for generative AI retrieval (in development).
    """

    def __init__(
        self,
        *,
        texts: bool = False,
        tracers: TracerProvider | None = None,
        meters: MeterProvider | None = None,
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError as error:
            raise MissingExtra("opentelemetry-api", "otel", "OpenTelemetry()") from error
        self._texts = texts
        self._trace = trace
        self._tracer = trace.get_tracer("rag_embed", tracer_provider=tracers)
        meter = metrics.get_meter("rag_embed", meter_provider=meters)
        self._durations = {
            True: meter.create_histogram("gen_ai.retrieval.duration", "s", "Duration of a search"),
            False: meter.create_histogram("rag_embed.write.duration", "s", "Duration of a write"),
        }

    def __call__(self, seen: Observation, /) -> None:
        """See `Observer`."""
        search = seen.what == "search"
        few: dict[str, Any] = {"gen_ai.data_source.id": seen.index} if seen.index else {}
        few["gen_ai.operation.name" if search else "rag_embed.operation"] = (
            "retrieval" if search else seen.what
        )
        if seen.error is not None:
            few["error.type"] = seen.error
        span = self._tracer.start_span(
            "retrieval" if search else f"rag_embed.{seen.what}",
            start_time=seen.began,
            attributes={**few, **{f"rag_embed.{k}": n for k, n in seen.counts.items()}},
        )
        span.set_attributes(_asked(seen.queries))
        if self._texts and search:
            span.set_attributes(_words(seen))
        if seen.error is not None:
            span.set_status(self._trace.StatusCode.ERROR)
        self._steps(seen.steps, span)
        span.end(seen.began + round(seen.seconds * 1e9))
        self._durations[search].record(seen.seconds, few)

    def _steps(self, steps: Sequence[Step], parent: Span) -> None:
        """A span below the search for each step of a leg or second stage."""
        within = self._trace.set_span_in_context(parent)
        for one in steps:
            said: dict[str, Any] = {
                "rag_embed.leg": one.leg,
                "rag_embed.candidates": one.candidates,
            }
            name = f"rag_embed.{one.what}"
            span = self._tracer.start_span(name, within, start_time=one.began, attributes=said)
            span.end(one.began + round(one.seconds * 1e9))


def _asked(queries: Sequence[Query]) -> dict[str, int]:
    """How many hits were asked for, at most."""
    return {"gen_ai.retrieval.top_k": max(one.k for one in queries)} if queries else {}


def _words(seen: Observation) -> dict[str, str]:
    found = [{"id": hit.id, "score": hit.score} for hits in seen.hits for hit in hits]
    return {
        "gen_ai.retrieval.query.text": "\n".join(one.text for one in seen.queries),
        "gen_ai.retrieval.documents": json.dumps(found),
    }
