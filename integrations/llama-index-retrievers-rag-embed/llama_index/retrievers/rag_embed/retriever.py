"""`RagEmbedRetriever`: a rag_embed index as a LlamaIndex retriever."""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypedDict

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events.retrieval import (
    RetrievalEndEvent,
    RetrievalStartEvent,
)
from llama_index.core.schema import IndexNode, NodeWithScore, QueryBundle, QueryType
from llama_index.retrievers.rag_embed.filters import Where, to_filter
from llama_index.retrievers.rag_embed.nodes import to_node
from llama_index.retrievers.rag_embed.restriction import every
from typing_extensions import Unpack

from rag_embed.arguments import check_keywords, naming_keywords
from rag_embed.errors import BadInput, class_of
from rag_embed.events import UserEvent
from rag_embed.index import Index
from rag_embed.indexing import Explanation
from rag_embed.protocols import Retriever
from rag_embed.types import Grouping, Hit, Query

_dispatcher = get_dispatcher(__name__)


class RetrieverOptions(TypedDict, total=False):
    """What one request may change; the meaning is that of `rag_embed.Query`."""

    k: int
    user: str | None
    groups: Sequence[str]
    where: Where
    previous: Sequence[str]
    min_relevance: float
    diversity: float
    group_by: Grouping
    fresh: float | timedelta | None
    by: str
    passage_tokens: int | None


