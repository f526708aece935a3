"""``rag-embed index``: files into an index, again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from rag_embed.cli.asking import weighed
from rag_embed.cli.declared import empty_fields, fields_of_index, meant, typed
from rag_embed.cli.foreign import noted
from rag_embed.cli.making import Engine, Shape, made, opened
from rag_embed.cli.reporting import advance, tell
from rag_embed.cli.show import counted, documents_bar, emit, err
from rag_embed.cli.watching import follow
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, RagEmbedError
from rag_embed.fields import Fields
from rag_embed.index import Index
from rag_embed.indexing import AddReport
from rag_embed.indexing.folders import Files, Looking
from rag_embed.indexing.noted import remove_note
from rag_embed.indexing.watching import Chosen
from rag_embed.reading import paths, read
from rag_embed.reading.files import holds_many
from rag_embed.stores.opening import opened_or_made
from rag_embed.stores.places import check_free, place
from rag_embed.types import Document

_NOTHING = "stopped; nothing was written yet."
_SAMPLE = 2000
"""Documents that the best way to situate chunks is looked for among."""


def index(
    sources: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files or folders.")],
    to: Annotated[str, typer.Option(help="Folder or object-store URI of the index.")],
    model: Annotated[
        str | None,
        typer.Option(help="Name or folder of a sentence-transformers model, for a new index."),
    ] = None,
    chunk_tokens: Annotated[
        int | None,
        typer.Option(help="Longest chunk in tokens, for a new index.", show_default="200"),
    ] = None,
    chunk_overlap: Annotated[
        int | None,
        typer.Option(
            help="Tokens, in whole sentences, that a chunk repeats from the one before it, for a "
            "new index.",
            show_default="0",
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            help="Only files that match, such as docs/**/*.md; repeat it.", show_default="all"
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="No files and folders that match, such as drafts/; repeat it."),
    ] = None,
    ignore_files: Annotated[
        bool, typer.Option(help="Leave out what .gitignore and .ignore name.")
    ] = True,
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
            help="Keep token evidence, in an index without it by encoding its chunks again.",
            show_default="with models that were measured",
        ),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            help="How much a leg counts as name=number, for a new index: dense, lexical or tokens; "
            "repeat it. What is not named counts nothing."
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="Filterable metadata as name:type, also for what is stored; repeat it."),
    ] = None,
    fields_of: Annotated[
        str | None,
        typer.Option(
            help="Index whose declared fields this one gets too, as for what was exported from it.",
            metavar="KB",
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="Language of lexical search, for a new index; auto goes by each text.",
            show_default="auto",
        ),
    ] = None,
    durable: Annotated[
        bool | None,
        typer.Option(
            "--durable/--no-durable",
            help="Sync every write to the disk, for a new index: slower, and a power cut takes nothing.",
            show_default="no",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="First part of the ids of a folder's documents, if its own name is taken or new.",
            show_default="its own name",
        ),
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Owner of the documents, who alone finds them.")
    ] = None,
    readers: Annotated[
        list[str] | None,
        typer.Option(
            "--reader", help="Group that finds the documents, and no others do; repeat it."
        ),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete documents of these folders whose file is gone.")
    ] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Prune even where no file is left, or no folder.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be done, and change nothing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 4 if a file could not be read.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on with what changes, until it is stopped.")
    ] = False,
    workers: Annotated[
        int, typer.Option(help="Processes that encode, each with a model of its own.", min=1)
    ] = 1,
    engine: Annotated[
        Engine, typer.Option(help="Where they run: on this machine, or on a Ray cluster.")
    ] = Engine.processes,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Add files to an index; unchanged ones cost nothing, changed ones are replaced."""
    if watch and (dry_run or strict):
        raise BadInput("--watch goes on until it is stopped; leave out --dry-run and --strict.")
    started = time.perf_counter()
    there = [one for one in sources if one.exists()] if allow_empty else sources
    chosen = Chosen(include=include, exclude=exclude, ignore_files=ignore_files)
    fresh = False
    shape = Shape(
        model=model,
        chunk_tokens=chunk_tokens,
        chunk_overlap=chunk_overlap,
        situate=situate,
        tokens=tokens,
        weights=dict(map(weighed, weight or [])),
        fields={**fields_of_index(fields_of), **dict(map(typed, field or []))},
        language=language,
        durable=durable,
    )

    def new() -> Index:
        nonlocal fresh
        if dry_run:
            check_free(place(to))
            return Index.in_memory(encoder=HashEncoder(), fields=shape.fields)
        sample = _sample(there, chosen) if situate == "auto" else None
        kb = made(to, shape, sample)
        fresh = True
        return kb

    with _nothing_written_yet():
        total = _expected(there, chosen)
        kb = opened_or_made(lambda: opened(to, shape), new)
    with _no_empty_index_left(to) if fresh else nullcontext():
        looking: Looking = {
            "include": include,
            "exclude": exclude,
            "ignore_files": ignore_files,
            "name": name,
            "user": user,
            "readers": readers,
        }
        asked = looking.copy()
        asked["prune"], asked["allow_empty"], asked["dry_run"] = prune, allow_empty, dry_run
        asked["workers"] = engine.of(workers)
        Files.of(kb.store, sources, asked)  # what is refused declares nothing
        if tokens and not kb.spaces.own.signature.tokens and not dry_run:
            with counted("keeping tokens", "chunks") as told:
                kb.experts.keep_tokens(progress=told)
        declared = AddReport() if dry_run else _declared(kb, shape)
        with documents_bar() as shown:
            task = shown.add_task("indexing", total=total, chunks=0, rate="")
            report = kb.add_files(
                *sources, **asked, progress=lambda now: advance(shown, task, now, started)
            )
            done = report.documents + len(report.skipped)
            shown.update(task, total=done, completed=done)
    report = declared + noted(kb, report)
    seconds = time.perf_counter() - started
    empty = empty_fields(kb)
    if as_json:
        emit(
            {
                **asdict(report),
                "reasons": report.reasons,
                "empty_fields": empty,
                "seconds": round(seconds, 3),
                "index": to,
            }
        )
    else:
        tell(report, seconds, to, dry_run)
        for name in empty:
            without = f"no document has a value in the declared field {name!r}{meant(kb, name)}"
            err.print(without, markup=False)
    if fresh and not report.documents and not watch:
        _discard(to)
        raise BadInput(f"Nothing could be added, so there is no index at {to!r}. {_remedy(report)}")
    if watch:
        follow(kb, sources, looking, as_json)
    if strict and report.failed:
        raise typer.Exit(4)


