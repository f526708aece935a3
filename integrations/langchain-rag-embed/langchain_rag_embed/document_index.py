"""`RagEmbedDocumentIndex`: LangChain's (beta) document index over a `RagEmbedVectorStore`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document as LangChainDocument
from langchain_core.indexing import UpsertResponse
from langchain_core.indexing.base import DeleteResponse, DocumentIndex
from langchain_core.retrievers import LangSmithRetrieverParams
from langchain_core.runnables.config import run_in_executor
from pydantic import ConfigDict, Field

from langchain_rag_embed.filters import FilterLike
from langchain_rag_embed.tracing import tracing_params
from langchain_rag_embed.vectorstores import RagEmbedVectorStore


class RagEmbedDocumentIndex(DocumentIndex):
    """Documents that are stored, fetched, deleted and found in one place.

    Attributes:
        store: Where the documents are.
        k: How many documents ``invoke`` finds at most; also an option of the call.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> index = RagEmbedDocumentIndex(store=RagEmbedVectorStore(embedding=HashEncoder()))
        >>> index.upsert([LangChainDocument("The fox is red.", id="a")])
        {'succeeded': ['a'], 'failed': []}
        >>> index.invoke("foxes")[0].id
        'a'
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    store: RagEmbedVectorStore
    k: int = Field(default=4, ge=0, strict=True)

    def upsert(  # type: ignore[override]  # the base swallows unknown options
        self,
        items: Sequence[LangChainDocument],
        /,
        *,
        user: str | None = None,
        batch_size: int | None = None,
    ) -> UpsertResponse:
        """Add documents, or replace those with the same ids; see `RagEmbedVectorStore`.

        Raises:
            BadInput: A document cannot be stored, or its id belongs to another owner.
        """
        ids = self.store.add_documents(items, user=user, batch_size=batch_size)
        return {"succeeded": ids, "failed": []}

    def delete(self, ids: list[str] | None = None) -> DeleteResponse:  # type: ignore[override]
        """Delete documents; unknown ids are no failure.

        Raises:
            BadInput: No ids are given.
        """
        there = self.store.index.store.known(ids or [])
        self.store.delete(ids)
        gone = [id for id in dict.fromkeys(ids or []) if id in there]
        return {"num_deleted": len(gone), "succeeded": gone, "num_failed": 0, "failed": []}

    def get(  # type: ignore[override]
        self, ids: Sequence[str], /, *, user: str | None = None
    ) -> list[LangChainDocument]:
        """Those of the documents that exist and that the user sees, in the order of ``ids``."""
        return self.store.get_by_ids(ids, user=user)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        filter: FilterLike = None,
        user: str | None = None,
    ) -> list[LangChainDocument]:
        """See `RagEmbedVectorStore.similarity_search`."""
        k = self.k if k is None else k
        return self.store.similarity_search(query, k, filter=filter, user=user)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        filter: FilterLike = None,
        user: str | None = None,
    ) -> list[LangChainDocument]:
        """See `BaseRetriever`: the synchronous search in a worker thread."""
        return await run_in_executor(
            None,
            self._get_relevant_documents,
            query,
            run_manager=run_manager.get_sync(),
            k=k,
            filter=filter,
            user=user,
        )

    def _get_ls_params(self, **kwargs: Any) -> LangSmithRetrieverParams:  # noqa: ANN401
        return tracing_params(self.store.index)
