"""`RagEmbedIndexer`: an index of rag_embed as the last step of an ingestion pipeline."""

from __future__ import annotations

import asyncio
import os
import uuid
import warnings
from collections.abc import Sequence
from typing import Any

from llama_index.core.bridge.pydantic import ConfigDict, PrivateAttr
from llama_index.core.schema import BaseNode, TransformComponent
from llama_index.retrievers.rag_embed.documents import to_documents

from rag_embed.arguments import naming_keywords
from rag_embed.errors import BadInput
from rag_embed.index import Index
from rag_embed.indexing import still_closed
from rag_embed.types import Document, Skipped


class RagEmbedIndexer(TransformComponent):
    """Adds documents to an `Index` that come through a pipeline, and passes them on.

    The index cuts, situates and encodes them as it was made to, with its experts, so no node parser
    and no embedding model has to come before. Search it with `RagEmbedRetriever`. A pipeline's cache
    never stands in for it. What cannot be added is told by a warning.

    Args:
        index: An index, or where one is stored.
        user: Owner of what is added; ``None`` where nobody owns it.
        readers: Groups that may read what is added; ``None`` for none: without an owner everybody may. What
            replaces a stored document stays for its groups; delete it first to open it.

    Raises:
        BadInput: ``index`` is none, the user id is empty, or a group is none.

    Examples:
        >>> from llama_index.core import Document
        >>> from llama_index.core.ingestion import IngestionPipeline
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> pipeline = IngestionPipeline(transformations=[RagEmbedIndexer(index, user="ann")])
        >>> [one.id_ for one in pipeline.run(documents=[Document(id_="a", text="A red fox.")])]
        ['a']
        >>> index.search("fox", user="ann")[0].text
        'A red fox.'
    """

    model_config = ConfigDict(extra="forbid")
    user: str | None = None
    readers: tuple[str, ...] | None = None
    _index: Index = PrivateAttr()

    @naming_keywords
    def __init__(
        self,
        index: Index | str | os.PathLike[str],
        *,
        user: str | None = None,
        readers: Sequence[str] | None = None,
    ) -> None:
        if user == "":
            raise BadInput("user is a non-empty str, or None to share documents with everybody.")
        if not isinstance(index, Index | str | os.PathLike):
            raise BadInput(f"Expected an Index or the path of one, got {type(index).__name__}.")
        named = Document("?", "", user=user, readers=readers).readers
        super().__init__(user=user, readers=named)  # type: ignore[call-arg]
        self._index = index if isinstance(index, Index) else Index.open(index)

    @property
    def index(self) -> Index:
        """What is added to."""
        return self._index

    @classmethod
    def class_name(cls) -> str:
        """Name in serialised form."""
        return "RagEmbedIndexer"

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401
        """The settings, and something new each time: pipelines look up by it what they cached."""
        return {**super().to_dict(**kwargs), "call": uuid.uuid4().hex}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self._index, self.user, self.readers)

    def __call__(
        self,
        nodes: Sequence[BaseNode],
        **others: Any,  # noqa: ANN401  # options of the pipeline around it
    ) -> Sequence[BaseNode]:
        """Add documents or nodes; see `to_documents`.

        Returns:
            The same nodes.

        Raises:
            BadInput: The metadata of a document cannot be stored.
            StoreError: The index cannot be written.
        """
        given = [*to_documents(nodes, user=self.user, readers=self.readers)]
        documents = [one for one in given if isinstance(one, Document)]
        skipped = [one for one in given if isinstance(one, Skipped)]
        report = self._index.add([*still_closed(self._index.store, documents), *skipped])
        for one in report.skipped:
            warnings.warn(f"{one.source} was not added: {one.reason}", stacklevel=2)
        return nodes

    def delete(self, ids: Sequence[str]) -> int:
        """Delete documents by the ids under which they are stored; unknown ids are no error.

        Args:
            ids: Ids of documents. Only those of this user are deleted; without a user, those for its readers
                and those for everybody.

        Returns:
            How many were deleted.

        Raises:
            BadInput: ``ids`` is one str.
            StoreError: The index cannot be written.
        """
        return self._index.delete(ids, user=self.user, groups=self.readers or ())

    async def acall(
        self,
        nodes: Sequence[BaseNode],
        **others: Any,  # noqa: ANN401
    ) -> Sequence[BaseNode]:
        """`__call__` in a worker thread."""
        return await asyncio.to_thread(self, nodes)


def _rebuilt(
    cls: type[RagEmbedIndexer], index: Index, user: str | None, readers: tuple[str, ...] | None
) -> RagEmbedIndexer:
    return cls(index, user=user, readers=readers)
