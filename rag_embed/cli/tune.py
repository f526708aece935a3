"""``rag-embed tune``: what labels say of a change, and letting it take effect."""

from __future__ import annotations

import enum
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from rag_embed.cli.labels import Strict, labels_of
from rag_embed.cli.show import NOT_BETTER, emit, err, out
from rag_embed.cli.untried import untried
from rag_embed.errors import BadInput
from rag_embed.evaluation.verdict import Verdict
from rag_embed.index import Index
from rag_embed.personal.setting import PoolingName, grid
from rag_embed.text import amount


class What(str, enum.Enum):
    """What can be decided; see `tuning.tune`."""

    RELEVANCE = "relevance"
    WEIGHTS = "weights"
    ROUTER = "router"
    PERSONAL = "personal"
    FRESH = "fresh"
    TOKENS = "tokens"
    SITUATE = "situate"
    ALL = "all"


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
            help="What to decide: relevance, weights, router, personal, fresh, tokens or situate; or all.",
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
    seed: Annotated[
        int, typer.Option(help="Splits the queries and draws the bootstrap.", min=0)
    ] = 0,
    user: Annotated[
        str | None,
        typer.Option(help="For weights: whom they serve alone; that user asks the queries."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide, but change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Use it whatever it is worth.")] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Use the standard again; no labels are needed.")
    ] = False,
    strict: Strict = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask labels whether a change helps, and use it if its gain is above chance; exit code 5 if not.

    If not, weights and what is stored are kept as they are, and of the rest the standard is used. "all" asks of
    each thing that the labels allow, changes nothing, and says which helped.
    A question that nothing answers is a line of queries.jsonl without one in qrels.tsv; relevance needs some.
    """
    from rag_embed.tuning import tune as tuning

    index = Index.open(kb)
    if what is What.ALL:
        if reset or force or user is not None or pooling is not None:
            raise BadInput("all only tells: leave out --reset, --force, --user and --pooling.")
        _all(index, kb, queries, qrels, metric, seed, strict, as_json)
        return
    if reset:
        tuning.reset(index, what.value, user=user)
        err.print(f"{what.value}: the standard is used", markup=False)
        return
    queries, qrels = _files(what, queries, qrels)
    if pooling is not None and what is not What.PERSONAL:
        raise BadInput(f"--pooling is for personal, not for {what.value}.")
    labels = labels_of(index, kb, queries, qrels, strict=strict)
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
        same = dry_run or what is What.WEIGHTS or what.value in tuning.STORED
        stays = "kept as it is" if same else "the standard is used"
        no = f"no gain above chance, {stays}"
        said = "used" if used else "would be used" if kept else no
        err.print(f"{what.value}: {said}", markup=False)
    if not kept:
        raise typer.Exit(NOT_BETTER)


def _files(what: What, queries: Path | None, qrels: Path | None) -> tuple[Path, Path]:
    if queries is None or qrels is None:
        raise BadInput(
            f"Tuning takes labels: rag-embed tune KB {what.value} queries.jsonl qrels.tsv"
        )
    return queries, qrels


def _all(
    index: Index,
    kb: str,
    queries: Path | None,
    qrels: Path | None,
    metric: str,
    seed: int,
    strict: bool,
    as_json: bool,
) -> None:
    """Each verdict as it comes, then what helped; nothing is changed."""
    from rag_embed.tuning import tune_all

    files = _files(What.ALL, queries, qrels)
    labels = labels_of(index, kb, *files, strict=strict)
    rows, helped = [], []
    for one in tune_all(index, labels, metric=metric, seed=seed):
        verdict = one.verdict
        kept = verdict is not None and verdict.kept
        helped += [one.name] if kept else []
        rows.append({"name": one.name, "skipped": one.why} if verdict is None else _json(verdict))
        if not as_json:
            said = "not asked" if verdict is None else "helps" if kept else "no gain above chance"
            proves = "" if verdict is None else f" {_reach(verdict)}"
            out.print(f"{one.name}: {said}. {one.why}{proves}".rstrip(), markup=False)
    others = untried(kb, str(files[0]), str(files[1]), len(labels.judged))
    if as_json:
        emit({"helped": helped, "parts": rows, "not_tried": others})
    else:
        use = (
            f"; use one: rag-embed tune KB {helped[0]} QUERIES QRELS, then ask again"
            if helped
            else ""
        )
        err.print(f"helped: {', '.join(helped) or 'nothing, all kept as it is'}{use}", markup=False)
        err.print("not tried, as it is no setting of an index:", markup=False)
        for line in others:
            err.print(f"  {line}", markup=False, soft_wrap=True)
    if not helped:
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
        "queries": verdict.queries,
        "reach": _reach(verdict),
        "tried": [asdict(one) for one in verdict.tried],
    }


def _print(verdict: Verdict[Any], metric: str) -> None:
    if len(verdict.tried) > 1:  # one is what is used: nothing was better where it was chosen
        table = Table()
        for column in ("tried", metric):
            table.add_column(column, overflow="fold")
        for one in verdict.tried:
            table.add_row(Text(one.name), f"{one.value:.4f}")
        out.print(table)
    out.print(verdict.reason, markup=False)
    if proves := _reach(verdict):
        out.print(proves, markup=False)


def _reach(verdict: Verdict[Any]) -> str:
    """How small a gain the queries behind a verdict can show; empty where there was none to measure."""
    from rag_embed.evaluation import reach

    return reach(verdict.gain, verdict.queries) if verdict.gain and verdict.queries else ""
