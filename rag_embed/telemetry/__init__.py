"""What a host sees of its indexes at work: searches and writes, counted and timed.

An `Observer` is told of each when it has ended. `Log` writes lines of JSON, `OpenTelemetry` makes spans
and metrics; neither passes anybody's words on unless it is asked to.
"""

from rag_embed.ranking.steps import Step
from rag_embed.telemetry.log import Log
from rag_embed.telemetry.observing import Observation, Observer, observe
from rag_embed.telemetry.opentelemetry import OpenTelemetry

__all__ = ["Log", "Observation", "Observer", "OpenTelemetry", "Step", "observe"]
