"""``rag-embed train-reranker``: a small cross-encoder from your own labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag_embed.cli.labels import Strict
from rag_embed.cli.show import err
from rag_embed.cli.sources import name_of
from rag_embed.cli.train import (
    DEVICE,
    HELD_OUT,
    JSON,
    QRELS,
    QUERIES,
    SEED,
    SOURCE,
    progressing,
    read,
    report,
)
from rag_embed.errors import BadInput
from rag_embed.index import Index

if TYPE_CHECKING:
    from rag_embed.training.splits import Split


_MEASURED = 649
"""Queries to learn from that were measured to help, see the page on the benchmark of re-rankers."""


def train_reranker(
    source: SOURCE,
    to: Annotated[Path, typer.Option("--out", help="Folder of the re-ranker and its card.")],
    queries: QUERIES = None,
    qrels: QRELS = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the re-ranker.", show_default="the name of --out")
    ] = None,
    layers: Annotated[
        int, typer.Option(help="Layers of the model that are kept; a query costs as many.")
    ] = 6,
    depth: Annotated[int, typer.Option(help="Hits of a search that are scored again.")] = 10,
    characters: Annotated[
        int, typer.Option(help="Characters read of a chunk: its sentences nearest to the query.")
    ] = 320,
    teacher: Annotated[
        str | None,
        typer.Option(help="Name or folder of a stronger cross-encoder to learn from as well."),
    ] = None,
    epochs: Annotated[
        int, typer.Option(help="Epochs at most; fewer when validation stops rising.")
    ] = 2,
    learning_rate: Annotated[float, typer.Option(help="Learning rate of AdamW.")] = 2e-4,
    batch: Annotated[int, typer.Option(help="Queries per step.")] = 16,
    held_out: HELD_OUT = 0.25,
    seed: SEED = 0,
    device: DEVICE = None,
    strict: Strict = True,
    as_json: JSON = False,
) -> None:
    """Train a small cross-encoder that scores the best hits of a search again.

    Kept only if the search is better with it on documents that training has not seen; exit code 5 if not.
    An interrupted run goes on where it stopped when the same line is repeated.
    """
    from rag_embed.encoders import load_reranker
    from rag_embed.training.loop import Schedule
    from rag_embed.training.reranker import train_reranker as train
    from rag_embed.training.reranker_recipe import RerankerRecipe
    from rag_embed.training.sources import Source

    index, labels = read(source, queries, qrels, strict=strict)
    if labels is None:
        raise BadInput("A re-ranker learns from labelled queries: give queries and qrels.")
    if index is None:
        err.print(f"indexing {len(labels.documents)} documents ...")
        index = Index.in_memory(chunk_tokens=None, tokens=True)
        index.add(labels.documents)
    material = Source.of_index(index, labels)
    if material.left_out:
        err.print(material.left_out, markup=False)
    split = material.split(held_out=held_out, seed=seed)
    err.print(_enough(split), markup=False, soft_wrap=True)
    schedule = Schedule(epochs, learning_rate, seed=seed)
    with progressing("training") as progress:
        card = train(
            index,
            split,
            to,
            name=name or to.resolve().name,
            data=f"{name_of(source)}: {len(material.pairs)} labelled",
            recipe=RerankerRecipe(
                layers, depth=depth, characters=characters, batch=batch, schedule=schedule
            ),
            teacher=None if teacher is None else load_reranker(teacher, device=device),
            device=device,
            progress=progress,
        )
    report(card, to, as_json)


def _enough(split: Split) -> str:
    """How many pairs there are, and whether so few were ever measured to help."""
    told = (
        f"{len(split.train)} pairs to learn from, {len(split.validation)} to choose on, "
        f"{len(split.held_out)} to report on; first the index is searched for all of them"
    )
    few = f". {_MEASURED} to learn from were measured to help, far fewer rarely do"
    return f"{told}{few}." if len(split.train) < _MEASURED else f"{told}."
