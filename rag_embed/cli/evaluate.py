"""``rag-embed eval``: each leg alone against the whole retriever, on labelled queries."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer
from typing_extensions import Unpack

from rag_embed import evaluation as ev
from rag_embed.cli.asking import (
    By,
    Diversity,
    FreshDays,
    GroupBy,
    Groups,
    MinRelevance,
    Rerank,
    User,
    Where,
    reranked,
)
from rag_embed.cli.conditions import parsed
from rag_embed.cli.eval_files import write
from rag_embed.cli.labels import Strict, collection_at, labels_of
from rag_embed.cli.show import err, out
from rag_embed.cli.sources import index_at
from rag_embed.errors import BadInput
from rag_embed.filters import Filter
from rag_embed.index import Index
from rag_embed.protocols import Retriever
from rag_embed.text import amount
from rag_embed.types import DENSE, Grouping, Principal, group_names

if TYPE_CHECKING:
    from rag_embed.routing.pilots import Pilots
    from rag_embed.tuning.router_report import Routed


WHOLE = "rag_embed"
"""How the whole search is called beside its legs."""

RERANKED = "reranked"
"""And how that with a re-ranker behind it."""


class Options(TypedDict, total=False):
    """What every query of `systems` is asked with."""

    where: Filter | None
    user: str | None
    groups: Sequence[str]
    min_relevance: float
    diversity: float
    group_by: Grouping
    fresh: float | None
    by: str


def evaluate(
    source: Annotated[
        str,
        typer.Argument(
            help="An index, a folder with corpus.jsonl, queries.jsonl and qrels, or a corpus.jsonl."
        ),
    ],
    queries: Annotated[
        Path | None, typer.Argument(help="The queries, a file such as queries.jsonl; for an index.")
    ] = None,
    qrels: Annotated[
        Path | None,
        typer.Argument(help="Their relevant documents, a file such as qrels.tsv; for an index."),
    ] = None,
    metric: Annotated[str, typer.Option(help="Metric that systems are compared by.")] = "ndcg@10",
    baseline: Annotated[
        str | None,
        typer.Option(
            help="System that all others are compared with, such as lexical.",
            show_default="dense; default with --router",
        ),
    ] = None,
    chunk_tokens: Annotated[
        int | None,
        typer.Option(
            help="Cut a folder's corpus entries into chunks of so many tokens.",
            show_default="keep them whole",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for the report as JSON, Markdown and HTML, with pictures (extra plots).",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.", min=0)] = 0,
    router: Annotated[
        bool,
        typer.Option(
            "--router", help="Fit a router to one half of the queries and measure it on the other."
        ),
    ] = False,
    where: Where = None,
    user: User = None,
    groups: Groups = None,
    min_relevance: MinRelevance = 0.0,
    diversity: Diversity = 0.0,
    group_by: GroupBy = "document",
    fresh: FreshDays = None,
    by: By = "",
    rerank: Rerank = None,
    strict: Strict = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure each leg alone and the whole retriever, with paired bootstrap intervals.

    Lists the questions that failed, won and lost, and what cuts of relevance lose and let through: a query
    without a line in qrels, or with no score above 0 there, says that nothing answers it. Of a query with a
    user_id other than --user the text is not shown, nor the id of a document that is not for whoever asks.
    """
    said = {
        "where": where,
        "user": user,
        "groups": groups,
        "min_relevance": min_relevance or None,
        "diversity": diversity or None,
        "group_by": None if group_by == "document" else group_by,
        "fresh": fresh,
        "by": by or None,
        "rerank": rerank,
    }
    said = {name: value for name, value in said.items() if value is not None}
    if router and said:
        raise BadInput(
            "--router weighs what all legs say of all chunks; leave out --where, --user, --group, "
            "--min-relevance, --diversity, --group-by, --fresh, --by and --rerank."
        )
    with tempfile.TemporaryDirectory() as folder:
        if (queries is None) != (qrels is None):
            raise BadInput("Give both queries and qrels, or neither with a collection's folder.")
        opened = index_at(source)
        if opened is not None:
            if chunk_tokens is not None:
                raise BadInput("--chunk-tokens is for a folder; an index has its chunks already.")
            index = opened
            whom = Principal(user, group_names("--group", groups or ()))
            found = _labelled(index, source, queries, qrels, whom, router, strict)
            collection, left_out = found.needed(), found.told
        else:
            collection, left_out = collection_at(source, queries, qrels, strict=strict), ""
            err.print(f"indexing {amount(len(collection.documents), 'document')} ...")
            index = Index.create(folder, chunk_tokens=chunk_tokens or None)
            index.add(collection.documents)
        if left_out:
            err.print(left_out, markup=False)
        filtered = parsed(where or [], index.store.fields)
        routing = _routing(index, collection, metric, seed) if router else None
        if baseline and not routing:
            ev.check_system("baseline", baseline, systems(index, rerank))
        measured = (
            routing[1].evaluation
            if routing
            else ev.evaluate(
                systems(
                    index,
                    rerank,
                    where=filtered,
                    user=user,
                    groups=groups or (),
                    min_relevance=min_relevance,
                    diversity=diversity,
                    group_by=group_by,
                    fresh=fresh,
                    by=by,
                ),
                collection,
                metrics=_metrics(metric),
            )
        )
        measured = ev.as_seen(measured, collection, index.store, user=user, groups=groups or ())
        cuts = (
            ()
            if routing
            else ev.cuts(
                reranked(index, rerank),
                collection,
                where=filtered,
                user=user,
                groups=groups or (),
                fresh=fresh,
                by=by,
            )
        )
        signature, cut = asdict(index.spaces.own.signature), index.spaces.cut
    shown = "soft" if routing else RERANKED if rerank else WHOLE
    report = ev.make_report(
        [measured],
        baseline=baseline or ("default" if routing else DENSE),
        system=shown,
        cuts=cuts,
        metric=metric,
        seed=seed,
        settings={
            "rag_embed": importlib.metadata.version("rag-embed"),
            "encoder": signature,
            "chunk_tokens": cut.get("max_tokens"),
            **({"options": said} if said else {}),
            **({"labels": left_out} if left_out else {}),
        },
    )
    if as_json:
        typer.echo(ev.to_json(report))
    else:
        out.print(ev.to_rich(report))
    if to is not None:
        write(report, to, shown, routing)


