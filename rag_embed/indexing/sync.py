"""Deleting on evidence: only what came from where one looks now, and is seen to be gone.

Two kinds of evidence. A *folder* shows which of its files are gone. A *scope* is a name that a program
gives to all documents of a kind; an iterable that ends shows which of them are gone. Neither deletes
documents that came from elsewhere or that a program added; and where nothing at all comes of what the
index holds, the place is taken to be out of reach, not empty. What has an owner goes only where
something else of the same owner came under the same scope, and is told where it stays.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from operator import methodcaller

from rag_embed.arguments import check_calls
from rag_embed.errors import BadInput
from rag_embed.indexing import settings
from rag_embed.indexing.evidence import Evidence, Mode
from rag_embed.indexing.ingest import Ingest
from rag_embed.indexing.origin import marked, origin_of
from rag_embed.indexing.reported import AddReport, Change
from rag_embed.indexing.roots import Root, scope_root
from rag_embed.protocols import Store
from rag_embed.stores.rereading import with_view
from rag_embed.text import amount
from rag_embed.types import Document, OnProgress, Skipped

_log = logging.getLogger(__name__)

_READ = 1000
"""Stored documents that are looked at together."""


@dataclass
class Scope:
    """All documents of a kind, under a name.

    Attributes:
        name: The name.
        given: All documents that there are of it, and what could not be read.
    """

    name: str
    given: Iterable[Document | Skipped]
    came: set[str] = field(default_factory=set)
    _owners: set[str | None] = field(default_factory=lambda: {None})
    _skipped: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, store: Store, scope: str, documents: Iterable[Document | Skipped]) -> Scope:
        """The scope of this name in an index.

        Raises:
            BadInput: The name cannot be one, or is that of a folder.
        """
        found = cls(scope, documents)
        found.claim(settings.read(store).roots)
        return found

    def claim(self, known: Mapping[str, Root], /) -> Mapping[str, Root]:
        """See `Evidence`."""
        return {**known, self.name: scope_root(self.name, known)}

    def documents(self) -> Iterator[Document | Skipped]:
        """See `Evidence`."""
        for one in self.given:
            if isinstance(one, Document):
                self.came.add(one.id)
                self._owners.add(one.user)
                yield marked(one, self.name)
            else:
                if isinstance(one, Skipped):
                    self._skipped.add(re.sub(r":\d+$", "", one.source))
                yield one

    def source(self, stored: Document, /) -> str | None:
        """See `Evidence`."""
        return self.name if origin_of(stored) == self.name else None

    def gone(self, stored: Document, /) -> bool:
        """See `Evidence`."""
        return not _left_out(stored, self._skipped)

    def silent(self, source: str, /) -> bool:
        """See `Evidence`."""
        return not self.came

    def speaks_for(self, owner: str | None, /) -> bool:
        """See `Evidence`."""
        return owner in self._owners

    def unsure(self, stored: Document, /) -> str | None:
        """See `Evidence`."""
        return self.name if _left_out(stored, self._skipped) else None

    def remarks(self, store: Store, /) -> Iterable[str]:
        """See `Evidence`."""
        return ()


def added(
    ingest: Ingest, documents: Iterable[Document | Skipped], progress: OnProgress | None = None
) -> AddReport:
    """Add what comes, and delete nothing; see `Index.add`.

    Documents that came as such and are skipped are warned of, with the first reason.
    """
    check_calls("progress", progress, needed=False)
    unread: set[str] = set()
    report = _tidied(ingest.store, ingest.add(_noting(documents, unread), progress))
    refused = [one for one in report.failed if not one.partly and one.source not in unread]
    if refused:
        told = amount(len(refused), "document")
        _log.warning("%s skipped, %s: %s", told, refused[0].source, refused[0].reason)
    return report


def _noting(
    documents: Iterable[Document | Skipped], unread: set[str]
) -> Iterator[Document | Skipped]:
    """The same; what a reader could not read is noted."""
    for one in documents:
        if isinstance(one, Skipped):
            unread.add(one.source)
        yield one


def synced(
    ingest: Ingest, evidence: Evidence, mode: Mode, progress: OnProgress | None = None
) -> AddReport:
    """Add what comes, and delete what is seen to be gone.

    Raises:
        BadInput: A name was taken a moment ago, or nothing came from a place of which the index holds
            documents; none is deleted.
    """
    check_calls("progress", progress, needed=False)
    store = ingest.store
    if mode.dry_run:
        report = ingest.planned(evidence.documents())
        gone, notes = _gone(store, evidence, mode)
        planned = tuple(Change("delete", id) for id in gone)
        return report + AddReport(deleted=len(gone), planned=planned, notes=notes)
    _remember(store, evidence)
    report = ingest.add(evidence.documents(), progress)
    gone, notes = _gone(store, evidence, mode)
    report += AddReport(deleted=store.delete(gone), notes=notes)
    return _tidied(store, report)


def _tidied(store: Store, report: AddReport) -> AddReport:
    if report.added or report.replaced or report.deleted:
        store.tidy()
    return report


def _remember(store: Store, evidence: Evidence) -> None:
    """Take the names, with no other process in between that takes the same."""
    known = settings.read(store).roots
    if evidence.claim(known) != known:
        settings.write(store, lambda own: replace(own, roots=evidence.claim(own.roots)))


def _gone(store: Store, evidence: Evidence, mode: Mode) -> tuple[list[str], tuple[str, ...]]:
    """Ids of the stored documents that are seen to be gone, and what is to be said."""
    remarks = tuple(evidence.remarks(store))
    if not mode.prune:
        return [], remarks
    ids = [id for id in store.document_ids() if id not in evidence.came]
    gone: list[str] = []
    silent: Counter[str] = Counter()
    unsure: Counter[str] = Counter()
    owned: Counter[str] = Counter()
    left: list[str] = []
    for start in range(0, len(ids), _READ):
        some = ids[start : start + _READ]
        for document in with_view(store, methodcaller("documents", some)):
            source = evidence.source(document)
            if source is None:
                continue
            if not evidence.speaks_for(document.user):
                owned[source] += evidence.gone(document)
                continue
            if evidence.silent(source):
                silent[source] += 1
            if evidence.gone(document):
                gone.append(document.id)
            elif torn := evidence.unsure(document):
                unsure[torn] += 1
            else:
                left.append(document.id)
    if silent and not mode.allow_empty:
        source, count = silent.most_common(1)[0]
        raise BadInput(
            f"Nothing could be read from {source!r}, of which the index holds {amount(count, 'document')}, so "
            "none was deleted: it may be out of reach. If it is meant to be empty, say so with "
            "allow_empty (--allow-empty)."
        )
    kept = (
        f"Kept although missing: {amount(count, 'document')} of {name!r}, since not all of it could be read."
        for name, count in unsure.items()
    )
    there = (
        f"Kept although left out this time: {amount(len(left), 'document')}, such as {one!r}: "
        "pruning follows files that are gone. If they are to go, delete them (rag-embed delete KB ID)."
        for one in left[:1]
    )
    private = (
        f"Kept although missing: {amount(count, 'document')} with an owner, from {name!r}. Of an owner of whom "
        "nothing came, nothing is deleted; if they are to go, delete them by id."
        for name, count in owned.items()
        if count
    )
    return gone, (*remarks, *kept, *there, *private)


def _left_out(document: Document, skipped: Container[str]) -> bool:
    """Whether a document's source is among those skipped, or lies below one of them."""
    paths = (document.id, str(document.metadata.get("path", document.id)))
    around = (parent for path in paths for parent in accumulate(path.split("/"), "{}/{}".format))
    return any(one in skipped for one in around)
