"""Cutting documents into chunks with exact character offsets and heading paths.

`splitter` wires; `outline` finds sections, `breaks` places to cut, `packing` chooses among them.
Reading files does not belong here: see `rag_embed.reading`.
"""

from rag_embed.chunking.sentences import sentence_starts
from rag_embed.chunking.splitter import TokenSplitter

__all__ = ["TokenSplitter", "sentence_starts"]
