"""Deleting on evidence: only what came from where one looks now, and is seen to be gone.

Two kinds of evidence. A *folder* shows which of its files are gone. A *scope* is a name that a program
gives to all documents of a kind; an iterable that ends shows which of them are gone. Neither deletes
documents that have an owner, that came from elsewhere, or that a program added; and where nothing at
all comes of what the index holds, the place is taken to be out of reach, not empty.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from operator import methodcaller
from pathlib import Path

from rag_embed.errors import BadInput
from rag_embed.events import check_user
from rag_embed.indexing import settings
from rag_embed.indexing.evidence import Evidence
from rag_embed.indexing.ingest import AddReport, Change, Ingest
from rag_embed.indexing.origin import marked, origin_of
from rag_embed.indexing.roots import Part, Root, parts_of, scope_root
from rag_embed.paths import absolute
from rag_embed.protocols import Store
from rag_embed.reading.files import checked, read_file
from rag_embed.reading.selection import Selection
from rag_embed.reading.walk import walk
from rag_embed.stores.rereading import with_view
from rag_embed.types import Document, OnProgress, Skipped

_READ = 1000
"""Stored documents that are looked at together."""


@dataclass(frozen=True, slots=True)
class Mode:
    """How far one goes.

    Attributes:
        prune: Whether anything is deleted.
        allow_empty: Whether all of a place may be deleted, since nothing comes from it.
        dry_run: Whether nothing is changed, and the report lists what would be.
    """

    prune: bool
    allow_empty: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.allow_empty and not self.prune:
            raise BadInput("allow_empty says how far prune goes; use both (--prune --allow-empty).")


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


@dataclass
class Files:
    """Files below folders.

    Attributes:
        paths: The files and folders.
        name: The name of the only folder; its own by default.
        chosen: Which of the files below them.
        user: Owner of documents whose file names none.
        parts: What is read of each folder.
    """

    paths: Sequence[str | os.PathLike[str]]
    name: str | None = None
    chosen: Selection = field(default_factory=Selection)
    user: str | None = None
    parts: Sequence[Part] = ()
    came: set[str] = field(default_factory=set)
    _read: set[str] = field(default_factory=set)
    _spoke: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        store: Store,
        paths: Sequence[str | os.PathLike[str]],
        name: str | None,
        chosen: Selection,
        user: str | None,
        mode: Mode,
    ) -> Files:
        """Files and folders for an index; see `Index.add_files`.

        Raises:
            BadInput: One cannot be read, its name is taken, or an owner's files are to be pruned.
        """
        if user is not None and check_user(user) and mode.prune:
            raise BadInput(
                "Documents with an owner are never pruned; leave out user or prune (--user or --prune)."
            )
        for path in paths:
            if os.path.lexists(absolute(path)) or not (mode.prune and mode.allow_empty):
                checked(path)
        found = cls(paths, name, chosen, user)
        found.claim(settings.read(store).roots)
        return found

    def claim(self, known: Mapping[str, Root], /) -> Mapping[str, Root]:
        """See `Evidence`."""
        self.parts = parts_of(self.paths, self.name, known)
        return {**known, **{part.root.name: part.root for part in self.parts}}

    def documents(self) -> Iterator[Document | Skipped]:
        """See `Evidence`."""
        for part in self.parts:
            named = self.chosen.named or not part.place.is_dir()
            for found in walk(part.place, part.name, self.chosen, part.without):
                if isinstance(found, Skipped):
                    yield found
                else:
                    yield from self._file(part, *found, named)

    def _file(self, part: Part, path: Path, name: str, named: bool) -> Iterator[Document | Skipped]:
        whole = True
        for one in read_file(path, name, named=named):
            if isinstance(one, Skipped):
                whole = False
                yield one
            else:
                self.came.add(one.id)
                self._spoke.add(str(part.place))
                yield marked(replace(one, user=one.user or self.user), name)
        if whole:
            self._read.add(name)

    def source(self, stored: Document, /) -> str | None:
        """See `Evidence`."""
        part = self._part(stored)
        return None if part is None else str(part.place)

    def gone(self, stored: Document, /) -> bool:
        """See `Evidence`."""
        name, part = origin_of(stored), self._part(stored)
        if part is None:
            return False
        return name in self._read or _missing(Path(part.root.place, name.partition("/")[2]))

    def silent(self, source: str, /) -> bool:
        """See `Evidence`."""
        return source not in self._spoke

    def _part(self, stored: Document) -> Part | None:
        name = origin_of(stored)
        return next((part for part in self.parts if part.holds(name)), None)


def added(
    ingest: Ingest, documents: Iterable[Document | Skipped], progress: OnProgress | None = None
) -> AddReport:
    """Add what comes, and delete nothing; see `Index.add`."""
    return _tidied(ingest.store, ingest.add(documents, progress))


def synced(
    ingest: Ingest, evidence: Evidence, mode: Mode, progress: OnProgress | None = None
) -> AddReport:
    """Add what comes, and delete what is seen to be gone.

    Raises:
        BadInput: A name was taken a moment ago, or nothing came from a place of which the index holds
            documents; none is deleted.
    """
    store = ingest.store
    if mode.dry_run:
        report = ingest.planned(evidence.documents())
        gone = _gone(store, evidence, mode)
        planned = tuple(Change("delete", id) for id in gone)
        return report + AddReport(deleted=len(gone), planned=planned)
    _remember(store, evidence)
    report = ingest.add(evidence.documents(), progress)
    report += AddReport(deleted=store.delete(_gone(store, evidence, mode)))
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


def _gone(store: Store, evidence: Evidence, mode: Mode) -> list[str]:
    """Ids of the stored documents that are seen to be gone."""
    if not mode.prune:
        return []
    ids = [id for id in store.document_ids() if id not in evidence.came]
    gone: list[str] = []
    silent: Counter[str] = Counter()
    for start in range(0, len(ids), _READ):
        some = ids[start : start + _READ]
        for document in with_view(store, methodcaller("documents", some)):
            source = evidence.source(document) if document.user is None else None
            if source is None:
                continue
            if evidence.silent(source):
                silent[source] += 1
            if evidence.gone(document):
                gone.append(document.id)
    if silent and not mode.allow_empty:
        source, count = silent.most_common(1)[0]
        raise BadInput(
            f"Nothing could be read from {source!r}, of which the index holds {count} documents, so "
            "none was deleted: it may be out of reach. If it is meant to be empty, say so with "
            "allow_empty (--allow-empty)."
        )
    return gone


def _left_out(document: Document, skipped: Container[str]) -> bool:
    """Whether a document's source is among those skipped, or lies below one of them."""
    paths = (document.id, str(document.metadata.get("path", document.id)))
    around = (parent for path in paths for parent in accumulate(path.split("/"), "{}/{}".format))
    return any(one in skipped for one in around)


def _missing(path: Path) -> bool:
    """Whether a file is seen to be gone; False where one cannot look."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False
