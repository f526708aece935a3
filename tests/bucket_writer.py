"""What each of several processes does to one index in a bucket."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder


def fill(name: str, uri: str, options: Mapping[str, str], count: int) -> None:
    """Once a line comes: own documents, one that all write, a file and an event, so many times each."""
    sys.stdin.readline()
    index = Index.at(uri, encoder=HashEncoder(dim=64), storage_options=options)
    for i in range(count):
        text = f"The {name} number {i}.\n\n" * 40
        index.sync([Document(f"{name}-{i}", text)], scope=f"{name} {i}")
        index.add([Document("shared", f"Written by {name}, time {i}.\n\n" * 20 * (1 + i % 3))])
        index.store.files.put({f"{name}/{i}": name.encode()})
        index.users.remember("ann", [f"{name} {i}"])
    print(len(index.search("number", k=3)))
