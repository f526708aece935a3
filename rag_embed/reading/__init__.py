"""From files to documents, without dying on a broken one and without dropping one silently.

One module per kind of file; `files` walks folders and picks the reader. Text that a reader makes
is plain text or Markdown (from HTML); cutting it is the business of `rag_embed.chunking`.
"""

from rag_embed.reading.files import paths, read
from rag_embed.reading.jsonl import documents_of
from rag_embed.reading.markdown import Markdown, is_markdown, markdown
from rag_embed.reading.on_page import Box, boxes
from rag_embed.reading.text import AS_WRITTEN, LANGUAGES

__all__ = [
    "AS_WRITTEN",
    "LANGUAGES",
    "Box",
    "Markdown",
    "boxes",
    "documents_of",
    "is_markdown",
    "markdown",
    "paths",
    "read",
]
