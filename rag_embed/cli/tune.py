"""``rag-embed tune``: what labels say of a change, and letting it take effect."""

from __future__ import annotations

import enum
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from rag_embed.cli.show import NOT_BETTER, emit, err, out
from rag_embed.errors import BadInput
from rag_embed.evaluation.verdict import Verdict
from rag_embed.index import Index
from rag_embed.personal.setting import PoolingName, grid
from rag_embed.text import amount
from rag_embed.types import Document


class What(str, enum.Enum):
    """What can be decided; see `tuning.tune`."""

    RELEVANCE = "relevance"
    WEIGHTS = "weights"
    ROUTER = "router"
    PERSONAL = "personal"
    FRESH = "fresh"
    TOKENS = "tokens"
    SITUATE = "situate"


class Pooling(str, enum.Enum):
    """How a history becomes one vector."""

    ATTENTION = "attention"
    MEAN = "mean"
    SESSION = "session"


def tune(
    kb: Annotated[str, typer.Argument(metavar="KB", help="Folder or URI of the index.")],
    what: Annotated[
        What,
        typer.Argument(
            metavar="WHAT",
            help="What to decide: relevance, weights, router, personal, fresh, tokens or situate.",
        ),
    ],
    queries: Annotated[
        Path | None,
        typer.Argument(
            help="The queries, a file such as queries.jsonl; lines may have user_id and previous."
        ),
    ] = None,
    qrels: Annotated[
        Path | None, typer.Argument(help="Their relevant documents, a file such as qrels.tsv.")
    ] = None,
    pooling: Annotated[
        Pooling | None,
        typer.Option(help="For personal: try this way to read a history, and no other."),
    ] = None,
    metric: Annotated[
        str, typer.Option(help="What is to rise, for weights, router, fresh and personal.")
    ] = "ndcg@10",
    seed: Annotated[int, typer.Option(help="Splits the queries and draws the bootstrap.")] = 0,
    user: Annotated[
        str | None,
        typer.Option(help="For weights: whom they serve alone; that user asks the queries."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide, but change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Use it whatever it is worth.")] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Use the standard again; no labels are needed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask labels whether a change helps, and use it if its gain is above chance; exit code 5 if not."""
    from rag_embed import evaluation as ev
    from rag_embed.tuning import tune as tuning

    index = Index.open(kb)
    if reset:
        tuning.reset(index, what.value, user=user)
        err.print(f"{what.value}: the standard is used", markup=False)
        return
    if queries is None or qrels is None:
        raise BadInput(
            f"Tuning takes labels: rag-embed tune KB {what.value} queries.jsonl qrels.tsv"
        )
    if pooling is not None and what is not What.PERSONAL:
        raise BadInput(f"--pooling is for personal, not for {what.value}.")
    documents = tuple(Document(id, "") for id in index.store.document_ids())
    labels = ev.read_labels(documents, queries, qrels, name=Path(kb).name)
    among = None if pooling is None else grid(_POOLINGS[pooling])
    verdict = index.tune(what.value, labels, candidates=among, metric=metric, seed=seed, user=user)
    kept = verdict.kept or force
    if not dry_run:
        index.apply(replace(verdict, kept=kept))
    used = kept and not dry_run
    asked = [one for one in labels.labelled if what is not What.PERSONAL or one.query.user]
    left_out = len(labels.queries) - len(asked)
    if left_out and what is not What.RELEVANCE:
        lacking = "a relevant document" + (" or a user_id" if what is What.PERSONAL else "")
        err.print(f"left out {amount(left_out, 'query')} without {lacking}", markup=False)
    if as_json:
        emit({**_json(verdict), "used": used})
    else:
        _print(verdict, "minus squared distance" if what is What.RELEVANCE else metric)
        stays = "the index stays as it is" if what.value in tuning.STORED else "not used"
        said = "used" if used else "would be used" if kept else stays
        err.print(f"{what.value}: {said}", markup=False)
    if not kept:
        raise typer.Exit(NOT_BETTER)


_POOLINGS: dict[Pooling, PoolingName] = {
    Pooling.ATTENTION: "attention",
    Pooling.MEAN: "mean",
    Pooling.SESSION: "session",
}


def _json(verdict: Verdict[Any]) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "user": verdict.user,
        "kept": verdict.kept,
        "reason": verdict.reason,
        "gain": None if verdict.gain is None else asdict(verdict.gain),
        "tried": [asdict(one) for one in verdict.tried],
    }


def _print(verdict: Verdict[Any], metric: str) -> None:
    if verdict.tried:
        table = Table()
        for column in ("tried", metric):
            table.add_column(column, overflow="fold")
        for one in verdict.tried:
            table.add_row(Text(one.name), f"{one.value:.4f}")
        out.print(table)
    out.print(verdict.reason, markup=False)
