"""From texts to vectors, and from documents to chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from rag_embed.types import (
    Chunk,
    Cut,
    Document,
    Signature,
    Spans,
    SparseVector,
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


@runtime_checkable
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


class SparseQueryEncoder(Protocol):
    """The part of a sparse encoder that is needed at query time."""

    def encode_query(self, texts: Sequence[str], /) -> list[SparseVector]:
        """One vector per text."""
        ...

    def terms(self, ids: Sequence[int], /) -> list[str]:
        """How terms of the vocabulary are written, for explanations."""
        ...


@runtime_checkable
class SparseEncoder(SparseQueryEncoder, Protocol):
    """Weighs the terms of a vocabulary for a text, words that it does not say among them.

    Queries and documents are compared by the dot product (learned sparse retrieval, Formal et al. 2021).
    Implementations: `rag_embed.encoders`.
    """

    @property
    def signature(self) -> Signature:
        """Identity of the space; ``dim`` is the size of the vocabulary."""
        ...

    def encode_document(self, texts: Sequence[str], /) -> list[SparseVector]:
        """One vector per text, which depends on its own text only."""
        ...


class QueryEncoder(Protocol):
    """The part of an encoder that is needed at query time."""

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """``(len(texts), dim)`` unit rows."""
        ...


@runtime_checkable
class TokenReader(QueryEncoder, Protocol):
    """A query encoder that can also give the tokens of a query, at no further forward pass."""

    def read_query(self, texts: Sequence[str], /) -> tuple[Vectors, list[TokenRows]]:
        """`encode_query`, and the tokens of each text."""
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

    @property
    def encoder(self) -> Encoder:
        """Encodes single texts: queries, what users did, and their tokens if it is a `TokenEncoder`."""
        ...

    def encode_chunks(self, cuts: Sequence[Cut], /) -> Vectors:
        """``(n, dim)`` unit rows: one per chunk of all documents, in order."""
        ...

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """``(len(texts), dim)`` unit rows in the same space."""
        ...


class TokenSpace(ChunkEncoder, Protocol):
    """A `ChunkEncoder` that can also give the tokens of each chunk, from the same forward pass."""

    def encode_chunk_tokens(
        self,
        cuts: Sequence[Cut],
        keep: Callable[[TokenRows], T],
        /,
    ) -> tuple[Vectors, list[T]]:
        """`encode_chunks`, and what ``keep`` makes of the tokens of each chunk."""
        ...

    def texts(self, cuts: Sequence[Cut], /) -> list[str]:
        """One text per chunk, in order: what the places of its tokens count in."""
        ...


@runtime_checkable
class SituatedSpace(ChunkEncoder, Protocol):
    """A `ChunkEncoder` that says what it reads of a document, what it writes and what it keeps.

    One that does not is encoded anew with every change of a document, and adds nothing to what
    lexical search reads.
    """

    def sources(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """Per chunk a digest of all that its vector and tokens depend on, the model aside.

        A chunk with the digest that it had before keeps its vector. None where that is not known.
        """
        ...

    def written(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """What lexical search reads of each chunk; None for its title, headings and text."""
        ...

    def shown(self, cuts: Sequence[Cut], /) -> list[str | None]:
        """The text that was encoded for each chunk, to be shown; None where it was not kept.

        Nothing is written or encoded here.
        """
        ...

    def kept_in(self) -> tuple[str, ...]:
        """Absolute paths of the files in which it keeps what it writes."""
        ...

    def forget(self, user: str, documents: Sequence[Document], /) -> None:
        """Erase all that was written about a user's documents and kept.

        Args:
            user: Whose documents, those of earlier days too.
            documents: The user's documents as they are now.
        """
        ...
