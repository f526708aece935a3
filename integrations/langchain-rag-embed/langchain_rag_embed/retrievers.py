"""`RagEmbedRetriever`: a rag_embed index as a LangChain retriever."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypedDict, cast

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document as LangChainDocument
from langchain_core.messages import BaseMessage
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_config_list, run_in_executor
from langchain_core.runnables.utils import gather_with_concurrency
from pydantic import BeforeValidator, ConfigDict, Field, SkipValidation, Strict, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Unpack

from langchain_rag_embed.documents import from_hit
from langchain_rag_embed.filters import narrowed
from langchain_rag_embed.shared import SharedSearch
from langchain_rag_embed.tracing import tracing_params
from langchain_rag_embed.turns import turns
from rag_embed import Hit, Index, Query, UserEvent
from rag_embed.arguments import check_keywords, check_named
from rag_embed.errors import BadInput, class_of
from rag_embed.filters import Filter, FilterLike, to_filter
from rag_embed.indexing import Explanation
from rag_embed.protocols import Retriever
from rag_embed.types import Grouping

Source: TypeAlias = Index | Retriever | str | os.PathLike[str]
"""Where hits come from: an index, its path, or anything with rag_embed's ``retrieve``."""


class RetrieverOptions(TypedDict, total=False):
    """What one call may change; the meaning is that of `rag_embed.Query`."""

    k: int
    user: str | None
    groups: Sequence[str]
    where: FilterLike
    previous: Sequence[str | BaseMessage]
    min_relevance: float
    diversity: float
    group_by: Grouping
    fresh: float | timedelta | None
    by: str
    passage_tokens: int | None


def _opened(source: Source) -> Index | Retriever:
    if isinstance(source, str | os.PathLike):
        return Index.open(source)
    if isinstance(source, Index | Retriever):
        return source
    raise BadInput(
        "index must be a rag_embed Index, the path of one, or an object with a method "
        f"retrieve(queries), got {class_of(source)}."
    )


def _plainly(read: Callable[[Any], Any]) -> BeforeValidator:
    """Reads a value of the retriever; what is wrong with it is told without the words of pydantic before it."""

    def told(value: Any) -> Any:  # noqa: ANN401  # whatever pydantic is given
        try:
            return read(value)
        except BadInput as error:
            raise PydanticCustomError("rag_embed", "{told}", {"told": str(error)}) from error

    return BeforeValidator(told)


