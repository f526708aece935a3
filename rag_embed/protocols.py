"""The verbs: what a part must be able to do to be used in a place.

Implement the methods and the object fits; nothing has to be inherited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from rag_embed.analysis import Analyzer
from rag_embed.fields import Fields
from rag_embed.filters import Filter
from rag_embed.maths.frequencies import Frequencies
from rag_embed.maths.moments import Moments
from rag_embed.routing.route import Route
from rag_embed.types import (
    Chunk,
    Document,
    Hit,
    Query,
    Scores,
    Signature,
    Spans,
    TokenBits,
    TokenRows,
    Vectors,
)

T = TypeVar("T")


class Encoder(Protocol):
    """Turns texts into unit vectors. Implementations: `rag_embed.encoders`."""

    @property
    def signature(self) -> Signature:
        """Identity of the space the vectors live in."""
        ...

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """``(len(texts), dim)`` unit rows; a row depends on its own text only."""
        ...

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """``(len(texts), dim)`` unit rows; a row depends on its own text only."""
        ...

    def token_spans(self, text: str, /) -> Spans:
        """Character offsets of all of the model's tokens in ``text``, special tokens left out."""
        ...


class TokenEncoder(Encoder, Protocol):
    """An encoder that can also give the vectors of a text's tokens, at no further forward pass."""

    def encode_query_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """`encode_query`, and what ``keep`` makes of each text's tokens.

        ``keep`` is called right after a text's forward pass, maybe from several threads, so that
        the token vectors of many texts are never in memory together.
        """
        ...

    def encode_document_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """`encode_document`, and what ``keep`` makes of each text's tokens."""
        ...


class Splitter(Protocol):
    """Cuts a document into chunks with exact offsets; see `rag_embed.chunking`."""

    def split(self, document: Document, /) -> list[Chunk]:
        """Chunks in reading order; none for a document without visible text."""
        ...