def systems(
    index: Index, rerank: str | None = None, **options: Unpack[Options]
) -> Mapping[str, ev.System]:
    """Every leg of an index alone, what `Index.search` asks, and that with a re-ranker behind it."""
    whole = index.experts.hybrid()
    alone = {leg.name: whole.alone(leg.name) for leg in whole.legs}
    retrievers: dict[str, Retriever] = {**alone, WHOLE: index.retriever}
    if rerank is not None:
        retrievers[RERANKED] = reranked(index, rerank)
    return {name: ev.from_retriever(one, **options) for name, one in retrievers.items()}


def _labelled(
    index: Index,
    source: str,
    queries: Path | None,
    qrels: Path | None,
    whom: Principal,
    pilots: bool,
    strict: bool,
) -> ev.Shared:
    """The index's own documents with those labels that whoever asks may read.

    Queries of other users are asked too, unless they would be shown as pilots.
    """
    if queries is None or qrels is None:
        raise BadInput(
            "An index has no labels of its own: rag-embed eval KB queries.jsonl qrels.tsv"
        )
    labels = labels_of(index, source, queries, qrels, strict=strict)
    return ev.shared(labels, index.store, user=whom.user, groups=whom.groups, asked=not pilots)


def _metrics(metric: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((metric, *ev.DEFAULT_METRICS)))


def _routing(
    index: Index, collection: ev.Collection, metric: str, seed: int
) -> tuple[Pilots, Routed]:
    """Pilots of one half of the queries, and what they are worth on the other."""
    from rag_embed.routing.router import PilotRouter
    from rag_embed.tuning.pilots import fitted
    from rag_embed.tuning.router_report import measure_routing

    hybrid = index.experts.hybrid()
    pilots, held_out = fitted(hybrid, index.spaces.own.signature, [collection], seed=seed)
    [routed] = measure_routing(hybrid, PilotRouter(pilots), held_out, metric=metric, seed=seed)
    return pilots, routed
