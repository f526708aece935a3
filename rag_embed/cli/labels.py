"""Labels as a shell gives them: two files for an index, or the folder of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rag_embed import evaluation as ev
from rag_embed.cli.show import err
from rag_embed.cli.sources import name_of
from rag_embed.index import Index
from rag_embed.text import amount
from rag_embed.types import Document

Strict = Annotated[
    bool,
    typer.Option(
        "--strict/--no-strict",
        help="Refuse labels of documents that are not there; --no-strict counts these as never found.",
    ),
]
"""The option of every command that reads labels, as `evaluation.read_labels` names it."""


def labels_of(
    index: Index, source: str, queries: Path, qrels: Path, *, strict: bool
) -> ev.Collection:
    """The labels of an index's documents.

    Raises:
        BadInput: A file is missing or malformed, or, if strict, names a document that is not there.
    """
    documents = tuple(Document(id, "") for id in index.store.document_ids())
    return _told(ev.read_labels(documents, queries, qrels, name=name_of(source), strict=strict))


def collection_at(
    source: str, queries: Path | None, qrels: Path | None, *, strict: bool
) -> ev.Collection:
    """The collection in a folder, or a ``corpus.jsonl`` with the labels named beside it.

    Raises:
        BadInput: As above.
    """
    if queries is None or qrels is None:
        return _told(ev.read_collection(source, strict=strict))
    corpus = Path(source, "corpus.jsonl") if Path(source).is_dir() else Path(source)
    name = corpus.resolve().parent.name
    return _told(ev.read_files(corpus, queries, qrels, name=name, strict=strict))


def _told(labels: ev.Collection) -> ev.Collection:
    """The same labels; how many name documents that are not there is said."""
    known = {document.id for document in labels.documents}
    lost = [id for grades in labels.qrels.values() for id in grades if id not in known]
    if lost:
        err.print(
            f"{amount(len(lost), 'label')} of documents that are not there, such as {lost[0]!r}, "
            f"{'counts' if len(lost) == 1 else 'count'} as never found",
            markup=False,
            soft_wrap=True,
        )
    return labels
