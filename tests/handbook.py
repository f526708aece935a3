"""A folder of files, and the ids that an index has of it."""

from __future__ import annotations

import json
from pathlib import Path

from rag_embed import Index


def filled(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def lines(path: Path, *records: dict[str, object]) -> None:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


def ids(index: Index) -> list[str]:
    return sorted(index.store.document_ids())
