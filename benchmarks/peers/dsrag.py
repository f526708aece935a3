"""dsRAG's header before a chunk, its summary picked instead of written by a language model."""

from __future__ import annotations

from rag_embed import Chunk, Document
from rag_embed.situated import described, summary

NAME = "dsrag header"

_about = summary(2)


def _header(document: Document, chunk: Chunk) -> str:
    about = f"Document context: the following excerpt is from a document titled '{document.title}'."
    about += f" {_about(document, chunk)}"
    if chunk.headings:
        about += "\n\nSection context: this excerpt is from the section titled "
        about += f"'{chunk.headings[-1]}'."
    return about


space = described(_header, name=NAME)
