"""`TextSpace` encodes one text per chunk, `Around` hands on; what any space reads, writes and keeps."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from rag_embed.protocols import ChunkEncoder, Encoder, SituatedSpace, TokenEncoder, TokenSpace
from rag_embed.types import Cut, Document, Signature, TokenRows, Vectors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TextSpace(ABC):
    """A `protocols.SituatedSpace` that puts one text per chunk to its encoder.

    A way to situate chunks by a text is a subclass with a `way` and `texts`, and nothing else.

    Attributes:
        encoder: Encodes the texts, and queries.
    """

    encoder: Encoder

    @property
    @abstractmethod
    def way(self) -> str:
        """How chunks are situated: what `Signature.chunks` says."""

    @abstractmethod
    def texts(self, cuts: Sequence[Cut], /) -> list[str]:
        """See `protocols.TokenSpace`."""

    @property
    def signature(self) -> Signature:
        """See `protocols.ChunkEncoder`."""
        return replace(self.encoder.signature, chunks=self.way)

    def encode_chunks(self, cuts: Sequence[Cut], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encoder.encode_document(self.texts(cuts))

    def encode_chunk_tokens(
        self, cuts: Sequence[Cut], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenSpace`."""
        encoder = cast(TokenEncoder, self.encoder)  # whoever asks has checked it
        return encoder.encode_document_tokens(self.texts(cuts), keep)

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encoder.encode_query(texts)

    def sources(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`."""
        return [digest(text) for text in self.texts(cuts)]

    def written(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`; nothing is written here."""
        return None

    def shown(self, cuts: Sequence[Cut], /) -> list[str | None]:
        """See `protocols.SituatedSpace`."""
        return list(self.texts(cuts))

    def kept_in(self) -> tuple[str, ...]:
        """See `protocols.SituatedSpace`; nothing is kept here."""
        return ()

    def forget(self, user: str, documents: Sequence[Document], /) -> None:  # noqa: B027
        """See `protocols.SituatedSpace`; nothing is kept here."""


class Around:
    """A `protocols.SituatedSpace` around an inner one, which reads its queries and writes for it."""

    __slots__ = ()
    space: TokenSpace

    @property
    def asking(self) -> Signature:
        """Of what reads the queries; see `asking`."""
        return asking(self.space)

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.space.encode_query(texts)

    def sources(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`."""
        return sources(self.space, cuts)

    def written(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`."""
        return written(self.space, cuts)

    def shown(self, cuts: Sequence[Cut], /) -> list[str | None]:
        """See `protocols.SituatedSpace`."""
        return shown(self.space, cuts)

    def kept_in(self) -> tuple[str, ...]:
        """See `protocols.SituatedSpace`."""
        return kept_in(self.space)

    def forget(self, user: str, documents: Sequence[Document], /) -> None:
        """See `protocols.SituatedSpace`."""
        forget_written(self.space, user, documents)


def sources(space: ChunkEncoder, cuts: Sequence[Cut]) -> list[str] | None:
    """Per chunk a digest of all that its vector depends on; None for a space that does not say.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> from rag_embed.situated.titled import Isolated
        >>> from rag_embed.types import Chunk
        >>> old, new = Document("d", "One. Two."), Document("d", "Zero. Two.")
        >>> chunks = [Chunk.of(old, 0, 4), Chunk.of(old, 5, 9)], [Chunk.of(new, 6, 10)]
        >>> before = sources(Isolated(HashEncoder()), [Cut(old, chunks[0])])
        >>> sources(Isolated(HashEncoder()), [Cut(new, chunks[1])]) == before[1:]
        True
    """
    return space.sources(cuts) if isinstance(space, SituatedSpace) else None


def written(space: ChunkEncoder, cuts: Sequence[Cut]) -> list[str] | None:
    """What a space wrote for lexical search, one text per chunk; None where it writes nothing.

    Raises:
        NoContext: A chunk got no context.
    """
    return space.written(cuts) if isinstance(space, SituatedSpace) else None


def first_written(spaces: Iterable[ChunkEncoder], cuts: Sequence[Cut]) -> list[str] | None:
    """What the first of several spaces that writes anything wrote; None where none does."""
    return next(filter(None, (written(one, cuts) for one in spaces)), None)


def shown(space: ChunkEncoder, cuts: Sequence[Cut]) -> list[str | None]:
    """The text that was encoded for each chunk, as far as it is known without writing any."""
    if isinstance(space, SituatedSpace):
        return space.shown(cuts)
    return [None for _, chunks in cuts for _ in chunks]


def kept_in(space: ChunkEncoder) -> tuple[str, ...]:
    """Files in which a space keeps what it writes."""
    return space.kept_in() if isinstance(space, SituatedSpace) else ()


def forget_written(space: ChunkEncoder, user: str, documents: Sequence[Document]) -> None:
    """Erase what a space wrote about a user's documents and kept."""
    if isinstance(space, SituatedSpace):
        space.forget(user, documents)


def asking(space: ChunkEncoder) -> Signature:
    """Signature of what alone reads the queries of a space; of all of it where several do."""
    for one in (space, space.encoder):
        if isinstance(found := getattr(one, "asking", None), Signature):
            return found
    return space.encoder.signature


def digest(*parts: str | int) -> str:
    """A short fingerprint of some parts, in order.

    Examples:
        >>> digest("a", "b") == digest("ab")
        False
    """
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
