"""Filters on metadata that is in no column: every chunk's metadata, read once, judged in Python."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rag_embed.fields import Fields
from rag_embed.filters import Filter, matches

SCANNED_COLUMNS = ["id", "doc_id", "title", "user_id", "metadata_json"]


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """What a filter can read of every chunk of one version.

    Attributes:
        rows: Values for `matches`, one mapping per chunk.
    """

    rows: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, table: pa.Table, fields: Fields) -> Scanned:
        """Read rows with `SCANNED_COLUMNS`; chunks of one document share its parsed metadata."""
        parsed: dict[str, Mapping[str, Any]] = {}
        rows = []
        for row in table.to_pylist():
            source = row.pop("metadata_json")
            if source not in parsed:
                parsed[source] = json.loads(source)
            metadata = parsed[source]
            rows.append({**row, **{n: metadata.get(n) for n in fields.types}, "metadata": metadata})
        return cls(rows)

    def passing(self, where: Filter) -> list[str]:
        """Ids of the chunks that match."""
        return [row["id"] for row in self.rows if matches(where, row)]
