"""`search_tool` and `read_tool`: an index as tools of a LangChain agent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import deepcopy
from datetime import timedelta
from typing import Any

from langchain_core.documents import Document as LangChainDocument
from langchain_core.tools import StructuredTool, ToolException

from rag_embed import Index
from rag_embed.arguments import naming_keywords
from rag_embed.filters import FilterLike, to_filter
from rag_embed.serving import Rerank, Tool, index_tools
from rag_embed.types import Chunk


@naming_keywords
def search_tool(
    index: Index | str | os.PathLike[str],
    *,
    name: str = "search",
    about: str = "",
    user: str | None = None,
    groups: Sequence[str] = (),
    where: FilterLike = None,
    fresh: float | timedelta | None = None,
    by: str = "",
    rerank: Rerank | None = None,
) -> StructuredTool:
    """Make a tool that finds passages, for `langchain.agents.create_agent` and whatever takes tools.

    The model reads a short text: passages within a budget of tokens, each under a line that cites it, or
    that nothing is relevant. The documents are the artifact of the message, for your program. What cannot be
    done is told to the model as the error of the call.

    Args:
        index: An index, or the path of one.
        name: The tool's name; give each index its own.
        about: What the index holds, put before the description.
        user: Sees shared documents and this user's own; ``None`` sees shared ones only. A boundary: the
            model cannot name another. Take it from your authentication; a tool per request costs nothing.
        groups: The user's groups, whose documents are seen too; a boundary as well.
        where: Only this part of the index, as `to_filter` takes it; a boundary that the model's filters
            narrow.
        fresh: Days after which a date counts half: newer documents before older ones. None for what was
            tuned for the index.
        by: The declared field of dates that ``fresh`` reads; empty for the only one.
        rerank: A cross-encoder that scores the first hits again, by its name or folder, or a
            `rag_embed.ranking.Reranked`, which a program that makes many tools loads once.

    Raises:
        BadInput: The filter cannot be read, the user id is none, or a group, or ``fresh`` has no dates to
            read.

    Examples:
        >>> from rag_embed import Document
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add(Document("a", "The fox is red.")).added
        1
        >>> tool = search_tool(index, about="Notes on foxes.")
        >>> call = {"name": tool.name, "args": {"query": "red fox"}, "id": "1", "type": "tool_call"}
        >>> message = tool.invoke(call)
        >>> print(message.content)  # doctest: +ELLIPSIS
        [1] a#0-15, relevance ...
        The fox is red.
        >>> message.artifact[0].id
        'a#0-15'
    """
    bound = to_filter(where)
    search, _, _ = index_tools(
        index, user=user, groups=groups, where=bound, fresh=fresh, by=by, rerank=rerank
    )
    return _made(search, name, about)


@naming_keywords
def read_tool(
    index: Index | str | os.PathLike[str],
    *,
    name: str = "read",
    about: str = "",
    user: str | None = None,
    groups: Sequence[str] = (),
    where: FilterLike = None,
) -> StructuredTool:
    """Make a tool that reads on where `search_tool` found something: neighbours, section, any range.

    Arguments are those of `search_tool` but ``fresh``, ``by`` and ``rerank``; the artifact is a list of one
    document.

    Raises:
        BadInput: The filter cannot be read, or the user id is none, or a group.
    """
    _, read, _ = index_tools(index, user=user, groups=groups, where=to_filter(where))
    return _made(read, name, about)


def _made(tool: Tool, name: str, about: str) -> StructuredTool:
    def called(**given: Any) -> tuple[str, list[LangChainDocument]]:  # noqa: ANN401  # checked by the tool
        answer = tool.call(given)
        if answer.failed:
            raise ToolException(answer.text)
        return answer.text, [passage(chunk, relevance) for chunk, relevance in answer.quoted]

    return StructuredTool.from_function(
        called,
        name=name,
        description=" ".join(filter(None, (about, tool.about))),
        args_schema=tool.schema,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def passage(chunk: Chunk, relevance: float | None) -> LangChainDocument:
    """A passage as a document; where it stands is in ``metadata["rag_embed"]``, as with a retriever."""
    place = {
        "doc_id": chunk.doc_id,
        "title": chunk.title,
        "headings": list(chunk.headings),
        "start": chunk.start,
        "end": chunk.end,
        **({} if relevance is None else {"relevance": relevance}),
    }
    metadata = {"rag_embed": place} | deepcopy(dict(chunk.metadata))
    return LangChainDocument(id=chunk.id, page_content=chunk.text, metadata=metadata)