class RagEmbedRetriever(BaseRetriever):
    """Hybrid, explained retrieval from a rag_embed index.

    ``QueryBundle.custom_embedding_strs`` are honoured: the dense leg looks for the mean of their
    vectors, the lexical leg and experts for ``query_str``. ``QueryBundle.embedding`` is not read:
    `VectorIndexRetriever` leaves its own model's vector in bundles that routers and fusion
    retrievers pass on. A bundle is never changed.

    Args:
        index: An index, where one is stored, or anything with rag_embed's ``retrieve``.
        k: Hits at most.
        user: Whose documents count beside the shared ones; from your authentication.
        groups: The user's groups, whose documents count too; from your authentication.
        where: Filter, LlamaIndex's or rag_embed's.
        previous: Earlier turns of the conversation, oldest first; usually through `with_`.
        min_relevance: Drop hits below, in [0, 1].
        diversity: 0 ranks by score alone; up to 1 trades score for difference.
        group_by: ``"chunk"``, ``"document"`` or ``"text"``; see `rag_embed.Query`.
        fresh: Days after which a date counts half: newer documents before older ones. None for what was
            tuned for the index.
        by: The declared field of dates that ``fresh`` reads; empty for the only one.
        passage_tokens: Join neighbouring chunks that were found into passages of at most so many
            tokens, best first, as `rag_embed.indexing.Contents.passages` does; each has the scores of
            its best chunk. ``None`` leaves chunks as they are.
        callback_manager: See `BaseRetriever`.
        object_map: See `BaseRetriever`.
        objects: See `BaseRetriever`.
        verbose: See `BaseRetriever`.

    Raises:
        BadInput: An option is out of range, or ``index`` cannot retrieve.

    Examples:
        >>> from rag_embed import Document
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "The fox is red."), Document("b", "The sea is blue.")]).added
        2
        >>> retriever = RagEmbedRetriever(index, k=1)
        >>> retriever.retrieve("red foxes")[0].text
        'The fox is red.'
        >>> len(retriever.with_(k=2).retrieve("red foxes"))
        2
    """

    @naming_keywords
    def __init__(
        self,
        index: Index | Retriever | str | os.PathLike[str],
        *,
        k: int = 10,
        user: str | None = None,
        groups: Sequence[str] = (),
        where: Where = None,
        previous: Sequence[str] = (),
        min_relevance: float = 0.0,
        diversity: float = 0.0,
        group_by: Grouping = "chunk",
        fresh: float | timedelta | None = None,
        by: str = "",
        passage_tokens: int | None = None,
        callback_manager: CallbackManager | None = None,
        object_map: dict[str, Any] | None = None,
        objects: list[IndexNode] | None = None,
        verbose: bool = False,
    ) -> None:
        self._index = _opened(index)
        self._options = Query(
            "",
            k=k,
            user=user,
            groups=groups,
            where=self._filter(where),
            previous=previous,
            min_relevance=min_relevance,
            diversity=diversity,
            group_by=group_by,
            fresh=fresh,
            by=by,
        )
        self._passage_tokens = _budget(passage_tokens)
        super().__init__(callback_manager, object_map, objects, verbose)

    @property
    def index(self) -> Index | Retriever:
        """What is searched."""
        return self._index

    def with_(self, **options: Unpack[RetrieverOptions]) -> RagEmbedRetriever:
        """A copy with other options that shares the index: one per request costs nothing.

        Args:
            **options: ``k``, ``user``, ``groups``, ``where``, ``previous``, ``min_relevance``,
                ``diversity``, ``group_by``, ``fresh``, ``by``, ``passage_tokens``; those left out stay as
                they are. A filter narrows the one that is set and never takes its place.

        Raises:
            BadInput: An option is out of range.
            TypeError: There is no such option.
        """
        changed: dict[str, Any] = dict(options)
        if "where" in options:
            changed["where"] = every(self._options.where, self._filter(options["where"]))
        check_keywords("with_()", changed, RetrieverOptions.__annotations__)
        other = copy.copy(self)
        if "passage_tokens" in changed:
            other._passage_tokens = _budget(changed.pop("passage_tokens"))
        other._options = replace(self._options, **changed)
        return other

    def retrieve_many(self, queries: Sequence[QueryType]) -> list[list[NodeWithScore]]:
        """`retrieve` for many queries, encoded and searched as one batch.

        Args:
            queries: Texts or bundles.

        Returns:
            The nodes of each query, in order; each query has its own retrieval events.

        Raises:
            BadInput: ``queries`` is a single query.
        """
        if isinstance(queries, str | QueryBundle):
            raise BadInput("retrieve_many() takes a list of queries; retrieve() takes one.")
        return self._many(queries)

    async def aretrieve_many(self, queries: Sequence[QueryType]) -> list[list[NodeWithScore]]:
        """`retrieve_many` in a worker thread."""
        return await asyncio.to_thread(self.retrieve_many, queries)

    def explain(self, query: QueryType) -> list[Explanation]:
        """Find, and say of each hit all that can be said of why; see `rag_embed.Index.explain`.

        Args:
            query: A text or a bundle.

        Raises:
            BadInput: This retriever asks something else than an `Index`.
        """
        bundle = QueryBundle(query) if isinstance(query, str) else query
        return self._whole_index("explain()").explain(self._query(bundle))

    async def aexplain(self, query: QueryType) -> list[Explanation]:
        """`explain` in a worker thread."""
        return await asyncio.to_thread(self.explain, query)

    def remember(self, user: str, events: Iterable[UserEvent | str] | UserEvent) -> int:
        """Remember what a user did; see `rag_embed.indexing.Users.remember`.

        Args:
            user: Whose events they are; from your authentication.
            events: Events or texts; or one event.

        Returns:
            How many there were.

        Raises:
            BadInput: An event is another user's, or this retriever asks something else than an `Index`.
        """
        return self._whole_index("remember()").users.remember(user, events)

    def forget(self, user: str, events: Sequence[str] | None = None) -> int:
        """Erase a user's documents, events and weights, or some events; see `rag_embed.Index.forget`.

        Args:
            user: Who is forgotten.
            events: Ids of events; only these are, and no document.

        Returns:
            How many documents, events and tuned weights there were.

        Raises:
            BadInput: The user id is none, or this retriever asks something else than an `Index`.
            StoreError: It could not be finished.
        """
        return self._whole_index("forget()").forget(user, events)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._found([query_bundle])[0]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)

    @_dispatcher.span
    def _many(self, queries: Sequence[QueryType]) -> list[list[NodeWithScore]]:
        bundles = [QueryBundle(query) if isinstance(query, str) else query for query in queries]
        with self.callback_manager.as_trace("query"):
            started = []
            for query, bundle in zip(queries, bundles, strict=True):
                _dispatcher.event(RetrievalStartEvent(str_or_query_bundle=query))
                text: dict[str, Any] = {EventPayload.QUERY_STR: bundle.query_str}
                started.append(self.callback_manager.on_event_start(CBEventType.RETRIEVE, text))
            found = [
                self._handle_recursive_retrieval(bundle, nodes)
                for bundle, nodes in zip(bundles, self._found(bundles), strict=True)
            ]
            for query, event, nodes in zip(queries, started, found, strict=True):
                self.callback_manager.on_event_end(
                    CBEventType.RETRIEVE, {EventPayload.NODES: nodes}, event
                )
                _dispatcher.event(RetrievalEndEvent(str_or_query_bundle=query, nodes=nodes))
        return found

    def _found(self, bundles: Sequence[QueryBundle]) -> list[list[NodeWithScore]]:
        queries = [self._query(bundle) for bundle in bundles]
        index = self._index
        retriever = index.retriever if isinstance(index, Index) else index
        return [[to_node(one) for one in self._shown(hits)] for hits in retriever.retrieve(queries)]

    def _shown(self, hits: Sequence[Hit]) -> Sequence[Hit]:
        """What was found, or the passages it is part of."""
        if self._passage_tokens is None:
            return hits
        contents = self._whole_index("passage_tokens").contents
        return [one.as_hit for one in contents.passages(hits, self._passage_tokens)]

    def _whole_index(self, what: str) -> Index:
        if not isinstance(self._index, Index):
            raise BadInput(f"{what} needs an Index, got {class_of(self._index)}.")
        return self._index

    def _query(self, bundle: QueryBundle) -> Query:
        texts = bundle.custom_embedding_strs
        vectors: Mapping[str, Any] = {}
        if texts:
            if not isinstance(self._index, Index):
                raise BadInput(
                    "custom_embedding_strs need an encoder, and only an Index has one; "
                    f"got {class_of(self._index)}. Leave them out, or pass the Index."
                )
            vectors = {"dense": self._index.spaces.own.encode_query(texts).mean(axis=0)}
        return replace(self._options, text=bundle.query_str, vectors=vectors)

    def _filter(self, where: Where) -> Any:  # noqa: ANN401
        return to_filter(
            where, self._index.store.fields if isinstance(self._index, Index) else None
        )


def _budget(tokens: int | None) -> int | None:
    if tokens is not None and tokens < 1:
        raise BadInput(f"passage_tokens must be at least 1, or None for chunks, got {tokens}.")
    return tokens


def _opened(index: Index | Retriever | str | os.PathLike[str]) -> Index | Retriever:
    if isinstance(index, str | os.PathLike):
        return Index.open(index)
    if isinstance(index, BaseRetriever) or not isinstance(index, Index | Retriever):
        raise BadInput(
            "RagEmbedRetriever needs a rag_embed Index, the path of one, or an object with "
            f"rag_embed's retrieve(queries); got {class_of(index)}."
        )
    return index