class ChunkEncoder(Protocol):
    """Decides how much of its document a chunk's vector sees; see `rag_embed.situated`."""

    @property
    def signature(self) -> Signature:
        """The encoder's signature with ``chunks`` filled in."""
        ...

    def encode_chunks(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> Vectors:
        """One unit row per chunk, in order; a group is a document with its chunks."""
        ...

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """``(len(texts), dim)`` unit rows in the same space."""
        ...


class TokenSpace(ChunkEncoder, Protocol):
    """A `ChunkEncoder` that can also give the tokens of each chunk, from the same forward pass."""

    @property
    def encoder(self) -> Encoder:
        """Encodes queries, and their tokens if it is a `TokenEncoder`."""
        ...

    def encode_chunk_tokens(
        self,
        groups: Sequence[tuple[Document, Sequence[Chunk]]],
        keep: Callable[[TokenRows], T],
        /,
    ) -> tuple[Vectors, list[T]]:
        """`encode_chunks`, and what ``keep`` makes of the tokens of each chunk."""
        ...

    def texts(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> list[str]:
        """One text per chunk, in order: what the places of its tokens count in."""
        ...


class View(Protocol):
    """An unchanging snapshot of a store: all parts of one search read the same version."""

    def __len__(self) -> int:
        """Number of chunks."""
        ...

    @property
    def private(self) -> bool:
        """Whether any chunk has an owner."""
        ...

    def nearest(
        self, space: str, vectors: Vectors, n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """Per row: ids of the ``n`` chunks with the largest dot product, and the products."""
        ...

    def lexical(
        self, texts: Sequence[str], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """Per text: ids of the ``n`` best chunks that share a word with it, and their BM25.

        How rare a word is and how long a text, is judged by the shared chunks for a shared chunk,
        and by these and its owner's for an owned one: nobody's score tells of another's texts.
        """
        ...

    def vectors(self, space: str, ids: Sequence[str], /) -> Vectors:
        """The stored row of each chunk, in order.

        Raises:
            BadInput: An id is not in the store.
        """
        ...

    def tokens(self, space: str, ids: Sequence[str], /) -> list[TokenBits]:
        """What is kept of each chunk's tokens, in order.

        Raises:
            BadInput: An id is not in the store, or the space keeps no tokens.
        """
        ...

    def frequencies(self, space: str, user: str | None = None, /) -> Frequencies:
        """In how many of the chunks that a user sees each token occurs; maybe over a sample."""
        ...

    def chunks(self, ids: Sequence[str], /) -> list[Chunk]:
        """Those of the chunks that exist, in the order of ``ids``."""
        ...

    def document_chunks(self, doc_id: str, /) -> list[Chunk]:
        """All chunks of a document in reading order."""
        ...

    def documents(self, ids: Sequence[str], /) -> list[Document]:
        """Those of the documents that exist, as they were added, in the order of ``ids``."""
        ...

    def matching(self, where: Filter | None, /) -> list[str]:
        """Ids of the documents with a chunk that matches, sorted."""
        ...

    def moments(self, space: str, user: str | None = None, /) -> Moments:
        """Mean and second moment of the vectors of the chunks that a user sees."""
        ...


class Store(Protocol):
    """Keeps documents, chunks and their vectors. Implementations: `rag_embed.stores`."""

    @property
    def fields(self) -> Fields:
        """The declared filter columns."""
        ...

    @property
    def analyzer(self) -> Analyzer:
        """Settings of lexical search."""
        ...

    def view(self) -> View:
        """Snapshot of the latest version."""
        ...

    def known(self, ids: Sequence[str], /) -> dict[str, tuple[str, str | None]]:
        """``(content hash, owner)`` of the stored ones; the hash of an incomplete one is ``""``."""
        ...

    def replace(
        self,
        documents: Sequence[tuple[Document, str]],
        chunks: Sequence[Chunk],
        vectors: Mapping[str, Vectors],
        tokens: Mapping[str, Sequence[TokenBits]] | None = None,
        lexical: Sequence[str] | None = None,
        /,
    ) -> None:
        """Store documents (with content hashes) and their chunks; their old chunks vanish.

        Args:
            documents: With their content hashes.
            chunks: All chunks of these documents.
            vectors: Space -> one row per chunk.
            tokens: Space -> one entry per chunk, for the spaces that keep tokens.
            lexical: What lexical search reads of each chunk; title, headings and text by default.
        """
        ...

    def delete(self, doc_ids: Sequence[str], /) -> int:
        """Remove documents with their chunks; returns how many existed."""
        ...

    def forget(self, user: str, /) -> int:
        """Remove all that a user owns so that no byte of it is left; returns how many documents."""
        ...

    def settings(self) -> dict[str, Any]:
        """All settings: JSON values by key."""
        ...

    def configure(self, values: Mapping[str, Any], /) -> None:
        """Store settings; other keys stay as they are."""
        ...

    def document_ids(self) -> Iterable[str]:
        """Ids of all documents."""
        ...

    def grow(self, spaces: Mapping[str, int], tokens: Sequence[str], /) -> None:
        """Make room for new spaces, and for the tokens of spaces, beside what there is.

        Nothing is searched there until `adopt`; documents can be replaced and deleted meanwhile.
        To call it again with the same arguments changes nothing, with others it starts anew.

        Raises:
            BadInput: A name is taken, unknown or cannot be used.
        """
        ...

    def lacking(self) -> list[str]:
        """Ids of the chunks that have no value yet where room was made, sorted."""
        ...

    def fill(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, Vectors],
        tokens: Mapping[str, Sequence[TokenBits]],
        /,
    ) -> None:
        """Store values of chunks where room was made; of chunks that are gone, nothing.

        Raises:
            BadInput: The values do not fit what `grow` made room for.
        """
        ...

    def adopt(self, settings: Mapping[str, Any], /) -> None:
        """Search what was grown from now on, and store settings, in one commit.

        Raises:
            StoreError: A chunk still lacks its values.
        """
        ...

    def drop(self, space: str, settings: Mapping[str, Any], /) -> None:
        """Remove a space with its tokens, and store settings, in one commit.

        Raises:
            BadInput: There is no such space, or it is the only one.
        """
        ...

    def optimize(self) -> None:
        """Compact files and bring search indexes up to date."""
        ...

    def stats(self) -> Mapping[str, object]:
        """Counts and sizes for people."""
        ...


class Retriever(Protocol):
    """Finds. Implementations: `rag_embed.ranking`, and anything that wraps one."""

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """Hits per query, best first, at most ``query.k``."""
        ...


class Reranker(Protocol):
    """Looks again at what was found. Implementations: `rag_embed.ranking`, `rag_embed.encoders`."""

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores:
        """One score per hit, in order: higher is better, on any scale; hits may be none."""
        ...


class Router(Protocol):
    """Decides how much each leg counts. Implementations: `rag_embed.routing`."""

    def route(self, queries: Sequence[Query], vectors: Vectors, /) -> list[Route]:
        """One route per query.

        Args:
            queries: What is asked.
            vectors: ``(len(queries), dim)`` unit rows, by the base encoder of the index.
        """
        ...
