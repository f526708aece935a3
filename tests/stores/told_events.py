"""Events whose every byte can be found again, and what of them a folder still holds."""

from __future__ import annotations

from pathlib import Path

from rag_embed.testing.event_data import DIM, event
from rag_embed.types import Signature

SIGNATURE = Signature("hash", "1", DIM, 100)


def betrayed(folder: Path, needles: list[bytes]) -> set[str]:
    """Names of files that hold any of them."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if any(needle in content for needle in needles):
                found.add(str(path))
    return found


def events_of(user: str, ids: range) -> list:
    return [
        event(
            user,
            f"{i} <{user}>",
            f"text {i} of <{user}>",
            float(i),
            outcome=f"outcome {i} of <{user}>",
            metadata={"note": f"note {i} of <{user}>"},
        )
        for i in ids
    ]


class Killed(BaseException):
    """As if the process ended here."""
