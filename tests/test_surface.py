"""What `Index` offers: few verbs and a few readers, each with a room of its own."""

from __future__ import annotations

from rag_embed import Index
from rag_embed.encoders import HashEncoder

PUBLIC = {
    "add", "add_files", "apply", "at", "contents", "create", "delete", "experts", "explain", "forget",
    "in_memory", "open", "retriever", "search", "search_many", "spaces", "store", "sync", "tune", "users",
}  # fmt: skip


def test_an_index_has_twenty_public_members() -> None:
    index = Index.in_memory(encoder=HashEncoder(16))
    assert {name for name in dir(index) if not name.startswith("_")} == PUBLIC
    assert len(PUBLIC) == 20
