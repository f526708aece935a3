"""`search_tool` and `read_tool`: an index as tools of a LlamaIndex agent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.schema import NodeWithScore
from llama_index.core.tools import AsyncBaseTool, ToolMetadata, ToolOutput
from llama_index.retrievers.rag_embed.filters import Where, to_filter
from llama_index.retrievers.rag_embed.nodes import node_of_chunk

from rag_embed.arguments import naming_keywords
from rag_embed.index import Index
from rag_embed.serving import Rerank, Tool, index_tools


@naming_keywords
def search_tool(
    index: Index | str | os.PathLike[str],
    *,
    name: str = "search",
    about: str = "",
    user: str | None = None,
    groups: Sequence[str] = (),
    where: Where = None,
    fresh: float | timedelta | None = None,
    by: str = "",
    rerank: Rerank | None = None,
) -> IndexTool:
    """Make a tool that finds passages, for ``FunctionAgent`` and whatever takes tools.

    The model reads a short text: passages within a budget of tokens, each under a line that cites it, or
    that nothing is relevant. The nodes are the ``raw_output``, for your program, with relevance as their score.
    What cannot be done is told to the model as the error of the call.

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
        >>> output = search_tool(index, about="Notes on foxes.").call(query="red fox")
        >>> print(output.content)  # doctest: +ELLIPSIS
        [1] a#0-15, relevance ...
        The fox is red.
        >>> output.raw_output[0].node_id
        'a#0-15'
    """
    search, _, _ = _tools(index, user, groups, where, fresh, by, rerank)
    return IndexTool(search, name, about)


@naming_keywords
def read_tool(
    index: Index | str | os.PathLike[str],
    *,
    name: str = "read",
    about: str = "",
    user: str | None = None,
    groups: Sequence[str] = (),
    where: Where = None,
) -> IndexTool:
    """Make a tool that reads on where `search_tool` found something: neighbours, section, any range.

    Arguments are those of `search_tool` but ``fresh``, ``by`` and ``rerank``; the ``raw_output`` is a list of
    one node without score.

    Raises:
        BadInput: The filter cannot be read, or the user id is none, or a group.
    """
    _, read, _ = _tools(index, user, groups, where)
    return IndexTool(read, name, about)


class IndexTool(AsyncBaseTool):
    """What `search_tool` and `read_tool` make.

    Args:
        tool: What is called.
        name: What the model calls it.
        about: Put before its description.
    """

    def __init__(self, tool: Tool, name: str, about: str) -> None:
        self._tool = tool
        description = " ".join(filter(None, (about, tool.about)))
        self._metadata = ToolMetadata(description, name, _arguments(tool))

    @property
    def metadata(self) -> ToolMetadata:
        """Name, description and the schema of the arguments, with the filters of the index."""
        return self._metadata

    def call(self, *asked: Any, **given: Any) -> ToolOutput:  # noqa: ANN401  # checked by the tool
        """Answer; one argument without a name is the first: the query of a search, the id to read."""
        arguments = {**dict(zip(self._tool.takes, asked, strict=False)), **given}
        answer = self._tool.call(arguments)
        nodes = [
            NodeWithScore(node=node_of_chunk(chunk), score=relevance)
            for chunk, relevance in answer.quoted
        ]
        return ToolOutput(
            tool_name=self.metadata.get_name(),
            content=answer.text,
            raw_input=arguments,
            raw_output=nodes,
            is_error=answer.failed,
        )

    async def acall(self, *asked: Any, **given: Any) -> ToolOutput:  # noqa: ANN401
        """`call` in a worker thread."""
        return await asyncio.to_thread(self.call, *asked, **given)


def _tools(
    index: Index | str | os.PathLike[str],
    user: str | None,
    groups: Sequence[str],
    where: Where,
    fresh: float | timedelta | None = None,
    by: str = "",
    rerank: Rerank | None = None,
) -> tuple[Tool, ...]:
    opened = index if isinstance(index, Index) else Index.open(index)
    bound = to_filter(where, opened.store.fields)
    return index_tools(
        opened, user=user, groups=groups, where=bound, fresh=fresh, by=by, rerank=rerank
    )


def _arguments(tool: Tool) -> type[BaseModel]:
    """The schema of a tool in the form that LlamaIndex asks for; the tool itself checks what comes."""

    class Arguments(BaseModel):
        @classmethod
        def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401
            return tool.schema

    return Arguments
