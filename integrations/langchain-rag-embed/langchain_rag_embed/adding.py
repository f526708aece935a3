"""Documents of LangChain, added to an index of whole documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag_embed import Document, Index
from rag_embed.errors import BadInput
from rag_embed.text import shown


def refused(
    index: Index, documents: Sequence[Document], batch_size: int | None = None
) -> dict[str, str]:
    """Add documents; id -> reason of those that could not be: another owner's id, or none.

    One that names no readers stays for those who may read the stored one. What was found comes back so, and
    its metadata does not say who reads it: a text could say anything, and readers need not know of each other.

    Args:
        index: Where to.
        documents: With one id twice, the last wins.
        batch_size: Documents per commit; all at once where it is None.

    Raises:
        BadInput: Metadata cannot be stored, or ``batch_size`` is out of range.
    """
    if batch_size is not None and batch_size < 1:
        raise BadInput(f"batch_size must be at least 1, got {batch_size}.")
    distinct = _closed(index, {document.id: document for document in documents})
    size = batch_size or len(distinct) or 1
    reasons: dict[str, str] = {}
    for start in range(0, len(distinct), size):
        skipped = index.add(distinct[start : start + size]).skipped
        reasons |= {one.source: one.reason for one in skipped}
    return {one.id: reasons[shown(one.id)] for one in distinct if shown(one.id) in reasons}


def _closed(index: Index, documents: Mapping[str, Document]) -> list[Document]:
    """The documents, each for those who may read the stored one unless it says for whom it is."""
    silent = [id for id, one in documents.items() if one.readers is None]
    known = index.store.audiences(silent).items()
    kept = {id: one.readers for id, one in known if one.user == documents[id].user}
    return [
        replace(one, readers=kept[id]) if kept.get(id) else one for id, one in documents.items()
    ]
