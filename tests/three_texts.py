"""Three short documents, each about something else."""

from __future__ import annotations

from rag_embed import Document

TEXTS = {
    "fox": "The red fox hunts mice in the meadow.",
    "sea": "The blue sea is deep and full of whales.",
    "tea": "Green tea is made with water of eighty degrees.",
}


def documents() -> list[Document]:
    """Each under its name."""
    return [Document(name, text, title=name.title()) for name, text in TEXTS.items()]