def _declared(kb: Index, shape: Shape) -> AddReport:
    """Declare fields that the index lacks; what of the stored documents does not fit."""
    new = Fields.of(shape.fields).besides(kb.store.fields).types
    return kb.contents.declare(new) if new else AddReport()


def _remedy(report: AddReport) -> str:
    if report.failed:
        return f"{report.failed[0].source}: {report.failed[0].reason}."
    return "Name files that hold text, or see what --include and --exclude leave."


def _expected(sources: Sequence[Path], chosen: Chosen) -> int | None:
    """How many documents are to come; None where one file may hold many."""
    files = list(paths(sources, **chosen))
    return None if any(holds_many(path) for path in files) else len(files)


def _sample(sources: Sequence[Path], chosen: Chosen) -> list[Document]:
    found = (one for path in sources for one in read(path, **chosen))
    return list(islice((one for one in found if isinstance(one, Document)), _SAMPLE))


@contextmanager
def _no_empty_index_left(to: str) -> Iterator[None]:
    """Remove an index that was made a moment ago if nothing could be written to it."""
    try:
        yield
    except BaseException as error:
        with suppress(RagEmbedError, OSError):  # what went wrong before is what is told
            if _discard(to) and isinstance(error, KeyboardInterrupt):
                error.args = (_NOTHING,)
        raise


@contextmanager
def _nothing_written_yet() -> Iterator[None]:
    """Let whoever stops it hear so."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.args = (_NOTHING,)
        raise


def _discard(to: str) -> bool:
    """Remove an index without documents, and its folder where nothing else is in it; whether it had none."""
    from rag_embed.stores.discarding import discarded

    if not discarded(to):
        return False
    remove_note(to)
    with suppress(OSError):  # an object store, or a folder with other files
        Path(place(to)).rmdir()
    return True
