"""Labelled queries of users, read from the files that `rag-embed eval` reads."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from rag_embed.errors import BadInput
from rag_embed.evaluation.beir import read_labels
from rag_embed.tuning.personal import Labelled
from rag_embed.types import Query


def read_labelled(
    queries: str | PathLike[str], qrels: str | PathLike[str]
) -> tuple[list[Labelled], int]:
    """Read queries with their users.

    Args:
        queries: JSON lines with ``_id``, ``text``, ``user_id``, and ``previous``, a list of the earlier
            turns, where there is a talk.
        qrels: Tab-separated query-id, corpus-id, score.

    Returns:
        The labelled queries, and how many were left out since they have no user or no relevant
        document.

    Raises:
        BadInput: A file is missing or malformed; the message starts with ``file:line``.
    """
    judged = read_labels((), queries, qrels, name="labels", strict=False)
    labelled = []
    for number, line in enumerate(Path(queries).read_text(encoding="utf-8").splitlines(), 1):
        row: dict[str, Any] = json.loads(line) if line.strip() else {}
        grades = judged.qrels.get(row.get("_id", ""), {})
        if row.get("user_id") is None or not any(grade > 0 for grade in grades.values()):
            continue
        previous = row.get("previous", [])
        if not isinstance(previous, list):
            raise BadInput(f"{queries}:{number}: 'previous' must be a list of texts.")
        try:
            query = Query(row["text"], user=row["user_id"], previous=tuple(previous))
        except BadInput as error:
            raise BadInput(f"{queries}:{number}: {error}") from error
        labelled.append(Labelled(query, grades))
    return labelled, len(judged.queries) - len(labelled)
