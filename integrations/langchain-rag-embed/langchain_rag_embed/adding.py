"""Documents of LangChain, added to an index of whole documents."""

from __future__ import annotations

from collections.abc import Sequence

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
    size = batch_size or len(distinct) or 1
    reasons: dict[str, str] = {}
    for start in range(0, len(distinct), size):
        skipped = index.add(distinct[start : start + size]).skipped
        reasons |= {one.source: one.reason for one in skipped}
    return {one.id: reasons[shown(one.id)] for one in distinct if shown(one.id) in reasons}
