"""Two halves of a collection's queries that share no document that answers them."""

from __future__ import annotations

import hashlib

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection, split_by_document


def answers(collection: Collection) -> dict[str, frozenset[str]]:
    """Per judged query the documents that answer it; chunks count as their ``doc_id``.

    Examples:
        >>> from rag_embed.types import Document
        >>> page = Document("p#2", "text", metadata={"doc_id": "p"})
        >>> answers(Collection("c", (page,), {"q": "why"}, {"q": {"p#2": 1}}))
        {'q': frozenset({'p'})}
    """
    page = {d.id: str(d.metadata.get("doc_id", d.id)) for d in collection.documents}
    return {
        id: frozenset(page.get(d, d) for d, grade in collection.qrels[id].items() if grade > 0)
        for id in collection.judged
    }


def halves(collection: Collection, seed: int = 0) -> tuple[Collection, Collection]:
    """Split the queries in two; no document answers queries of both sides.

    As `split_by_document` does where it can. Where all queries hang together through shared
    documents, the documents are dealt out by hash and queries that are answered on both sides are
    left out.

    Raises:
        BadInput: One side stays empty.

    Examples:
        >>> from rag_embed.types import Document
        >>> documents = tuple(Document(id, "text") for id in "abcd")
        >>> qrels = {x + y: {x: 1, y: 1} for x, y in ("ab", "bc", "cd", "da", "ac", "bd")}
        >>> ring = Collection("ring", documents, {id: id for id in qrels}, qrels)
        >>> first, second = halves(ring, seed=1)
        >>> len(first.judged), len(second.judged)
        (1, 1)
    """
    try:
        return split_by_document(collection, seed=seed)
    except BadInput:
        sides: tuple[list[str], list[str]] = ([], [])
        for id, documents in answers(collection).items():
            where = {_side(document, seed) for document in documents}
            if len(where) == 1:
                sides[where.pop()].append(id)
        if not all(sides):
            raise
        return (
            collection.subset(sides[0], f"{collection.name} (train)"),
            collection.subset(sides[1], f"{collection.name} (test)"),
        )


def _side(document: str, seed: int) -> int:
    digest = hashlib.blake2b(f"{seed} {document}".encode(), digest_size=8).digest()
    return digest[0] % 2
