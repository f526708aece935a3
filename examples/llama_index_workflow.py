"""A LlamaIndex workflow that searches, asks again in other words where nothing is relevant, and answers.

    python examples/llama_index_workflow.py

Relevance means the same for every question, so a workflow can branch on it. The language model is scripted
and needs no key; put your own in its place.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from llama_index.core.workflow import Event, StartEvent, StopEvent, Workflow, step
from llama_index.retrievers.rag_embed import RagEmbedNode, RagEmbedRetriever

from rag_embed import Index
from rag_embed.cli import language_reference

ENOUGH = 0.3
"""Relevance of a passage that is worth answering from."""


class Asked(Event):
    """Words to search for, and how often that was tried."""

    words: str
    tries: int


class Found(Event):
    """What a search found that is worth answering from."""

    nodes: list[RagEmbedNode]


class Answering(Workflow):
    """Searches, in other words once more where nothing is relevant, and answers.

    Args:
        retriever: Finds passages.
        rewrite: A language model: from a question to the words of a manual.
    """

    def __init__(self, retriever: RagEmbedRetriever, rewrite: Callable[[str], str]) -> None:
        super().__init__()
        self.retriever = retriever
        self.rewrite = rewrite

    @step
    async def begin(self, event: StartEvent) -> Asked:
        """Ask the question as it is."""
        return Asked(words=event.question, tries=1)

    @step
    async def search(self, event: Asked) -> Asked | Found | StopEvent:
        """Search, and decide by relevance how to go on."""
        nodes = await self.retriever.aretrieve(event.words)
        good = [one for one in nodes if one.relevance >= ENOUGH]
        if good:
            return Found(nodes=good)
        if event.tries > 1:
            return StopEvent(result="The documents do not say.")
        return Asked(words=self.rewrite(event.words), tries=event.tries + 1)

    @step
    async def answer(self, event: Found) -> StopEvent:
        """Answer from the best passage; a language model would write here."""
        best = event.nodes[0]
        return StopEvent(result=f"See {best.node_id}: {best.text[:300]}")


async def main(folder: Path) -> None:
    index = Index.create(folder)
    index.add(language_reference())
    said = {"I want out of my loop": "break statement"}
    workflow = Answering(RagEmbedRetriever(index, k=2), lambda words: said.get(words, words))
    for question in (*said, "What is the capital of France?"):
        print(f"\n{question}\n{await workflow.run(question=question)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(main(Path(scratch, "kb")))
