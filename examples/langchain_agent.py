"""An agent that looks things up in Python's language reference.

    python examples/langchain_agent.py

The language model is scripted and needs no key; put your own in its place.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import create_retriever_tool
from langchain_rag_embed import RagEmbedRetriever

from rag_embed import Index
from rag_embed.cli import language_reference

QUESTION = "Why does my default argument keep its value between calls?"


class Scripted(FakeMessagesListChatModel):
    """Says its lines in turn; its calls of tools are in them."""

    def bind_tools(self, tools: Sequence[Any], **options: Any) -> Scripted:  # noqa: ANN401
        """The script knows the tools."""
        return self


def main(folder: Path) -> None:
    index = Index.create(folder)
    index.add(language_reference())
    reference = create_retriever_tool(
        RagEmbedRetriever(index=index, k=2),
        name="language_reference",
        description="Looks up passages of Python's language reference.",
    )
    call = {"name": reference.name, "args": {"query": QUESTION}, "id": "call-1"}
    model = Scripted(
        responses=[
            AIMessage("", tool_calls=[call]),
            AIMessage("Default values are evaluated once, when the function is defined."),
        ]
    )
    agent = create_agent(model, [reference])
    for message in agent.invoke({"messages": [("user", QUESTION)]})["messages"]:
        print(f"\n[{message.type}] {message.text[:600] or message.tool_calls}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch, "kb"))
