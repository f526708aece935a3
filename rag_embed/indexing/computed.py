"""What is computed of documents before they are written: vectors, tokens, and words of every chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rag_embed.indexing.sparse_spaces import weighed, weighed_again
from rag_embed.protocols import ChunkEncoder, SparseEncoder, Store, View
from rag_embed.situated.reuse import encoded_again
from rag_embed.situated.space import first_written
from rag_embed.situated.tokens import encoded, with_tokens
from rag_embed.stores.rereading import with_view
from rag_embed.types import Chunk, ChunkRows, Cut, Document, TokenBits, Vectors

WORTH_READING = 4
"""Chunks of a document from which on its stored vectors are looked up before it is encoded again."""


@dataclass(frozen=True, slots=True)
class Encoders:
    """All that computes something of a chunk.

    Attributes:
        spaces: Chunk encoder of each space.
        sparse: Encoder of each sparse space.
    """

    spaces: Mapping[str, ChunkEncoder]
    sparse: Mapping[str, SparseEncoder] = field(default_factory=dict)

    def rows(self, cuts: Sequence[Cut]) -> ChunkRows:
        """Chunks with what is computed of them; no store is asked, so that any process can do it.

        Args:
            cuts: Documents with all of their chunks.
        """
        vectors: dict[str, Vectors] = {}
        tokens: dict[str, list[TokenBits]] = {}
        for name, space in self.spaces.items():
            vectors[name], kept = encoded(space, cuts)
            if kept is not None:
                tokens[name] = kept
        words = first_written(self.spaces.values(), cuts)
        sparse = weighed(self.sparse, cuts, words)
        return ChunkRows(_chunks(cuts), vectors, tokens, words, sparse)

    def rows_again(self, cuts: Sequence[Cut], stored: Sequence[str], store: Store) -> ChunkRows:
        """The same, where what is stored of a document and is the same is read, and not computed.

        Args:
            cuts: Documents with all of their chunks.
            stored: Ids of documents among them that the store holds whole.
            store: The store.
        """

        def read(view: View) -> ChunkRows:
            before = [Cut(one, view.document_chunks(one.id)) for one in view.documents(stored)]
            vectors: dict[str, Vectors] = {}
            tokens: dict[str, list[TokenBits]] = {}
            for name, space in self.spaces.items():
                vectors[name], kept = encoded_again(name, space, cuts, before, view)
                if kept is not None:
                    tokens[name] = kept
            words = first_written(self.spaces.values(), cuts)
            sparse = weighed_again(self.sparse, cuts, words, before, view)
            return ChunkRows(_chunks(cuts), vectors, tokens, words, sparse)

        return with_view(store, read)

    def rows_kept(self, cuts: Sequence[Cut], store: Store) -> ChunkRows:
        """The same, all of it read: nothing has changed that anything is computed of.

        Args:
            cuts: Documents with all of their chunks, whose title and text are stored as they are.
            store: The store.
        """
        ids = [chunk.id for _, chunks in cuts for chunk in chunks]
        documents = [document for document, _ in cuts]

        def read(view: View) -> ChunkRows | None:
            stored = view.documents([one.id for one in documents])
            if len(stored) < len(documents) or len(view.chunks(ids)) < len(ids):
                return None
            if not all(map(_same, stored, documents)):
                return None
            vectors = {name: view.vectors(name, ids) for name in self.spaces}
            tokens = {
                name: view.tokens(name, ids)
                for name, space in self.spaces.items()
                if with_tokens(space) is not None
            }
            words = first_written(self.spaces.values(), cuts)
            sparse = {name: view.sparse(name, ids) for name in self.sparse}
            return ChunkRows(_chunks(cuts), vectors, tokens, words, sparse)

        found = with_view(
            store, read
        )  # None: another process wrote them meanwhile, or cuts otherwise
        return self.rows(cuts) if found is None else found


def _same(one: Document, other: Document) -> bool:
    return (one.id, one.title, one.text) == (other.id, other.title, other.text)


def _chunks(cuts: Sequence[Cut]) -> list[Chunk]:
    return [chunk for cut in cuts for chunk in cut.chunks]
