"""Chunk contexts written by a LangChain model, for `rag_embed.situated.described`."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from rag_embed import Chunk, Document
from rag_embed.errors import BadInput
from rag_embed.situated import Writer, context_prompt


def context_writer(model: Runnable[Any, Any]) -> Writer:
    """A writer that asks a LangChain model to situate a chunk in its document.

    Args:
        model: A chat model, an LLM or any runnable that takes the prompt as a str and gives back a
            str or a message.

    Raises:
        BadInput: ``model`` is no runnable; when writing: it answered with something else, or with
            no text.

    Examples:
        >>> from langchain_core.language_models import FakeListLLM
        >>> from rag_embed import Index
        >>> from rag_embed.encoders import HashEncoder
        >>> from rag_embed.situated import described
        >>> write = context_writer(FakeListLLM(responses=["About foxes."]))
        >>> situate = described(write, name="fake-1")
        >>> index = Index.in_memory(encoder=HashEncoder(), situate=situate)
        >>> index.add([Document("d", "They are red.")]).chunks
        1
    """
    if not isinstance(model, Runnable):
        raise BadInput(f"context_writer() takes a LangChain runnable, got {type(model).__name__}.")

    def write(document: Document, chunk: Chunk) -> str:
        return _text(model.invoke(context_prompt(document, chunk)))

    return write


def _text(answer: object) -> str:
    text = str(answer.text) if isinstance(answer, BaseMessage) else answer
    if not isinstance(text, str):
        raise BadInput(
            f"The model must answer with a str or a message, got {type(answer).__name__}; put an "
            "output parser behind it."
        )
    if not text.strip():
        raise BadInput("The model answered without text.")
    return text
