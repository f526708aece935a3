"""``rag-embed train-expert`` and ``train-situated``: small adapters from your own data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from rag_embed.cli.labels import Strict, collection_at, labels_of
from rag_embed.cli.show import NOT_BETTER, emit, err, facts, out
from rag_embed.cli.sources import index_at, name_of
from rag_embed.errors import BadInput
from rag_embed.index import Index
from rag_embed.types import OnProgress, Progress

if TYPE_CHECKING:
    from rag_embed.encoders.adapter_card import Card
    from rag_embed.evaluation import Collection
    from rag_embed.training.sources import Source

SOURCE = Annotated[
    str, typer.Argument(help="An index, or a folder with corpus.jsonl, queries.jsonl and qrels.")
]
QUERIES = Annotated[
    Path | None, typer.Argument(help="The queries, a file such as queries.jsonl; for an index.")
]
QRELS = Annotated[
    Path | None,
    typer.Argument(help="Their relevant documents, a file such as qrels.tsv; for an index."),
]
HELD_OUT = Annotated[float, typer.Option(help="Share of the pairs that is held out to report on.")]
_OUT = Annotated[Path, typer.Option("--out", help="Folder of the adapter and its card.")]
DEVICE = Annotated[
    str | None,
    typer.Option(help="Device to train on: cuda, mps or cpu.", show_default="the best there is"),
]
JSON = Annotated[bool, typer.Option("--json", help="Print the card as JSON.")]
SEED = Annotated[int, typer.Option(help="Seed of splits, order and dropout.")]


def train_expert(
    source: SOURCE,
    to: _OUT,
    queries: QUERIES = None,
    qrels: QRELS = None,
    made: Annotated[
        int | None,
        typer.Option(
            "--pseudo",
            help="Pseudo-queries to take from the chunks.",
            show_default="1000 without labels, else 0",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the expert.", show_default="the name of --out")
    ] = None,
    epochs: Annotated[
        int, typer.Option(help="Epochs at most; fewer when validation stops rising.")
    ] = 8,
    learning_rate: Annotated[float, typer.Option(help="Learning rate of AdamW.")] = 2e-4,
    batch: Annotated[int, typer.Option(help="Pairs per step.")] = 32,
    rank: Annotated[int, typer.Option(help="Rank of the adapter.")] = 16,
    held_out: HELD_OUT = 0.25,
    seed: SEED = 0,
    device: DEVICE = None,
    strict: Strict = True,
    as_json: JSON = False,
) -> None:
    """Train a query encoder for your kind of question; no document is encoded again.

    Installed only if it is better on documents that training has not seen; exit code 5 if not.
    An interrupted run goes on where it stopped when the same line is repeated.
    """
    from rag_embed.training.expert import Recipe
    from rag_embed.training.expert import train_expert as train
    from rag_embed.training.loop import Schedule

    material = _source(source, queries, qrels, strict)
    if material.left_out:
        err.print(material.left_out, markup=False)
    count = made if made is not None else 0 if material.pairs else 1000
    if not material.pairs and not count:
        raise BadInput("There are no labelled queries here: give some, or --pseudo 1000.")
    sides = material.split(made=count, held_out=held_out, seed=seed)
    schedule = Schedule(epochs, learning_rate, seed=seed)
    with progressing("training") as progress:
        card = train(
            material.corpus,
            sides,
            to,
            name=name or to.resolve().name,
            data=f"{name_of(source)}: {len(material.pairs)} labelled, {count} pseudo-queries",
            recipe=Recipe(rank=rank, batch=batch, schedule=schedule),
            group_by=material.group_by,
            device=device,
            progress=progress,
        )
    report(card, to, as_json)


def train_situated(
    source: Annotated[
        str, typer.Argument(help="An index, or a folder that also has documents.jsonl.")
    ],
    to: _OUT,
    made: Annotated[
        int,
        typer.Option("--pseudo", help="Sentences to cut out as queries where there are no labels."),
    ] = 1000,
    model: Annotated[
        str | None,
        typer.Option(
            help="Name or folder of the model to adapt.",
            show_default="the index's, or all-MiniLM-L6-v2",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the adapter.", show_default="the name of --out")
    ] = None,
    objective: Annotated[
        Literal["insent", "margin"],
        typer.Option(help="Training objective: in-document and in-batch softmax, or SitEmb's."),
    ] = "insent",
    epochs: Annotated[int, typer.Option(help="Epochs at most.")] = 3,
    learning_rate: Annotated[float, typer.Option(help="Learning rate of AdamW.")] = 1e-4,
    pull: Annotated[float, typer.Option(help="Weight of staying near the untrained vector.")] = 1.0,
    rank: Annotated[int, typer.Option(help="Rank of the adapter.")] = 16,
    held_out: HELD_OUT = 0.2,
    seed: SEED = 0,
    device: DEVICE = None,
    strict: Strict = True,
    as_json: JSON = False,
) -> None:
    """Train how a chunk is read within its document, beside its own vector.

    Installed only if it is better on documents that training has not seen; exit code 5 if not.
    """
    from rag_embed.encoders.minilm import DEFAULT
    from rag_embed.training.clozed import clozed
    from rag_embed.training.loop import Schedule
    from rag_embed.training.situated import train_situated as train
    from rag_embed.training.situated_recipe import SituatedRecipe
    from rag_embed.training.sources import cuts_of, read_chunk_set
    from rag_embed.training.splits import split

    if (index := index_at(source)) is not None:
        _no_labels(strict)
        own = index.spaces.own.signature.model
        cuts, pairs = clozed(cuts_of(index), made, seed=seed)
        kind = f"{len(pairs)} sentences cut out"
    else:
        own = DEFAULT
        if not strict:
            collection_at(source, None, None, strict=strict)  # says how many labels are lost
        cuts, pairs = read_chunk_set(source, strict=strict)
        kind = f"{len(pairs)} labelled"
    schedule = Schedule(epochs, learning_rate, evaluations=2, seed=seed)
    with progressing("training") as progress:
        card = train(
            cuts,
            split(pairs, held_out=held_out, seed=seed),
            to,
            model=model or own,
            name=name or to.resolve().name,
            data=f"{name_of(source)}: {kind}",
            recipe=SituatedRecipe(objective=objective, pull=pull, rank=rank, schedule=schedule),
            device=device,
            progress=progress,
        )
    report(card, to, as_json)


def _source(source: str, queries: Path | None, qrels: Path | None, strict: bool) -> Source:
    from rag_embed.encoders import load
    from rag_embed.training.sources import Source

    index, labels = read(source, queries, qrels, strict=strict)
    if index is not None:
        return Source.of_index(index, labels)
    assert labels is not None  # where there is no index there is a collection
    err.print(f"encoding {len(labels.documents)} documents ...")
    return Source.of_collection(labels, load())


def read(
    source: str, queries: Path | None, qrels: Path | None, *, strict: bool
) -> tuple[Index | None, Collection | None]:
    """The index that a source is, and the labels: those of its documents, or the collection that it is.

    Raises:
        BadInput: One file of labels is missing, or cannot be read.
    """
    if (queries is None) != (qrels is None):
        raise BadInput("Give both queries and qrels, or neither.")
    index = index_at(source)
    if index is None:
        return None, collection_at(source, queries, qrels, strict=strict)
    if queries is None or qrels is None:
        _no_labels(strict)
        return index, None
    return index, labels_of(index, source, queries, qrels, strict=strict)


def _no_labels(strict: bool) -> None:
    if not strict:
        raise BadInput("--no-strict is for labels, and none are given; leave it out.")


@contextmanager
def progressing(title: str) -> Iterator[OnProgress]:
    """Steps on standard error: a bar in a terminal, elsewhere a line for the first and for each tenth."""
    if not err.is_terminal:
        yield _lines(title)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(
        *columns, TextColumn("steps{task.fields[best]}"), TimeElapsedColumn(), console=err
    ) as bar:
        task = bar.add_task(title, total=None, best="")
        started = time.perf_counter()

        def progress(now: Progress) -> None:
            left = (time.perf_counter() - started) / now.done * ((now.total or 0) - now.done)
            shown = f", best nDCG@10 {now.score:.4f}, at most {left:.0f} s left"
            bar.update(task, completed=now.done, total=now.total, best=shown)

        yield progress


def _lines(title: str) -> OnProgress:
    """Progress where no bar can be drawn, such as in a file."""
    started = time.perf_counter()
    told = -1

    def progress(now: Progress) -> None:
        nonlocal told
        total = now.total or now.done
        if (tenth := 10 * now.done // total) > told:
            told = tenth
            passed = time.perf_counter() - started
            left = passed / now.done * (total - now.done)
            err.print(
                f"{title}: {now.done} of {total} steps, best nDCG@10 {now.score:.4f}, {passed:.0f} s "
                f"passed, at most {left:.0f} s left",
                markup=False,
                soft_wrap=True,
            )

    return progress


def report(card: Card, folder: Path, as_json: bool) -> None:
    """Print a card, and leave with `NOT_BETTER` where nothing was installed."""
    if as_json:
        emit({**asdict(card), "installed": card.installed, "folder": str(folder)})
    else:
        rows: dict[str, object] = {
            "data": card.data,
            "pairs": _sides(card.pairs),
            "documents": _sides(card.documents),
            "best step": f"{card.steps} of {card.history[-1][0]}",
            **_chosen(card),
            "seconds": card.seconds,
            "outcome": card.verdict,
        }
        out.print(facts(card.name, rows))
    if not card.installed:
        raise typer.Exit(NOT_BETTER)


def _chosen(card: Card) -> dict[str, object]:
    """What validation chose."""
    if card.kind == "reranker":
        return {"weight beside the search": card.settings["weight"]}
    return {"strength": card.strength}


def _sides(counts: object) -> str:
    assert isinstance(counts, dict)
    return ", ".join(f"{count} {side.replace('_', ' ')}" for side, count in counts.items())
