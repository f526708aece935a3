"""An index, and everything that a reader can see of it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder

FIELDS = {"number": int, "tags": list[str], "lang": str}


def corpus(n: int = 40) -> list[Document]:
    return [
        Document(f"d{i}", f"The fox number {i} meets whale {i * 7}.", metadata={"number": i})
        for i in range(n)
    ]


def made(path: Path, documents=()) -> Index:
    index = Index.create(path, encoder=HashEncoder(64), fields=FIELDS)
    index.add(documents)
    return index


def opened(path: Path) -> Index:
    return Index.open(path, encoder=HashEncoder(64))


def content(index: Index):
    """Everything a reader can see: documents, their chunks, and a search."""
    view = index.store.view()
    ids = sorted(index.store.document_ids())
    documents = view.documents(ids)
    chunks = [view.document_chunks(id) for id in ids]
    assert len(index) == sum(map(len, chunks)), "a chunk belongs to no document"
    assert all(
        c.text == d.text[c.start : c.end]
        for d, cs in zip(documents, chunks, strict=True)
        for c in cs
    )
    hits = [(hit.id, hit.score) for hit in index.search("fox number 3", k=20)]
    return documents, chunks, hits


@contextmanager
def assert_whole(path: Path):
    """What was in the index before is in it, unchanged, afterwards."""
    before = content(opened(path))
    yield
    assert content(opened(path)) == before