class RagEmbedRetriever(BaseRetriever):
    """Finds chunks in a rag_embed index.

    Every option can also come with a call, ``retriever.invoke("foxes", k=2, user=None)``, for
    ``ainvoke``, ``batch`` and ``abatch`` alike; ``batch`` encodes and searches all inputs at once.
    What comes back are `RagEmbedDocument`: scores and reasons beside the metadata.

    Attributes:
        index: An `Index`, the path of one, or any object with rag_embed's ``retrieve``.
        k: How many chunks at most.
        user: Sees shared chunks and this user's own; ``None`` sees shared chunks only. Take it from
            your authentication, never from a model.
        groups: The user's groups: chunks that name one of them as readers are seen too. From your
            authentication as well.
        where: A rag_embed filter, or a dictionary; see `to_filter`. It is a boundary: the ``where`` of a
            call narrows it and never takes its place.
        previous: Earlier turns of the conversation, oldest first; usually comes with a call. Of LangChain's
            messages those of the user are read.
        min_relevance: Drop chunks less relevant than this, in [0, 1].
        diversity: 0 ranks by score alone; up to 1 trades score for difference (MMR).
        group_by: ``"chunk"``; ``"document"`` or ``"text"`` for at most one chunk of a document, or of
            those that say nearly the same.
        fresh: Days after which a date counts half: newer documents before older ones. None for what was
            tuned for the index.
        by: The declared field of dates that ``fresh`` reads; empty for the only one.
        passage_tokens: Join neighbouring chunks that were found into passages of at most so many
            tokens, best first, as `rag_embed.indexing.Contents.passages` does; each has the scores of
            its best chunk. ``None`` leaves chunks as they are.

    Examples:
        >>> from rag_embed import Document
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "The fox is red."), Document("b", "The sea is blue.")]).added
        2
        >>> retriever = RagEmbedRetriever(index=index, k=1)
        >>> retriever.invoke("red foxes")[0].page_content
        'The fox is red.'
        >>> len(retriever.invoke("red foxes", k=2))
        2
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    index: Annotated[SkipValidation[Source], _plainly(_opened)]
    k: int = Field(default=4, ge=0, strict=True)
    user: str | None = None
    groups: tuple[str, ...] = ()
    where: Annotated[SkipValidation[FilterLike], _plainly(to_filter)] = None
    previous: Annotated[tuple[str, ...], BeforeValidator(turns)] = ()
    min_relevance: float = Field(default=0.0, ge=0.0, le=1.0, strict=True)
    diversity: float = Field(default=0.0, ge=0.0, le=1.0, strict=True)
    group_by: Grouping = "chunk"
    fresh: Annotated[float, Strict()] | Annotated[timedelta, Strict()] | None = None
    by: str = ""
    passage_tokens: int | None = Field(default=None, ge=1, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:  # noqa: ANN401  # whatever pydantic is given
        check_keywords(cls.__name__, given, cls.model_fields)
        return given

    if not TYPE_CHECKING:  # a type checker reads the fields

        def __init__(self, *given: object, **options: Any) -> None:  # noqa: ANN401
            check_named("RagEmbedRetriever", given, 'index="kb"')
            super().__init__(**options)

    def explain(self, query: str, **options: Unpack[RetrieverOptions]) -> list[Explanation]:
        """Find, and say of each hit all that can be said of why; see `rag_embed.Index.explain`.

        Args:
            query: A question or keywords.
            **options: As in ``invoke``.

        Raises:
            BadInput: This retriever asks something else than an `Index`.
        """
        return self._whole_index("explain()").explain(self._query(query, options))

    async def aexplain(self, query: str, **options: Unpack[RetrieverOptions]) -> list[Explanation]:
        """`explain` in a worker thread."""
        return await run_in_executor(None, partial(self.explain, query, **options))

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

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        _found: Callable[[], list[Hit]] | None = None,
        **options: Unpack[RetrieverOptions],
    ) -> list[LangChainDocument]:
        """See `BaseRetriever`; ``_found`` gives the hits of an item of a batch."""
        if _found is not None:
            return self._documents(_found(), options)
        [hits] = self._retriever.retrieve([self._query(query, options)])
        return self._documents(hits, options)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        _found: Callable[[], Awaitable[list[Hit]]] | None = None,
        **options: Unpack[RetrieverOptions],
    ) -> list[LangChainDocument]:
        """See `BaseRetriever`: the synchronous search in a worker thread."""
        if _found is not None:
            return self._documents(await _found(), options)
        asked = partial(self._get_relevant_documents, run_manager=run_manager.get_sync(), **options)
        return await run_in_executor(None, asked, query)

    def batch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> list[list[LangChainDocument]]:
        """Find for many inputs with one search; options as in ``invoke``."""
        shared = self._shared(inputs, kwargs)
        documents: list[Any] = []
        for i, (text, one) in enumerate(self._configured(inputs, config)):
            try:
                found = self.invoke(text, one, **kwargs, _found=partial(shared.hits, i))
            except Exception as error:
                if not return_exceptions:
                    raise
                documents.append(error)
            else:
                documents.append(found)
        return documents

    async def abatch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> list[list[LangChainDocument]]:
        """Find for many inputs with one search; options as in ``ainvoke``."""
        shared = self._shared(inputs, kwargs)
        configured = self._configured(inputs, config)

        async def one(i: int) -> Any:  # noqa: ANN401
            try:
                return await self.ainvoke(
                    configured[i][0], configured[i][1], **kwargs, _found=partial(shared.ahits, i)
                )
            except Exception as error:
                if not return_exceptions:
                    raise
                return error

        limit = configured[0][1].get("max_concurrency") if configured else None
        return await gather_with_concurrency(limit, *(one(i) for i in range(len(configured))))

    def _whole_index(self, what: str) -> Index:
        if not isinstance(self.index, Index):
            raise BadInput(f"{what} needs an Index, got {class_of(self.index)}.")
        return self.index

    @property
    def _retriever(self) -> Retriever:
        source = self.index.retriever if isinstance(self.index, Index) else self.index
        return cast(Retriever, source)  # paths were opened

    def _documents(self, hits: Sequence[Hit], options: RetrieverOptions) -> list[LangChainDocument]:
        """What was found, or the passages it is part of."""
        budget = options.get("passage_tokens", self.passage_tokens)
        if budget is not None:
            joined = self._whole_index("passage_tokens").contents.passages(hits, budget)
            hits = [one.as_hit for one in joined]
        return [from_hit(hit) for hit in hits]

    def _shared(self, inputs: Sequence[str], options: Mapping[str, Any]) -> SharedSearch:
        return SharedSearch(self._retriever, lambda text: self._query(text, options), inputs)

    def _configured(
        self, inputs: list[str], config: RunnableConfig | list[RunnableConfig] | None
    ) -> list[tuple[str, RunnableConfig]]:
        return list(zip(inputs, get_config_list(config, len(inputs)), strict=True))

    def _query(self, text: str, given: Mapping[str, Any]) -> Query:
        """The query of a call: its own options, else those of this retriever.

        Raises:
            TypeError: There is no such option.
        """
        names = RetrieverOptions.__annotations__
        check_keywords("RagEmbedRetriever", given, names)
        options = {name: given[name] if name in given else getattr(self, name) for name in names}
        options["previous"] = turns(options["previous"])
        del options["passage_tokens"]  # says what is made of what was found
        own = cast("Filter | None", self.where)  # read when it was set
        return Query(text, **{**options, "where": narrowed(own, given.get("where"))})

    def _get_ls_params(self, **kwargs: Any) -> LangSmithRetrieverParams:  # noqa: ANN401
        return tracing_params(self.index)
