"""Documents that are written one by one, and what of them lies on disk."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rag_embed import Document
from rag_embed.encoders import HashEncoder
from rag_embed.stores import upkeep
from rag_embed.stores.lance import LanceStore

ENCODER = HashEncoder(dim=64)


def document(i: int, lines: int = 2, edition: int = 0) -> Document:
    text = "\n".join(f"line {n} of document {i} edition {edition}" for n in range(lines))
    return Document(f"d{i}", text)


def versions(store: LanceStore) -> dict[str, int]:
    return {name: table.version for name, table in store._tables().items()}


def quick(monkeypatch: pytest.MonkeyPatch, commits: int = 8, keep: float = 0.0) -> None:
    monkeypatch.setattr(upkeep, "COMMITS", commits)
    monkeypatch.setattr(upkeep, "KEEP", timedelta(seconds=keep))
    monkeypatch.setattr(upkeep, "_MARGIN", timedelta(milliseconds=60_000 if keep else 1))
