"""Documents of LangChain, added to an index by their ids."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from langchain_rag_embed.opening import keeps_whole
from rag_embed import Document, Index
from rag_embed.errors import BadInput
from rag_embed.indexing import still_closed
from rag_embed.text import shown


def refused(
    index: Index, documents: Sequence[Document], batch_size: int | None = None
) -> dict[str, str]:
    """Add documents; id -> reason of those that could not be: another owner's id, or none.

    One that names no readers stays for those who may read the stored one.

    Args:
        index: Where to.
        documents: With one id twice, the last wins.
        batch_size: Documents per commit; all at once where it is None.

    Raises:
        BadInput: Metadata cannot be stored, or ``batch_size`` is out of range.
    """
    if batch_size is not None and batch_size < 1:
        raise BadInput(f"batch_size must be at least 1, got {batch_size}.")
    last = {document.id: document for document in documents}
    distinct = still_closed(index.store, [*last.values()])
    _warn_of_long(index, distinct)
    size = batch_size or len(distinct) or 1
    reasons: dict[str, str] = {}
    for start in range(0, len(distinct), size):
        skipped = index.add(distinct[start : start + size]).skipped
        reasons |= {one.source: one.reason for one in skipped}
    return {one.id: reasons[shown(one.id)] for one in distinct if shown(one.id) in reasons}


def _warn_of_long(index: Index, documents: Sequence[Document]) -> None:
    """Warn where a text that is kept whole is longer than what the model reads; one such text is enough."""
    own = index.spaces.own
    most = own.signature.max_tokens
    if not keeps_whole(index) or "late" in own.signature.chunks:  # or read a window at a time
        return
    count = own.encoder.token_spans
    if any(len(one.text) > most and len(count(one.text)) > most for one in documents):
        warnings.warn(
            f"A text has more than the {most} tokens that {own.signature.model} reads of one: what comes after "
            "them is found by its words alone. Cut texts with a splitter before you add them, or let the index "
            "do it: RagEmbedVectorStore(Index.create(path)).",
            stacklevel=4,
        )
