"""What a search can be given on a command line: the same options for every command that asks."""

from __future__ import annotations

from typing import Annotated

import typer

from rag_embed import ranking
from rag_embed.cli.conditions import parsed
from rag_embed.errors import BadInput
from rag_embed.index import Index
from rag_embed.protocols import Retriever
from rag_embed.ranking import Reranked, stored_rows
from rag_embed.types import Grouping, Hit, Query

_CHUNKS = 400
"""Chunks among which a document's best ones are looked for."""

K = Annotated[int, typer.Option("-k", min=0, help="Number of hits at most.")]
Where = Annotated[
    list[str] | None,
    typer.Option(help="Condition on a field, such as year>=2020; repeat it for 'and'."),
]
User = Annotated[str | None, typer.Option(help="Also search what belongs to this user.")]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", help="Also search what this group may read; repeat it."),
]
Previous = Annotated[
    list[str] | None, typer.Option(help="An earlier turn of the talk, oldest first; repeat it.")
]
MinRelevance = Annotated[
    float, typer.Option(min=0, max=1, help="Drop hits that are less relevant.")
]
Diversity = Annotated[
    float, typer.Option(min=0, max=1, help="Prefer hits that differ from each other.")
]
GroupBy = Annotated[
    Grouping,
    typer.Option(
        help="One hit per chunk, or per document, or one of those that say nearly the same."
    ),
]
FreshDays = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Newer documents first: days after which a date counts half; 0 for no.",
        show_default="as tuned",
        metavar="DAYS",
    ),
]
By = Annotated[
    str, typer.Option(help="Field of dates for --fresh, if there are several.", show_default=False)
]
Rerank = Annotated[
    str | None,
    typer.Option(
        help="Name or folder of a cross-encoder that scores hits again, 40 unless train-reranker made it."
    ),
]
BestChunks = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Score a hit by the mean of its document's best so many chunks; with --group-by document.",
    ),
]
PassageTokens = Annotated[
    int | None,
    typer.Option(
        min=1, help="Join neighbouring hits into passages of at most so many tokens, best first."
    ),
]


def query_of(
    index: Index,
    text: str,
    k: int,
    where: list[str] | None,
    user: str | None,
    groups: list[str] | None,
    previous: list[str] | None,
    min_relevance: float,
    diversity: float,
    group_by: Grouping,
    fresh: float | None,
    by: str,
) -> Query:
    """The query of a command; conditions are read by the fields of the index.

    Raises:
        BadInput: A condition cannot be read, or an option is out of range.
    """
    return Query(
        text,
        k,
        parsed(where or [], index.store.fields),
        user,
        min_relevance,
        diversity,
        group_by,
        previous=tuple(previous or ()),
        fresh=fresh,
        by=by,
        groups=groups or (),
    )


def found(
    index: Index,
    asked: Query,
    rerank: str | None,
    best_chunks: int | None,
    passage_tokens: int | None = None,
) -> list[Hit]:
    """The hits of a query, or the passages they are part of.

    Raises:
        BadInput: Two re-rankers are named, or an option is out of range.
        ModelUnavailable: A model cannot be loaded.
    """
    if rerank is not None and best_chunks is not None:
        raise BadInput("--rerank and --best-chunks both decide the order; leave one of them out.")
    retriever = reranked(index, rerank)
    if best_chunks is not None:
        best = ranking.BestChunks(best_chunks)
        retriever = Reranked(
            retriever, best, depth=_CHUNKS, spread=False, rows=stored_rows(index.store)
        )
    [hits] = retriever.retrieve([asked])
    if passage_tokens is None:
        return hits
    return [one.as_hit for one in index.contents.passages(hits, passage_tokens)]


def reranked(index: Index, rerank: str | None) -> Retriever:
    """What `Index.search` asks, with a cross-encoder behind it where one is named.

    Raises:
        BadInput: Its folder is damaged.
        ModelUnavailable: It cannot be loaded.
    """
    if rerank is None:
        return index.retriever
    return Reranked.by(index.retriever, rerank, rows=stored_rows(index.store))


def weighed(text: str) -> tuple[str, float]:
    """A leg and how much it counts, as typed: ``dense=0.3``.

    Raises:
        BadInput: It cannot be read.
    """
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise BadInput(f"A weight is name=number, such as dense=0.3; got {text!r}.") from None
