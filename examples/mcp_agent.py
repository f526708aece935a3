"""An agent over the Model Context Protocol: it searches, reads on, cites, and says when nothing is there.

    python examples/mcp_agent.py

The agent is scripted and needs no key: it does what a model is told to do. Client and server speak the protocol
within one process here; between two it is ``rag-embed mcp KB``.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from mcp import Client

from rag_embed import Document, Index
from rag_embed.serving import Library, server

HANDBOOK = {
    "leave": """# Leave

## Holidays

Everybody has thirty days a year.

They are asked for two weeks before, in the calendar of the team.

## Parents

Parents stay away for up to fourteen months, together.
""",
    "travel": """# Travel

## Trains

Second class, first class from four hours on.

## Expenses

Receipts are handed in within a month; whoever is late is paid with the next salary.
""",
}
QUESTIONS = (
    "How many months can parents stay at home?",
    "May I travel first class?",
    "What is the wifi password?",
)


async def answer(client: Client, question: str) -> None:
    """Search; read what stands around the best passage; answer with its place, or not at all."""
    print(f"\n? {question}")
    found = await call(client, "search", query=question, k=1)
    passages = found["passages"]
    if not passages:
        print(f"  I do not know; the best passage has relevance {found['best']:.2f}.")
        return
    around = await call(client, "read", id=passages[0]["id"])
    print(f"  {' '.join(around['text'].split())}")
    print(f"  [{passages[0]['id']}]")


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a tool says, as data."""
    return (await client.call_tool(tool, arguments)).structured_content


async def talk(index: Index) -> None:
    async with Client(server(Library.of({"handbook": index}))) as client:
        tools = await client.list_tools()
        print("tools:", ", ".join(tool.name for tool in tools.tools))
        for question in QUESTIONS:
            await answer(client, question)


def main(folder: Path) -> None:
    index = Index.create(folder, chunk_tokens=40)
    index.add(
        Document(name, text, name.title(), {"format": "markdown"})
        for name, text in HANDBOOK.items()
    )
    asyncio.run(talk(index))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch, "kb"))
