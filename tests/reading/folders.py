"""Folders that tests of reading write, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from rag_embed import reading
from rag_embed.types import Document, Skipped

read = partial(reading.read, name="")
"""Names are those below the folder that a test is in."""


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def names(items: Iterable[Document | Skipped]) -> list[str]:
    return [item.id if isinstance(item, Document) else f"!{item.source}" for item in items]


def reasons(items: Iterable[Document | Skipped]) -> dict[str, str]:
    return {item.source: item.reason for item in items if isinstance(item, Skipped)}
