"""Contexts for chunks, written by LlamaIndex's language models."""

from __future__ import annotations

from llama_index.core.llms import LLM

from rag_embed.situated import Writer, context_prompt
from rag_embed.types import Chunk, Document


def context_writer(llm: LLM) -> Writer:
    """A writer for ``rag_embed.situated.described``: asks a model to situate a chunk.

    Args:
        llm: Any language model of LlamaIndex.

    Examples:
        >>> from llama_index.core.llms import MockLLM
        >>> document = Document("d", "It closes the file.", title="Files")
        >>> "Files" in context_writer(MockLLM())(document, Chunk.of(document, 0, 19))
        True
    """

    def write(document: Document, chunk: Chunk) -> str:
        return llm.complete(context_prompt(document, chunk)).text

    return write
