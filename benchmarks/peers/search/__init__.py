"""Other retrievers that answer a text with ten chunks, one file each.

Every file has ``PACKAGES``, what it needs, and ``systems(corpus, folder)``: searches by the name that tables
show. All encode queries by the same encoder and are given the vectors of the chunks, so that what differs
is the retriever. What is not installed is left out, and said so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from rag_embed.encoders import SentenceEncoder, load
from rag_embed.protocols import Encoder
from rag_embed.types import Vectors

K = 10
PEERS = ("lancedb", "langchain", "llama_index", "chroma", "txtai", "haystack")
QUICK = ("lancedb", "chroma", "txtai")
"""Those that can be filled with 100,000 chunks, and asked, in a few minutes."""

Search = Callable[[str], Any]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Chunks of text with their vectors.

    Attributes:
        texts: Distinct.
        vectors: ``(len(texts), dim)`` unit rows.
        stock: Whether queries are encoded by sentence-transformers as it is, and not as this library does.
    """

    texts: Sequence[str]
    vectors: Vectors
    stock: bool = False

    @cached_property
    def encoder(self) -> Encoder:
        """What encodes the queries."""
        return Stock() if self.stock else load()

    @property
    def ids(self) -> list[str]:
        return [f"c{number}" for number in range(len(self.texts))]

    def query(self, text: str) -> Vectors:
        """``(dim,)`` the vector of a query."""
        row: Vectors = self.encoder.encode_query([text])[0]
        return row


class Stock(SentenceEncoder):
    """The same model, and nothing of this library between the text and its vector."""

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        rows: Vectors = self.model.encode([*texts], show_progress_bar=False)
        return rows


def systems(
    name: str, corpus: Corpus, folder: Path
) -> tuple[Mapping[str, Search], Mapping[str, str]]:
    """The searches of one of `PEERS`, and the versions of what it needs.

    Raises:
        ImportError: It is not installed.
    """
    peer = import_module(f"benchmarks.peers.search.{name}")
    return peer.systems(corpus, folder), {one: metadata.version(one) for one in peer.PACKAGES}
