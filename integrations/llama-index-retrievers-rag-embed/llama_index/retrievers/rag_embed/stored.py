"""What a vector store does with its nodes: add, delete, get, search, for one user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from llama_index.core.schema import BaseNode, ImageNode, IndexNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryResult
from llama_index.retrievers.rag_embed.connection import Connection
from llama_index.retrievers.rag_embed.editions import outdated
from llama_index.retrievers.rag_embed.filters import Where, to_filter
from llama_index.retrievers.rag_embed.modes import Diversity, search_of
from llama_index.retrievers.rag_embed.restriction import (
    among,
    every,
    named,
    of_sources,
    owned,
)
from llama_index.retrievers.rag_embed.rows import document_of, node_of, unit_rows, whole

from rag_embed.errors import BadInput
from rag_embed.events import check_user
from rag_embed.filters import Filter
from rag_embed.indexing import content_hash, still_closed
from rag_embed.ranking import readable
from rag_embed.types import ChunkRows, Principal

_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class StoredNodes:
    """The nodes at one place, as one user sees them.

    Attributes:
        connection: To the place.
        whom: Owner of what is added, and who asks. What they may read is found, and the user's own alone
            is deleted; without a user, what nobody owns.
        readers: Groups that may read what is added.
    """

    connection: Connection
    whom: Principal
    readers: tuple[str, ...] | None
    _apart: set[str] = field(default_factory=set, init=False)

    def add(self, nodes: Sequence[BaseNode]) -> None:
        """See `RagEmbedVectorStore.add`."""
        distinct = list({node.node_id: node for node in nodes}.values())
        if not distinct:
            return
        documents = [document_of(node, self.whom.user, self.readers) for node in distinct]
        known = self.connection.store
        self._check_ids([one.id for one in documents])
        rows = unit_rows(distinct, None if known is None else known.spaces["dense"])
        store = self.connection.for_writing(rows.shape[1])
        if store.spaces["dense"] != rows.shape[1]:  # another thread was first
            rows = unit_rows(distinct, store.spaces["dense"])
        documents = still_closed(store, documents)
        store.replace(
            [(document, content_hash(document)) for document in documents],
            ChunkRows([whole(document) for document in documents], {"dense": rows}),
        )
        self._apart.update(
            one.node_id for one in distinct if isinstance(one, ImageNode | IndexNode)
        )
        self._delete(outdated(documents))
        store.tidy()

    def _check_ids(self, ids: Sequence[str]) -> None:
        """Refuse ids of stored nodes that may not be read here; another owner's the store refuses itself."""
        if (store := self.connection.store) is None:
            return
        for id, audience in store.audiences(ids).items():
            if audience.user == self.whom.user and not self.whom.sees(audience):
                raise BadInput(f"The node {id!r} is for others in this store. Use another id.")

    def delete(self, node_ids: Sequence[str] | None, where: Where) -> None:
        """See `RagEmbedVectorStore.delete_nodes`."""
        asked = every(named(node_ids), self._filter(where))
        if asked is None:
            raise BadInput("delete_nodes() needs node_ids or filters; clear() deletes all nodes.")
        self.delete_where(asked)

    def delete_where(self, where: Filter | None) -> None:
        """Delete the user's nodes that match; all of them without a filter."""
        if self._delete(where) and (store := self.connection.store):
            store.tidy()

    def delete_sources(self, doc_ids: Sequence[str]) -> None:
        """Delete the user's nodes of these documents."""
        self.delete_where(of_sources(doc_ids))

    def forget(self, user: str) -> int:
        """See `RagEmbedVectorStore.forget`."""
        store = self.connection.store
        return 0 if store is None else store.forget(check_user(user))

    def get(self, node_ids: Sequence[str] | None, where: Where) -> list[BaseNode]:
        """See `RagEmbedVectorStore.get_nodes`."""
        store, asked = self.connection.store, self._filter(where)
        if store is None:
            return []
        view = store.view()
        found = view.matching(every(asked, named(node_ids), readable(self.whom)))
        if node_ids is not None:
            matching = set(found)
            found = [id for id in dict.fromkeys(node_ids) if id in matching]
        return [node_of(one.id, one.text, one.metadata) for one in view.documents(found)]

    def query(self, query: VectorStoreQuery, mmr: Diversity) -> VectorStoreQueryResult:
        """See `RagEmbedVectorStore.query`."""
        store, where = self.connection.store, self._filter(query.filters)
        if store is not None:
            ids = among(query.node_ids, store.view(), self.whom, self._apart)
            where = every(where, ids, of_sources(query.doc_ids))
        search = search_of(query, where, self.whom, mmr)
        found = [] if store is None else search.run(store)
        chunks = [hit.chunk for hit, _ in found]
        return VectorStoreQueryResult(
            nodes=[node_of(one.doc_id, one.text, one.metadata) for one in chunks],
            similarities=[similarity for _, similarity in found],
            ids=[one.doc_id for one in chunks],
        )

    def _filter(self, where: Where) -> Filter | None:
        return to_filter(where, self.connection.known_fields)

    def _delete(self, where: Filter | None) -> int:
        store = self.connection.store
        if store is None:
            return 0
        ids = store.view().matching(every(where, owned(self.whom)))
        for start in range(0, len(ids), _BATCH):
            store.delete(ids[start : start + _BATCH])
        return len(ids)
