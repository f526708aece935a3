"""Searches of a vector store: hits with the stored documents they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypedDict

import numpy as np
from langchain_core.documents import Document as LangChainDocument
from langchain_core.messages import BaseMessage

from langchain_rag_embed.documents import from_document, from_hit
from langchain_rag_embed.opening import keeps_whole
from langchain_rag_embed.turns import turns
from rag_embed import Document, Hit, Index, Query, field
from rag_embed.arguments import check_keywords
from rag_embed.errors import BadInput
from rag_embed.filters import Filter, FilterLike, to_filter
from rag_embed.types import Chunk

_SPACE = "dense"


class VectorOptions(TypedDict, total=False):
    """What a search by a vector may be given."""

    filter: FilterLike
    user: str | None
    groups: Sequence[str]


class SearchOptions(VectorOptions, total=False):
    """What a search by a text may be given; the meaning is that of `rag_embed.Query`."""

    previous: Sequence[str | BaseMessage]
    fresh: float | timedelta | None
    by: str


def search(
    index: Index, query: Query, pool: int | None = None
) -> list[tuple[LangChainDocument, Hit]]:
    """Documents as they were stored, or passages of them where the index cuts, each with its hit, best first.

    Args:
        index: What is searched.
        query: What is asked.
        pool: Candidates per leg, when they are not rag_embed's own number.

    Raises:
        BadInput: An argument is wrong.
    """
    retriever = index.retriever
    if pool is not None:
        if pool < 1:
            raise BadInput(f"fetch_k must be at least 1, got {pool}.")
        smaller = replace(index.experts.hybrid(routed=True), pool=max(pool, query.k))
        retriever = index.users.around(smaller)
    shown = partial(_stored, index) if keeps_whole(index) else _passage
    return [(shown(hit), hit) for hit in retriever.retrieve([query])[0]]


def _passage(hit: Hit) -> LangChainDocument:
    """A passage under the id of its document, by which a store reads and deletes."""
    return from_hit(hit).model_copy(update={"id": hit.chunk.doc_id})


def _stored(index: Index, hit: Hit) -> LangChainDocument:
    """A whole document is its only chunk; one without visible text is a chunk of its title."""
    chunk = hit.chunk
    whole = Document(chunk.doc_id, chunk.text, metadata=chunk.metadata)
    kept = None if chunk.text else _whole(index, chunk)
    return from_document(kept or whole)


def _whole(index: Index, chunk: Chunk) -> Document | None:
    return index.contents.document(chunk.doc_id, user=chunk.user, groups=chunk.readers)


def within(index: Index, where: Filter | None, ids: Sequence[str]) -> Sequence[str]:
    """Those of the documents that pass a filter, whoever they belong to; all without a filter."""
    if where is None:
        return ids
    return index.store.view().matching(where & field("doc_id").is_in(ids))


def documents(found: list[tuple[LangChainDocument, Hit]]) -> list[LangChainDocument]:
    """The documents alone."""
    return [document for document, _ in found]


def query_of(text: str, k: int, options: SearchOptions) -> Query:
    """The query of a call.

    Raises:
        BadInput: An option is out of range.
        TypeError: There is no such option.
    """
    given = _known(options, SearchOptions)
    where = to_filter(given.get("filter"))
    more = {name: given[name] for name in ("fresh", "by", "groups") if name in given}
    return Query(
        text, k, where, given.get("user"), previous=turns(given.get("previous", ())), **more
    )


def by_vector(embedding: Sequence[float], k: int, options: VectorOptions) -> Query:
    """A query that is nothing but a vector: only dense evidence counts.

    Raises:
        BadInput: An option is out of range.
        TypeError: There is no such option.
    """
    given = _known(options, VectorOptions)
    vector = np.asarray(embedding, dtype=np.float32)
    where, groups = to_filter(given.get("filter")), given.get("groups", ())
    return Query("", k, where, given.get("user"), vectors={_SPACE: vector}, groups=groups)


def _known(options: Mapping[str, Any], kind: type) -> Mapping[str, Any]:
    check_keywords("A search of RagEmbedVectorStore", options, kind.__annotations__)
    return options


def diverse(query: Query, lambda_mult: float) -> Query:
    """The query with LangChain's measure of diversity, where 1 is none.

    Raises:
        BadInput: It is not between 0 and 1.
    """
    if not 0.0 <= lambda_mult <= 1.0:
        raise BadInput(f"lambda_mult must be between 0 and 1, got {lambda_mult!r}.")
    return replace(query, diversity=1.0 - lambda_mult)
