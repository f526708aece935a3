"""Observations as lines of JSON."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from rag_embed.telemetry.observing import Observation

_log = logging.getLogger("rag_embed.telemetry")


@dataclass(frozen=True, slots=True)
class Log:
    """Writes each observation as one line of JSON; of a search with the seconds that each leg took.

    Attributes:
        logger: Where to.
        level: Of what went well; what failed is a warning.

    Examples:
        >>> import sys
        >>> handler = logging.StreamHandler(sys.stdout)
        >>> logger = logging.getLogger("docs")
        >>> logger.addHandler(handler)
        >>> logger.warning("ready")
        ready
        >>> Log(logger, logging.WARNING)(Observation("delete", "kb", 0, 0.25, {"gone": 2}))
        {"what": "delete", "index": "kb", "seconds": 0.25, "gone": 2}
    """

    logger: logging.Logger = _log
    level: int = logging.INFO

    def __call__(self, seen: Observation, /) -> None:
        """See `Observer`."""
        line: dict[str, Any] = {
            "what": seen.what,
            "index": seen.index,
            "seconds": round(seen.seconds, 6),
            **seen.counts,
        }
        if seen.steps:
            spent: dict[str, float] = {}
            for one in seen.steps:
                spent[one.leg] = spent.get(one.leg, 0.0) + one.seconds
            line["legs"] = {leg: round(seconds, 6) for leg, seconds in spent.items()}
        if seen.error is not None:
            line["error"] = seen.error
        level = self.level if seen.error is None else max(self.level, logging.WARNING)
        self.logger.log(level, "%s", json.dumps(line))
