"""Forty short stories, and an encoder that counts what it encodes."""

from __future__ import annotations

from rag_embed import Document
from rag_embed.encoders import HashEncoder

WORDS = [
    "fox",
    "whale",
    "tea",
    "wine",
    "river",
    "stone",
    "cloud",
    "bread",
    "lamp",
    "violin",
    "engine",
    "harbour",
]


def corpus(n: int = 40) -> list[Document]:
    return [
        Document(
            f"d{i}",
            f"The {WORDS[i % 12]} meets the {WORDS[(i * 5 + 1) % 12]} near number {i}. "
            f"Later the {WORDS[(i * 7 + 3) % 12]} goes home.",
            f"Story {i}",
            {"number": i, "kind": "even" if i % 2 == 0 else "odd"},
        )
        for i in range(n)
    ]


class Counting(HashEncoder):
    """Counts the texts it encodes."""

    encoded = 0

    def encode_document(self, texts, /):
        self.encoded += len(texts)
        return super().encode_document(texts)


FIELDS = {"number": int, "kind": str}


def ids(hits) -> list[str]:
    return [hit.id for hit in hits]
