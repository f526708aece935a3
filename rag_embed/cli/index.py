"""``rag-embed index``: files into an index, again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from rag_embed.analysis import Analyzer
from rag_embed.cli.show import counted, emit, err, facts, out
from rag_embed.errors import BadInput, NoIndex
from rag_embed.index import Index
from rag_embed.indexing.ingest import AddReport
from rag_embed.reading import paths, read
from rag_embed.situated.expressions import STANDARD
from rag_embed.types import Document, Skipped

_SHOWN = 20
_SAMPLE = 2000
"""Documents that the best way to situate chunks is looked for among."""


def index(
    sources: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files or folders.")],
    to: Annotated[str, typer.Option(help="Folder or object-store URI of the index.")],
    model: Annotated[
        str | None, typer.Option(help="sentence-transformers model, for a new index.")
    ] = None,
    chunk_tokens: Annotated[
        int | None, typer.Option(help="Longest chunk in tokens, for a new index [default: 200].")
    ] = None,
    situate: Annotated[
        str | None,
        typer.Option(
            help="How chunks know their document, for a new index: a name such as titled, or auto, "
            "which measures on a sample of the files."
        ),
    ] = None,
    tokens: Annotated[
        bool | None,
        typer.Option(
            "--tokens/--no-tokens",
            help="Keep token evidence, in an index without it by encoding its chunks again "
            "[default: with models that were measured].",
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="Filterable metadata as name:type, for a new index; repeat it."),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Of lexical search, for a new index [default: english].")
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete documents whose file is gone.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 4 if a file was skipped.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Add files to an index; unchanged ones cost nothing, changed ones are replaced."""
    started = time.perf_counter()
    _check_names(sources)
    fields = dict(map(_declared, field or []))
    kb = _opened(to, sources, model, chunk_tokens, situate, tokens, fields, language)
    if tokens and not kb.space.signature.tokens:
        with counted("keeping tokens", "chunks") as told:
            kb.keep_tokens(progress=told)
    with _bar() as bar:
        task = bar.add_task("indexing", total=len(list(paths(sources))), chunks=0, rate="")

        def progress(report: AddReport) -> None:
            _advance(bar, task, report, started)

        documents = _all(sources)
        if prune:
            report, pruned = kb.sync(documents, progress=progress)
        else:
            report, pruned = kb.add(documents, progress=progress), 0
    seconds = time.perf_counter() - started
    if as_json:
        emit({**asdict(report), "pruned": pruned, "seconds": round(seconds, 3), "index": to})
    else:
        _print(report, pruned, seconds, to)
    if strict and report.skipped:
        raise typer.Exit(4)


def _check_names(sources: Sequence[Path]) -> None:
    names = [source.resolve().name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(
                f"Several sources are called {name!r}, and their documents would get the same ids. "
                "Index the folder above them, or rename one."
            )


def _opened(
    to: str,
    sources: Sequence[Path],
    model: str | None,
    chunk_tokens: int | None,
    situate: str | None,
    tokens: bool | None,
    fields: dict[str, str],
    language: str | None,
) -> Index:
    try:
        kb = Index.open(to)
    except NoIndex:
        kb = Index.create(
            to,
            encoder=model,
            chunk_tokens=200 if chunk_tokens is None else chunk_tokens,
            situate=situate or STANDARD,
            sample=_sample(sources) if situate == "auto" else None,
            tokens=tokens,
            fields=fields,
            analyzer=Analyzer(language or "english"),
        )
        if situate == "auto":
            err.print(str(kb.stats()["situated"]), markup=False)
        return kb
    _check("--model", model, kb.space.signature.model)
    _check("--chunk-tokens", chunk_tokens, kb.splitter.max_tokens)
    if situate != "auto":
        _check("--situate", situate, kb.space.signature.chunks)
    if tokens is not True:
        _check("--tokens", tokens, bool(kb.space.signature.tokens))
    _check("--field", fields or None, dict(kb.fields.types))
    _check("--language", language, kb.analyzer.language)
    return kb


def _sample(sources: Sequence[Path]) -> list[Document]:
    return list(islice((one for one in _all(sources) if isinstance(one, Document)), _SAMPLE))


def _check(option: str, asked: object, built: object) -> None:
    if asked is not None and asked != built:
        raise BadInput(
            f"The index was built with {option} {built}, not {asked}. Leave {option} out, or build "
            "a new index."
        )


def _declared(text: str) -> tuple[str, str]:
    name, colon, kind = text.partition(":")
    if not colon:
        raise BadInput(f"--field takes name:type, such as year:int; got {text!r}.")
    return name, kind


def _all(sources: Sequence[Path]) -> Iterator[Document | Skipped]:
    """Everything below the sources; with several, ids begin with the name of their folder."""
    for source in sources:
        prefix = f"{source.resolve().name}/" if len(sources) > 1 and source.is_dir() else ""
        for one in read(source):
            if isinstance(one, Skipped):
                yield replace(one, source=prefix + one.source)
            else:
                path = prefix + str(one.metadata.get("path", one.id))
                yield replace(one, id=prefix + one.id, metadata={**one.metadata, "path": path})


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files, {task.fields[chunks]} chunks{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
    )


def _advance(bar: Progress, task: TaskID, report: AddReport, started: float) -> None:
    done = report.documents + len(report.skipped)
    rate = report.chunks / (time.perf_counter() - started)
    total = bar.tasks[task].total or 0  # a JSON-lines file holds many documents
    bar.update(
        task,
        completed=done,
        total=max(done, total),
        chunks=report.chunks,
        rate=f" ({rate:.0f}/s)" if report.chunks else "",
    )


def _print(report: AddReport, pruned: int, seconds: float, to: str) -> None:
    rows: dict[str, object] = {
        "added": report.added,
        "replaced": report.replaced,
        "unchanged": report.unchanged,
        "pruned": pruned,
        "chunks written": report.chunks,
        "skipped": len(report.skipped),
        "seconds": f"{seconds:.1f}",
    }
    out.print(facts(to, rows))
    for skipped in report.skipped[:_SHOWN]:
        err.print(f"skipped {skipped.source}: {skipped.reason}", markup=False)
    if len(report.skipped) > _SHOWN:
        err.print(f"... and {len(report.skipped) - _SHOWN} more; --json lists all")
