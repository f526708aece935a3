"""`RagEmbedVectorStore`: a LanceDB store of rag_embed as a LlamaIndex vector store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)
from llama_index.retrievers.rag_embed.connection import Connection
from llama_index.retrievers.rag_embed.modes import Diversity
from llama_index.retrievers.rag_embed.stored import StoredNodes

from rag_embed.arguments import naming_keywords
from rag_embed.errors import BadInput
from rag_embed.fields import Fields, FieldTypes
from rag_embed.stores import LanceStore, StorageOptions, place
from rag_embed.types import Document, Principal, group_names


class RagEmbedVectorStore(BasePydanticVectorStore):
    """Nodes with their embeddings, in a folder or an object store: vectors and words, and **no** `Index`.

    LlamaIndex makes the vectors, so nothing that an index knows takes part in a search: no router, no
    experts, no situated chunks, no token evidence, no histories, no relevance. For these fill an index
    with `RagEmbedIndexer` and search it with `RagEmbedRetriever`.

    Adding a node with a known id replaces it, and a document that is handed over again replaces
    itself without a docstore: its nodes go when nodes of another edition of it come, and when the
    same is said under another id; see `editions`. What ``SimpleDirectoryReader`` loads again is
    known by its path. All 14 filter operators work, nested too, on any metadata; see `to_filter`.
    Modes of a query, and what ``similarities`` are:

    - ``default``: cosine;
    - ``mmr``: cosine, in the order of maximal marginal relevance; similarities are scaled by
      their range first. ``mmr_threshold`` (or the query's) is 0.5 if not given;
    - ``text_search`` and ``sparse``: BM25 of ``query_str``;
    - ``hybrid``: both, fused on normalised scores with weights ``alpha`` and ``1 - alpha``.

    ``hybrid_top_k`` is the number of hybrid results, ``sparse_top_k`` that of lexical ones;
    each leg of a hybrid search has at least 100 candidates. Empty ``node_ids`` and ``doc_ids``
    of a query restrict nothing: `VectorIndexRetriever` always passes a list. An index that was
    itself given images or index nodes passes the ids of these alone: the list of all of them
    allows texts too. To find images alone, filter on ``_node_type``.

    Args:
        uri: A folder, or ``s3://``, ``gs://``, ``az://``; ``memory://`` for this object's life.
            The store is made when the first node comes, whose embedding decides the dimension.
        user: Owner of what is added. Shared nodes and this user's are found, and this user's
            alone are deleted; without a user, what nobody owns. From your authentication.
        groups: The user's groups: nodes that name one of them as readers are found too.
        readers: Groups that may read what is added; ``None`` for none: without an owner everybody may. What
            replaces a stored node stays for its groups; delete it first to open it.
            Without a user, what is for them is found here too.
        fields: Metadata that is kept in columns, such as ``{"year": int}``: filters on it are
            faster, and other types are refused.
        storage_options: Credentials and region of an object store; never serialised by
            ``to_dict``, give them again to ``from_dict``.

    Raises:
        BadInput: A field's type is unknown, or its name is taken, the user id is empty, a group is none, or
            what is there is no such store, as an `Index` is none.

    Examples:
        >>> from llama_index.core.schema import TextNode
        >>> store = RagEmbedVectorStore("memory://")
        >>> store.add([TextNode(id_="a", text="A red fox.", embedding=[3.0, 4.0])])
        ['a']
        >>> store.query(VectorStoreQuery(query_embedding=[1.0, 0.0])).similarities
        [0.6000000238418579]
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
    stores_text: bool = True
    is_embedding_query: bool = True
    uri: str
    user: str | None = None
    groups: tuple[str, ...] = ()
    readers: tuple[str, ...] | None = None
    fields: dict[str, str] = Field(default_factory=dict)
    storage_options: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    _nodes: StoredNodes = PrivateAttr()

    @naming_keywords
    def __init__(
        self,
        uri: str | os.PathLike[str],
        *,
        user: str | None = None,
        groups: Sequence[str] = (),
        readers: Sequence[str] | None = None,
        fields: FieldTypes | None = None,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        who = _checked(user, groups, readers)
        super().__init__(  # type: ignore[call-arg]
            uri=place(uri),
            **who,
            fields=dict(Fields.of(fields or {}).types),
            storage_options=None if storage_options is None else dict(storage_options),
        )
        connection = Connection(self.uri, self.fields, self.storage_options)
        connection.check()
        self._nodes = StoredNodes(connection, *self._who)

    @property
    def _who(self) -> tuple[Principal, tuple[str, ...] | None]:
        """Who asks, and who may read what is added."""
        own = () if self.user is not None or self.readers is None else self.readers
        return Principal(self.user, group_names("groups", [*self.groups, *own])), self.readers

    @classmethod
    def class_name(cls) -> str:
        """Name in serialised form."""
        return "RagEmbedVectorStore"

    @classmethod
    def from_dict(
        cls,
        data: dict[str, Any],
        **kwargs: Any,  # noqa: ANN401
    ) -> RagEmbedVectorStore:
        """Connect to what ``to_dict`` described; ``storage_options`` must be given again."""
        given = {**data, **kwargs}
        for constant in ("class_name", "stores_text", "is_embedding_query"):
            given.pop(constant, None)
        return cls(**given)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.uri.startswith("memory://"):
            raise BadInput(
                "A RagEmbedVectorStore in memory cannot go to another process, since its nodes "
                "would stay behind. Name a folder."
            )
        options = self.storage_options and StorageOptions(self.storage_options)
        who = self.user, self.groups, self.readers
        return _connected, (type(self), self.uri, *who, self.fields, options)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> RagEmbedVectorStore:
        return self.with_(user=self.user, groups=self.groups, readers=self.readers)

    def with_(
        self,
        *,
        user: str | None,
        groups: Sequence[str] = (),
        readers: Sequence[str] | None = None,
    ) -> RagEmbedVectorStore:
        """The same store for another user, or for none; it shares the connection and costs nothing.

        Args:
            user: Whose nodes are added, and found beside the shared ones.
            groups: The user's groups, whose nodes are found too.
            readers: Groups that may read what is added.

        Raises:
            BadInput: The user id is empty, or a group is none.
        """
        other = self.model_copy(update=_checked(user, groups, readers))
        whom, named = other._who
        other._nodes = replace(self._nodes, whom=whom, readers=named)
        return other

    def persist(self, persist_path: str, fs: Any = None) -> None:  # noqa: ANN401
        """Nothing is left to do: nodes are stored when they are added.

        Raises:
            BadInput: The store is in memory alone.
        """
        if self.uri.startswith("memory://"):
            raise BadInput(
                "A RagEmbedVectorStore in memory cannot be persisted. Name a folder when you make "
                "it; its nodes are then stored as they are added."
            )

    @property
    def client(self) -> LanceStore | None:
        """The store; ``None`` until there is one."""
        return self._nodes.connection.store

    def add(self, nodes: Sequence[BaseNode]) -> list[str]:  # type: ignore[override]  # no options
        """Store nodes with their embeddings; of nodes with one id the last counts.

        Returns:
            The id of each node.

        Raises:
            BadInput: A node has no embedding, or one that does not fit, or metadata that cannot be
                stored, or another owner's id. Nothing has been written then.
        """
        self._nodes.add(nodes)
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str) -> None:  # type: ignore[override]  # no options
        """Delete all nodes of a source document; one without source is its own."""
        self._nodes.delete_sources([ref_doc_id])

    def delete_nodes(  # type: ignore[override]  # no options
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> None:
        """Delete the nodes with these ids that match the filters.

        Raises:
            BadInput: There is neither id nor filter; `clear` deletes everything.
        """
        self._nodes.delete(node_ids, filters)

    def clear(self) -> None:
        """Delete all nodes; the dimension stays."""
        self._nodes.delete_where(None)

    def forget(self, user: str) -> int:
        """Erase all nodes of a user from every file; returns how many there were.

        `delete_nodes` and `clear` leave old versions behind for a while, this leaves no byte.
        """
        return self._nodes.forget(user)

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """The nodes with these ids, in their order, that match; sorted by id without ``node_ids``."""
        return self._nodes.get(node_ids, filters)

    def query(  # type: ignore[override]  # no other options
        self,
        query: VectorStoreQuery,
        *,
        mmr_threshold: float | None = None,
        mmr_prefetch_factor: float | None = None,
        mmr_prefetch_k: int | None = None,
    ) -> VectorStoreQueryResult:
        """Search.

        Args:
            query: What for; see the class for its modes.
            mmr_threshold: 1 looks at similarity alone, 0 at difference alone.
            mmr_prefetch_factor: Candidates of MMR, as a multiple of the results.
            mmr_prefetch_k: Candidates of MMR, 100 by default.

        Raises:
            BadInput: The mode is not supported, or something it needs is missing or does not fit.
        """
        mmr = Diversity(mmr_threshold, mmr_prefetch_factor, mmr_prefetch_k)
        return self._nodes.query(query, mmr)

    async def async_add(self, nodes: Sequence[BaseNode]) -> list[str]:  # type: ignore[override]
        """`add` in a worker thread."""
        return await asyncio.to_thread(self.add, nodes)

    async def adelete(self, ref_doc_id: str) -> None:  # type: ignore[override]
        """`delete` in a worker thread."""
        await asyncio.to_thread(self.delete, ref_doc_id)

    async def adelete_nodes(  # type: ignore[override]
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> None:
        """`delete_nodes` in a worker thread."""
        await asyncio.to_thread(self.delete_nodes, node_ids, filters)

    async def aclear(self) -> None:
        """`clear` in a worker thread."""
        await asyncio.to_thread(self.clear)

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """`get_nodes` in a worker thread."""
        return await asyncio.to_thread(self.get_nodes, node_ids, filters)

    async def aquery(  # type: ignore[override]
        self,
        query: VectorStoreQuery,
        *,
        mmr_threshold: float | None = None,
        mmr_prefetch_factor: float | None = None,
        mmr_prefetch_k: int | None = None,
    ) -> VectorStoreQueryResult:
        """`query` in a worker thread."""
        return await asyncio.to_thread(
            self.query,
            query,
            mmr_threshold=mmr_threshold,
            mmr_prefetch_factor=mmr_prefetch_factor,
            mmr_prefetch_k=mmr_prefetch_k,
        )


def _connected(
    cls: type[RagEmbedVectorStore],
    uri: str,
    user: str | None,
    groups: tuple[str, ...],
    readers: tuple[str, ...] | None,
    fields: dict[str, str],
    storage_options: dict[str, str] | None,
) -> RagEmbedVectorStore:
    return cls(
        uri,
        user=user,
        groups=groups,
        readers=readers,
        fields=fields,
        storage_options=storage_options,
    )


def _checked(
    user: str | None, groups: Sequence[str], readers: Sequence[str] | None
) -> dict[str, Any]:
    """Who asks, and who may read what is added."""
    if user is not None and (not isinstance(user, str) or not user):
        raise BadInput(f"user is a non-empty str, or None for shared nodes, got {user!r}.")
    named = Document("?", "", user=user, readers=readers).readers
    return {"user": user, "groups": group_names("groups", groups), "readers": named}
