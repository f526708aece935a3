"""`RagEmbedVectorStore`: a rag_embed index as a LangChain vector store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypedDict

from langchain_core.documents import Document as LangChainDocument
from langchain_core.embeddings import Embeddings
from langchain_core.runnables.config import run_in_executor
from langchain_core.vectorstores import VectorStore
from typing_extensions import Self, Unpack

from langchain_rag_embed.adding import refused
from langchain_rag_embed.documents import from_document, with_ids
from langchain_rag_embed.embeddings import EmbeddingsEncoder, RagEmbedEmbeddings
from langchain_rag_embed.filters import narrowed
from langchain_rag_embed.opening import index_behind
from langchain_rag_embed.searching import (
    SearchOptions,
    VectorOptions,
    by_vector,
    diverse,
    documents,
    query_of,
    search,
    within,
)
from rag_embed import Hit, Index, Query
from rag_embed.arguments import naming_keywords
from rag_embed.errors import BadInput
from rag_embed.fields import Fields, FieldTypes
from rag_embed.filters import FilterLike, to_filter
from rag_embed.protocols import Encoder
from rag_embed.types import ANYONE, Anyone


class StoreOptions(TypedDict, total=False):
    """What a store is made with of documents; see `RagEmbedVectorStore`."""

    ids: Sequence[str | None]
    path: str | os.PathLike[str] | None
    fields: FieldTypes | None
    title_key: str | None
    user: str | None
    readers: Sequence[str] | None
    storage_options: Mapping[str, str] | None


class RagEmbedVectorStore(VectorStore):
    """LangChain documents in a rag_embed index, found by dense and lexical evidence together.

    An index that it makes keeps documents whole (``chunk_tokens=None``): what comes back is what was stored,
    id, text and metadata, and long documents are to be cut with a LangChain splitter first. An index that
    was made to cut does so here: a search gives passages then, each under the id of its document, by which
    `get_by_ids` reads and `delete` removes the whole; ``metadata["rag_embed"]`` says where it stands. A
    search asks what `rag_embed.Index.search` asks: router, experts and users' histories count.

    Args:
        index: An index, or a path, where one is opened or made; ``None`` for one in memory.
        embedding: LangChain embeddings or a rag_embed encoder; the default model when left out.
        fields: Metadata that filters find faster, such as ``{"year": int}``.
        title_key: Metadata key of the title, which is searched too; ``None`` for no titles.
        where: A filter, as `to_filter` takes it, that bounds whatever is searched, read or deleted here: the
            ``filter`` of a call, that of a self-query retriever too, narrows it and never takes its place.
        storage_options: Credentials and region of an object store.

    Raises:
        BadInput: An argument is wrong, or does not fit the index; which is then as it was.
        SpaceMismatch: The index at the path was built with another model.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> store = RagEmbedVectorStore(embedding=HashEncoder())
        >>> store.add_texts(["The fox is red.", "The sea is blue."], ids=["a", "b"])
        ['a', 'b']
        >>> store.similarity_search("red foxes", k=1)[0].id
        'a'
    """

    @naming_keywords
    def __init__(
        self,
        index: Index | str | os.PathLike[str] | None = None,
        *,
        embedding: Embeddings | Encoder | None = None,
        fields: FieldTypes | None = None,
        title_key: str | None = "title",
        where: FilterLike = None,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        encoder = EmbeddingsEncoder(embedding) if isinstance(embedding, Embeddings) else embedding
        self._where = to_filter(where)  # before anything is made or declared
        self.title_key = title_key
        self.index = index_behind(index, encoder, fields, storage_options)

    @classmethod
    @naming_keywords
    def from_texts(  # type: ignore[override]  # the base swallows unknown options
        cls,
        texts: Iterable[str],
        embedding: Embeddings | Encoder | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        path: str | os.PathLike[str] | None = None,
        fields: FieldTypes | None = None,
        title_key: str | None = "title",
        user: str | None = None,
        readers: Sequence[str] | None = None,
        storage_options: Mapping[str, str] | None = None,
    ) -> Self:
        """Open or make a store at ``path`` (in memory without), and add texts to it."""
        documents = _documents(texts, metadatas)
        # before there is a store, or a field is declared
        named = with_ids(documents, ids, title_key=title_key, user=user, readers=readers)
        declared = Fields.of(fields or {})
        for document in named:
            declared.values(document)
        store = cls(
            path,
            embedding=embedding,
            fields=fields,
            title_key=title_key,
            storage_options=storage_options,
        )
        store.add_documents(documents, ids=ids, user=user, readers=readers)
        return store

    @classmethod
    def from_documents(  # type: ignore[override]  # the base swallows unknown options
        cls,
        documents: Sequence[LangChainDocument],
        embedding: Embeddings | Encoder | None = None,
        **making: Unpack[StoreOptions],
    ) -> Self:
        """`from_texts` for documents, whose ids count where none are given."""
        making.setdefault("ids", [one.id for one in documents])
        texts = [one.page_content for one in documents]
        metadatas = [one.metadata for one in documents]
        return cls.from_texts(texts, embedding, metadatas, **making)

    @classmethod
    async def afrom_documents(  # type: ignore[override]
        cls,
        documents: Sequence[LangChainDocument],
        embedding: Embeddings | Encoder | None = None,
        **making: Unpack[StoreOptions],
    ) -> Self:
        """`from_documents` in a worker thread."""
        made = partial(cls.from_documents, documents, embedding, **making)
        return await run_in_executor(None, made)

    @property
    def embeddings(self) -> Embeddings:
        """The model of the index."""
        encoder = self.index.spaces.own.encoder
        if isinstance(encoder, EmbeddingsEncoder):
            return encoder.embeddings
        return RagEmbedEmbeddings(encoder)

    def add_texts(  # type: ignore[override]  # the base swallows unknown options
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        user: str | None = None,
        readers: Sequence[str] | None = None,
        batch_size: int | None = None,
    ) -> list[str]:
        """Add texts; see `add_documents`.

        Raises:
            BadInput: There are not as many metadatas or ids as texts.
        """
        documents = _documents(texts, metadatas)
        return self.add_documents(
            documents, ids=ids, user=user, readers=readers, batch_size=batch_size
        )

    def add_documents(  # type: ignore[override]  # the base swallows unknown options
        self,
        documents: Iterable[LangChainDocument],
        *,
        ids: Sequence[str | None] | None = None,
        user: str | None = None,
        readers: Sequence[str] | None = None,
        batch_size: int | None = None,
        current_time: datetime | None = None,
    ) -> list[str]:
        """Add documents; one with a known id replaces the stored one, unchanged ones cost nothing.

        Args:
            documents: With one id twice, the last wins.
            ids: Instead of the documents' own; where there is neither, one is made.
            user: Owner of the documents, who finds them; ``None`` where nobody owns them.
            readers: Groups that find them; ``None`` for none: without an owner everybody does. One that
                replaces a stored one stays for its groups; delete it first to open it.
            batch_size: Documents per commit; all at once by default.
            current_time: A time that LangChain's ``TimeWeightedVectorStoreRetriever`` writes into
                the metadata and passes on; nothing depends on it.

        Returns:
            The ids, in the order of the documents.

        Raises:
            BadInput: A document cannot be stored, its id belongs to another owner, or there are
                not as many ids as documents. Others of the call may have been stored.
        """
        named = with_ids(list(documents), ids, title_key=self.title_key, user=user, readers=readers)
        for id, reason in refused(self.index, named, batch_size).items():
            raise BadInput(f"{id!r} cannot be stored: {reason}")
        return [document.id for document in named]

    def delete(  # type: ignore[override]  # the base swallows unknown options
        self,
        ids: list[str] | None = None,
        *,
        user: str | Anyone | None = ANYONE,
        groups: Sequence[str] = (),
    ) -> bool:
        """Delete documents; unknown ids are no error, and what is outside of ``where`` stays.

        Args:
            ids: Ids of documents.
            user: The owner of what may be deleted, ``None`` for what nobody owns; the documents of others
                stay. Whoever they belong to, by default.
            groups: With ``user=None``: of what is for groups, only what is for one of these.

        Raises:
            BadInput: No ids are given, which might have meant everything.
        """
        if ids is None:
            raise BadInput(
                "delete() needs ids. To delete everything, pass them all: "
                "store.delete(store.index.contents.matching()), or make a new index."
            )
        if isinstance(ids, str):
            raise BadInput("delete() takes a list of ids, got one str; wrap it in a list.")
        self.index.delete(within(self.index, self._where, ids), user=user, groups=groups)
        return True

    def forget(self, user: str) -> int:
        """Erase a user's documents, events and weights from every file; see `rag_embed.Index.forget`.

        Args:
            user: Who is forgotten.

        Returns:
            How many documents, events and tuned weights there were.

        Raises:
            BadInput: The user id is none.
            StoreError: It could not be finished.
        """
        return self.index.forget(user)

    def get_by_ids(
        self, ids: Sequence[str], /, *, user: str | None = None, groups: Sequence[str] = ()
    ) -> list[LangChainDocument]:
        """Those of the documents that exist and that the user sees, in the order of ``ids``.

        Args:
            ids: Ids of documents.
            user: Sees shared documents and this user's own; ``None`` sees shared ones only.
            groups: The user's groups; documents that name one of them as readers are seen too.
        """
        if isinstance(ids, str):
            raise BadInput("get_by_ids() takes a list of ids, got one str; wrap it in a list.")
        found = self.index.contents.documents(ids, user=user, groups=groups)
        passing = set(within(self.index, self._where, ids))
        return [from_document(document) for document in found if document.id in passing]

    async def aget_by_ids(
        self, ids: Sequence[str], /, *, user: str | None = None, groups: Sequence[str] = ()
    ) -> list[LangChainDocument]:
        """See `get_by_ids`."""
        return await run_in_executor(None, self.get_by_ids, ids, user=user, groups=groups)

    def similarity_search(  # type: ignore[override]  # the base swallows unknown options
        self, query: str, k: int = 4, **options: Unpack[SearchOptions]
    ) -> list[LangChainDocument]:
        """Find documents.

        Args:
            query: A question or keywords.
            k: How many at most.
            **options: ``filter``, a rag_embed filter or a dictionary (see `to_filter`); ``user``, who
                sees shared documents and their own, and ``groups``, whose documents are seen too; ``previous``,
                earlier turns of the conversation; ``fresh`` and ``by``, newer documents first: see
                `rag_embed.Query`.

        Raises:
            BadInput: An argument is wrong.
            TypeError: There is no such option.
        """
        return documents(self._search(query_of(query, k, options)))

    def similarity_search_with_score(
        self, query: str, k: int = 4, **options: Unpack[SearchOptions]
    ) -> list[tuple[LangChainDocument, float]]:
        """`similarity_search` with rag_embed's fused score: higher is better, within one query."""
        found = self._search(query_of(query, k, options))
        return [(document, hit.score) for document, hit in found]

    def _similarity_search_with_relevance_scores(  # type: ignore[override]
        self, query: str, k: int = 4, **options: Unpack[SearchOptions]
    ) -> list[tuple[LangChainDocument, float]]:
        """Relevance is in [0, 1] and comparable between queries."""
        found = self._search(query_of(query, k, options))
        return [(document, hit.relevance) for document, hit in found]

    async def _asimilarity_search_with_relevance_scores(  # type: ignore[override]
        self, query: str, k: int = 4, **options: Unpack[SearchOptions]
    ) -> list[tuple[LangChainDocument, float]]:
        search = self._similarity_search_with_relevance_scores
        return await run_in_executor(None, partial(search, query, k, **options))

    def similarity_search_by_vector(  # type: ignore[override]
        self, embedding: Sequence[float], k: int = 4, **options: Unpack[VectorOptions]
    ) -> list[LangChainDocument]:
        """Find the documents nearest to a vector of the index's model."""
        return documents(self._search(by_vector(embedding, k, options)))

    def similarity_search_with_score_by_vector(
        self, embedding: Sequence[float], k: int = 4, **options: Unpack[VectorOptions]
    ) -> list[tuple[LangChainDocument, float]]:
        """`similarity_search_by_vector` with scores, higher is better."""
        found = self._search(by_vector(embedding, k, options))
        return [(document, hit.score) for document, hit in found]

    def max_marginal_relevance_search(  # type: ignore[override]
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **options: Unpack[SearchOptions],
    ) -> list[LangChainDocument]:
        """Find documents that differ from each other.

        Args:
            query: A question or keywords.
            k: How many at most.
            fetch_k: How many candidates of each leg to choose from.
            lambda_mult: 1 ranks by score alone, 0 by difference alone.
            **options: See `similarity_search`.
        """
        asked = diverse(query_of(query, k, options), lambda_mult)
        return documents(self._search(asked, fetch_k))

    def max_marginal_relevance_search_by_vector(  # type: ignore[override]
        self,
        embedding: Sequence[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **options: Unpack[VectorOptions],
    ) -> list[LangChainDocument]:
        """`max_marginal_relevance_search` for a vector of the index's model."""
        asked = diverse(by_vector(embedding, k, options), lambda_mult)
        return documents(self._search(asked, fetch_k))

    def _search(self, query: Query, pool: int | None = None) -> list[tuple[LangChainDocument, Hit]]:
        """`searching.search` within the boundary of this store."""
        return search(self.index, replace(query, where=narrowed(self._where, query.where)), pool)


def _documents(
    texts: Iterable[str], metadatas: Sequence[dict[str, Any]] | None
) -> list[LangChainDocument]:
    """Texts with their metadata.

    Raises:
        BadInput: There are not as many metadatas as texts.
    """
    texts = list(texts)
    if metadatas and len(metadatas) != len(texts):
        raise BadInput(f"Got {len(metadatas)} metadatas for {len(texts)} texts.")
    return [
        LangChainDocument(page_content=text, metadata=metadata)
        for text, metadata in zip(texts, metadatas or [{} for _ in texts], strict=True)
    ]
