"""What a search can be given on a command line: the same options for every command that asks."""

from __future__ import annotations

from typing import Annotated

import typer

from rag_embed.cli.conditions import parsed
from rag_embed.index import Index
from rag_embed.types import Grouping, Query

K = Annotated[int, typer.Option("-k", min=0, help="Number of hits at most.")]
Where = Annotated[
    list[str] | None,
    typer.Option(help="Condition on a field, such as year>=2020; repeat it for 'and'."),
]
User = Annotated[str | None, typer.Option(help="Also search what belongs to this user.")]
Previous = Annotated[
    list[str] | None, typer.Option(help="An earlier turn of the talk, oldest first; repeat it.")
]
MinRelevance = Annotated[
    float, typer.Option(min=0, max=1, help="Drop hits that are less relevant.")
]
Diversity = Annotated[
    float, typer.Option(min=0, max=1, help="Prefer hits that differ from each other.")
]
GroupBy = Annotated[Grouping, typer.Option(help="One hit per chunk, or at most one per document.")]


def query_of(
    index: Index,
    text: str,
    k: int,
    where: list[str] | None,
    user: str | None,
    previous: list[str] | None,
    min_relevance: float,
    diversity: float,
    group_by: Grouping,
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
    )
