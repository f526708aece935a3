"""All tools over a library."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

from rag_embed.filters import Filter
from rag_embed.index import Index
from rag_embed.serving.library import Library, Rerank
from rag_embed.serving.listing import list_tool
from rag_embed.serving.reading import read_tool
from rag_embed.serving.searching import search_tool
from rag_embed.serving.tool import Tool


def tools(library: Library) -> tuple[Tool, ...]:
    """`search`, `read` and `list` over a library.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "The fox is red."), Document("b", "The sea is blue.")]).added
        2
        >>> search, read, list_ = tools(Library.of({"notes": index}))
        >>> print(search.call({"query": "red fox", "k": 1}).text)  # doctest: +ELLIPSIS
        [1] a#0-15, relevance ...
        The fox is red.
        >>> search.call({"query": "red fox", "k": 10**9}).text
        'k is between 1 and 50, got 1000000000.'
    """
    return search_tool(library), read_tool(library), list_tool(library)


def index_tools(
    index: Index | str | os.PathLike[str],
    *,
    user: str | None = None,
    groups: Sequence[str] = (),
    where: Filter | None = None,
    fresh: float | timedelta | None = None,
    by: str = "",
    rerank: Rerank | None = None,
) -> tuple[Tool, ...]:
    """`tools` over one index, for the agents of a framework.

    Args:
        index: An index, or the path of one.
        user: Whose documents are seen beside the shared ones; no argument of a tool names another.
        groups: Whose documents are seen too; no argument of a tool names another either.
        where: Only this part of the index; filters of a call narrow it.
        fresh: Days after which a date counts half: newer documents before older ones; ``None`` for what
            was tuned for the index, 0 for no.
        by: The declared field of dates that ``fresh`` reads; empty for the only one.
        rerank: A cross-encoder that scores the first hits again, by its name or folder, or a `Reranked`.

    Raises:
        BadInput: The user id is none, or a group, or ``fresh`` has no dates to read.
        NoIndex: There is none at the path.
    """
    opened = index if isinstance(index, Index) else Index.open(index)
    seen = Library.of({"index": opened}, user=user, groups=groups).narrowed({"index": where})
    return tools(seen.fresher(fresh, by).reranking(rerank))
