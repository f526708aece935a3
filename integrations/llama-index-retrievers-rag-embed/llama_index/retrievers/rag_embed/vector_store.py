"""`RagEmbedVectorStore`: a LanceDB store of rag_embed as a LlamaIndex vector store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)
from llama_index.retrievers.rag_embed.connection import SOURCE, created, existing
from llama_index.retrievers.rag_embed.filters import to_filter
from llama_index.retrievers.rag_embed.modes import Diversity, search_of
from llama_index.retrievers.rag_embed.rows import document_of, node_of, unit_rows, whole

from rag_embed.errors import BadInput
from rag_embed.fields import Fields, FieldTypes
from rag_embed.filters import And, Filter, field
from rag_embed.indexing.ingest import content_hash
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.places import place

_BATCH = 10_000


class RagEmbedVectorStore(BasePydanticVectorStore):
    """Nodes with their embeddings, in a folder or an object store.

    Adding a node with a known id replaces it. All 14 filter operators work, nested too, on any
    metadata; see `to_filter`. Modes of a query, and what ``similarities`` are:

    - ``default``: cosine;
    - ``mmr``: cosine, in the order of maximal marginal relevance; similarities are scaled by
      their range first. ``mmr_threshold`` (or the query's) is 0.5 if not given;
    - ``text_search`` and ``sparse``: BM25 of ``query_str``;
    - ``hybrid``: both, fused on normalised scores with weights ``alpha`` and ``1 - alpha``.

    ``hybrid_top_k`` is the number of hybrid results, ``sparse_top_k`` that of lexical ones;
    each leg of a hybrid search has at least 100 candidates. Empty ``node_ids`` and ``doc_ids``
    of a query restrict nothing: `VectorIndexRetriever` always passes a list. An index that was
    itself given image or index nodes passes the ids of those alone, and so finds no others; make
    it with ``VectorStoreIndex.from_vector_store``.

    Args:
        uri: A folder, or ``s3://``, ``gs://``, ``az://``; ``memory://`` for this object's life.
            The store is made when the first node comes, whose embedding decides the dimension.
        fields: Metadata that is kept in columns, such as ``{"year": int}``: filters on it are
            faster, and other types are refused.
        storage_options: Credentials and region of an object store; never serialised by
            ``to_dict``, give them again to ``from_dict``.

    Raises:
        BadInput: A field's type is unknown, or its name is taken.

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
    fields: dict[str, str] = Field(default_factory=dict)
    storage_options: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    _store: LanceStore | None = PrivateAttr(default=None)
    _lock: Any = PrivateAttr(default_factory=Lock)

    def __init__(
        self,
        uri: str | os.PathLike[str],
        *,
        fields: FieldTypes | None = None,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(  # type: ignore[call-arg]
            uri=place(uri),
            fields=dict(Fields.of(fields or {}).types),
            storage_options=None if storage_options is None else dict(storage_options),
        )

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
        return _connected, (type(self), self.uri, dict(self.fields), self.storage_options)

    @property
    def client(self) -> LanceStore | None:
        """The store; ``None`` until there is one."""
        with self._lock:
            if self._store is None:
                self._store = existing(self.uri, self.fields, self.storage_options)
            return self._store

    def add(self, nodes: Sequence[BaseNode]) -> list[str]:  # type: ignore[override]  # no options
        """Store nodes with their embeddings; of nodes with one id the last counts.

        Returns:
            The id of each node.

        Raises:
            BadInput: A node has no embedding, or one that does not fit, or metadata that cannot be
                stored. Nothing has been written then.
        """
        distinct = list({node.node_id: node for node in nodes}.values())
        if not distinct:
            return []
        documents = [document_of(node) for node in distinct]
        known = self.client
        rows = unit_rows(distinct, None if known is None else known.spaces["dense"])
        store = self._for_writing(rows.shape[1])
        if store.spaces["dense"] != rows.shape[1]:  # another thread was first
            rows = unit_rows(distinct, store.spaces["dense"])
        store.replace(
            [(document, content_hash(document)) for document in documents],
            [whole(document) for document in documents],
            {"dense": rows},
        )
        store.optimize()
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str) -> None:  # type: ignore[override]  # no options
        """Delete all nodes of a source document; one without source is its own."""
        self._delete_where(field(SOURCE) == ref_doc_id)

    def delete_nodes(  # type: ignore[override]  # no options
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> None:
        """Delete the nodes with these ids that match the filters.

        Raises:
            BadInput: There is neither id nor filter; `clear` deletes everything.
        """
        where = self._where(filters, node_ids)
        if where is None:
            raise BadInput("delete_nodes() needs node_ids or filters; clear() deletes all nodes.")
        self._delete_where(where)

    def clear(self) -> None:
        """Delete all nodes; the dimension stays."""
        self._delete_where(None)

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """The nodes with these ids, in their order, that match; sorted by id without ``node_ids``."""
        store, where = self.client, self._where(filters, node_ids)
        if store is None:
            return []
        view = store.view()
        found = view.matching(where)
        if node_ids is not None:
            among = set(found)
            found = [id for id in dict.fromkeys(node_ids) if id in among]
        return [node_of(document) for document in view.documents(found)]

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
        where = self._where(query.filters, query.node_ids or None, query.doc_ids or None)
        mmr = Diversity(mmr_threshold, mmr_prefetch_factor, mmr_prefetch_k)
        search = search_of(query, where, mmr)
        store = self.client
        found = [] if store is None else search.run(store)
        nodes = [node_of(hit.chunk) for hit, _ in found]
        return VectorStoreQueryResult(
            nodes=nodes,
            similarities=[similarity for _, similarity in found],
            ids=[node.node_id for node in nodes],
        )

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

    def _for_writing(self, dim: int) -> LanceStore:
        with self._lock:
            if self._store is None:
                self._store = created(self.uri, dim, self.fields, self.storage_options)
            return self._store

    def _delete_where(self, where: Filter | None) -> None:
        store = self.client
        if store is None:
            return
        ids = store.view().matching(where)
        for start in range(0, len(ids), _BATCH):
            store.delete(ids[start : start + _BATCH])
        if ids:
            store.optimize()

    def _where(
        self,
        filters: MetadataFilters | None,
        node_ids: list[str] | None,
        doc_ids: list[str] | None = None,
    ) -> Filter | None:
        store = self.client
        declared = Fields(self.fields) if store is None else store.fields
        parts = [
            to_filter(filters, declared),
            None if node_ids is None else field("doc_id").is_in(node_ids),
            None if doc_ids is None else field(SOURCE).is_in(doc_ids),
        ]
        some = tuple(part for part in parts if part is not None)
        return And(some) if some else None


def _connected(
    cls: type[RagEmbedVectorStore],
    uri: str,
    fields: dict[str, str],
    storage_options: dict[str, str] | None,
) -> RagEmbedVectorStore:
    return cls(uri, fields=fields, storage_options=storage_options)
