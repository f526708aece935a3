"""`RagEmbedDocumentIndex`: LangChain's (beta) document index over a `RagEmbedVectorStore`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document as LangChainDocument
from langchain_core.indexing import UpsertResponse
from langchain_core.indexing.base import DeleteResponse, DocumentIndex
from langchain_core.retrievers import LangSmithRetrieverParams
from langchain_core.runnables.config import run_in_executor
from pydantic import ConfigDict, Field, model_validator
from typing_extensions import Unpack

from langchain_rag_embed.adding import refused
from langchain_rag_embed.documents import with_ids
from langchain_rag_embed.searching import SearchOptions
from langchain_rag_embed.tracing import tracing_params
from langchain_rag_embed.vectorstores import RagEmbedVectorStore
from rag_embed.arguments import check_keywords, check_named
from rag_embed.types import ANYONE, Anyone


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

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:  # noqa: ANN401  # whatever pydantic is given
        check_keywords(cls.__name__, given, cls.model_fields)
        return given

    if not TYPE_CHECKING:  # a type checker reads the fields

        def __init__(self, *given: object, **options: Any) -> None:  # noqa: ANN401
            check_named("RagEmbedDocumentIndex", given, "store=RagEmbedVectorStore(...)")
            super().__init__(**options)

    def upsert(  # type: ignore[override]  # the base swallows unknown options
        self,
        items: Sequence[LangChainDocument],
        /,
        *,
        user: str | None = None,
        readers: Sequence[str] | None = None,
        batch_size: int | None = None,
    ) -> UpsertResponse:
        """Add documents, or replace those with the same ids; see `RagEmbedVectorStore`.

        What cannot be stored, such as an id that belongs to another owner, is in ``failed``.

        Raises:
            BadInput: The metadata of a document cannot be stored.
        """
        title_key = self.store.title_key
        named = with_ids(list(items), None, title_key=title_key, user=user, readers=readers)
        failed = refused(self.store.index, named, batch_size)
        ids = [document.id for document in named]
        return {"succeeded": [id for id in ids if id not in failed], "failed": list(failed)}

    def delete(  # type: ignore[override]  # the base swallows unknown options
        self,
        ids: list[str] | None = None,
        *,
        user: str | Anyone | None = ANYONE,
        groups: Sequence[str] = (),
    ) -> DeleteResponse:
        """Delete documents; unknown ids, and those of other owners, are no failure.

        Args:
            ids: Ids of documents.
            user: See `RagEmbedVectorStore.delete`.
            groups: See `RagEmbedVectorStore.delete`.

        Raises:
            BadInput: No ids are given.
        """
        known = self.store.index.store.known
        there = known(ids or [])
        self.store.delete(ids, user=user, groups=groups)
        left = known(list(there))
        gone = [id for id in dict.fromkeys(ids or []) if id in there and id not in left]
        return {"num_deleted": len(gone), "succeeded": gone, "num_failed": 0, "failed": []}

    def get(  # type: ignore[override]
        self, ids: Sequence[str], /, *, user: str | None = None, groups: Sequence[str] = ()
    ) -> list[LangChainDocument]:
        """Those of the documents that exist and that the user sees; see `RagEmbedVectorStore.get_by_ids`."""
        return self.store.get_by_ids(ids, user=user, groups=groups)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[LangChainDocument]:
        """See `RagEmbedVectorStore.similarity_search`."""
        return self.store.similarity_search(query, self.k if k is None else k, **options)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[LangChainDocument]:
        """See `BaseRetriever`: the synchronous search in a worker thread."""
        asked = partial(self._get_relevant_documents, run_manager=run_manager.get_sync(), k=k)
        return await run_in_executor(None, partial(asked, query, **options))

    def _get_ls_params(self, **kwargs: Any) -> LangSmithRetrieverParams:  # noqa: ANN401
        return tracing_params(self.store.index)
