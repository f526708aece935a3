"""What two people told an assistant: found again by who said it, corrected, and forgotten.

python examples/personal_memory.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from rag_embed import Document, Index

TOLD = {
    "ann": (
        "I am allergic to nuts.",
        "My daughter Mia starts school in September.",
        "I take the train to Lyon every Thursday.",
        "Please keep your answers short.",
    ),
    "ben": (
        "I do not eat meat.",
        "My flat is on the fifth floor, without a lift.",
        "On Thursdays I play football.",
    ),
}
SHARED = ("The office is closed on Thursday.", "The canteen marks nuts with an N.")


def remember(index: Index, user: str, texts: Iterable[str]) -> None:
    """One document a turn, so that a single one can be corrected or deleted."""
    index.add(Document(f"{user}/{n}", text, user=user) for n, text in enumerate(texts))


def recalled(index: Index, question: str, user: str) -> None:
    """What a model would be given before the question."""
    print(f"\n{user}: {question}")
    for hit in index.search(question, k=2, user=user, min_relevance=0.1):
        print(f"  {hit.relevance:.2f}  {hit.chunk.doc_id:8}  {hit.text}")


def main(folder: Path) -> None:
    index = Index.create(folder)
    index.add(Document(f"office/{n}", text) for n, text in enumerate(SHARED))
    for user, texts in TOLD.items():
        remember(index, user, texts)
    for user in TOLD:
        recalled(index, "what do I do on Thursday?", user)
        recalled(index, "what do I not eat, what am I allergic to?", user)

    index.add([Document("ann/2", "I take the train to Lyon every Monday now.", user="ann")])
    recalled(index, "when do I take the train?", "ann")

    index.forget("ann")
    recalled(index, "what am I allergic to?", "ann")
    print(
        f"\nafter forgetting Ann: {len(index.contents.matching(user='ann'))} documents that she sees"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch, "kb"))
