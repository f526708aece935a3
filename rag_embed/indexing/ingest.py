"""Documents into a store: skip what is unchanged, cut, encode, write, in bounded memory.

Killing the process at any instant loses no committed document: a batch is one commit, and a
document counts as stored only when all of its chunks are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from rag_embed.errors import BadInput, class_of
from rag_embed.indexing.batches import TIDIED, Batches, in_growing_batches
from rag_embed.indexing.computed import WORTH_READING, Encoders
from rag_embed.indexing.cutting import unwieldy
from rag_embed.indexing.documents import content_hash, fitting, usable
from rag_embed.indexing.origin import bare, origin_of, taken
from rag_embed.indexing.reported import AddReport, Change
from rag_embed.indexing.workers import Compute, Workers, in_order, workers_of
from rag_embed.protocols import ChunkEncoder, SparseEncoder, Splitter, Store
from rag_embed.stores.checks import check_owners
from rag_embed.stores.rereading import with_view
from rag_embed.types import (
    Audience,
    Chunk,
    ChunkRows,
    Cut,
    Document,
    OnProgress,
    Progress,
    Skipped,
)


@dataclass(frozen=True, slots=True)
class _New:
    """A document that must be written.

    Attributes:
        document: The document.
        digest: Its content hash.
        action: What is done.
        handed: Whether other groups may read it than before, and nothing else has changed.
    """

    document: Document
    digest: str
    action: Literal["add", "replace"]
    handed: bool = False

    @property
    def looked_up(self) -> str:
        """Id of a stored document that may be in the way: its own, or the bare name of its file; or none."""
        document, origin = self.document, origin_of(self.document)
        if self.action == "replace" and origin:
            return document.id
        return bare(document) if document.id == origin else ""


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is written at once, and a report of the others that came with it; see `_New` for ``handed``."""

    parts: list[tuple[_New, Cut]]
    passed: AddReport
    handed: bool = False


@dataclass(frozen=True, slots=True)
class Ingest:
    """Adds documents to a store.

    Attributes:
        store: The store they go to.
        splitter: Cuts documents.
        spaces: Chunk encoder of each space.
        lenient: Whether a value of the metadata that cannot be stored is left out and reported, and not an
            error. A document whose id is none, or another owner's, is skipped in any case.
        sparse: Encoder of each sparse space.
        workers: Who computes what is written: processes, or `workers.Workers`.
    """

    store: Store
    splitter: Splitter
    spaces: Mapping[str, ChunkEncoder]
    lenient: bool = False
    sparse: Mapping[str, SparseEncoder] = field(default_factory=dict)
    workers: int | Workers = 1

    def add(
        self, documents: Iterable[Document | Skipped], progress: OnProgress | None = None
    ) -> AddReport:
        """See `Index.add`."""
        report = AddReport()
        workers = workers_of(self.workers)
        with workers.at_work(self._encoders) as begin:
            batches = self._batches(documents)
            written = 0
            for batch, rows in in_order(partial(self._begun, begin), batches, workers.ahead):
                report += batch.passed
                if batch.parts:
                    report += self._write(batch.parts, rows)
                    written += 1
                    if written % TIDIED == 0:
                        self.store.tidy()
                _say(progress, report)
        return report

    def _batches(self, documents: Iterable[Document | Skipped]) -> Iterator[_Batch]:
        batch: list[tuple[_New, Cut]] = []
        batches, handing = Batches(), Batches()
        for some, passed in self._compared(documents):
            handed: list[tuple[_New, Cut]] = []
            for new in some:
                cut = Cut(new.document, self._chunks(new.document))
                if (reason := unwieldy(cut)) is not None:
                    passed += self._refused(new.document.id, reason)
                    continue
                if new.handed:
                    handed.append((new, cut))
                    if handing.full_after(cut):
                        yield _Batch(handed, AddReport(), True)
                        handed = []
                    continue
                batch.append((new, cut))
                if batches.full_after(cut):
                    yield _Batch(batch, AddReport())
                    batch = []
            yield _Batch(handed, passed, bool(handed))
        yield _Batch(batch, AddReport())

    def _begun(self, begin: Compute, batch: _Batch) -> Callable[[], ChunkRows]:
        """Begin to compute a batch; where stored vectors are read, this process does it."""
        cuts = [cut for _, cut in batch.parts]
        if not cuts:
            return lambda: ChunkRows([], {})
        if batch.handed:
            return lambda: self._encoders.rows_kept(cuts, self.store)
        if stored := self._stored(batch.parts):
            return lambda: self._encoders.rows_again(cuts, stored, self.store)
        return begin(cuts)

    @property
    def _encoders(self) -> Encoders:
        return Encoders(self.spaces, self.sparse)

    def _refused(self, id: str, reason: str) -> AddReport:
        if not self.lenient:
            raise BadInput(f"Document {id!r} {reason}.")
        return AddReport(skipped=(Skipped(id, reason),))

    def planned(self, documents: Iterable[Document | Skipped]) -> AddReport:
        """What `add` would do; nothing is cut, encoded or written."""
        report = AddReport()
        for some, passed in self._compared(documents):
            changes = tuple(Change(new.action, new.document.id) for new in some)
            report += replace(_counted(some), planned=changes) + passed
        return report

    def _chunks(self, document: Document) -> list[Chunk]:
        """The document's chunks; one without text has an empty one that its title is found by."""
        chunks = self.splitter.split(document)
        if strange := [one for one in chunks if not isinstance(one, Chunk)]:
            raise BadInput(
                f"{class_of(self.splitter)}.split() must give rag_embed.Chunk, got "
                f"{class_of(strange[0])}; Chunk.of(document, start, end) makes one."
            )
        if not chunks and document.title.strip():
            return [Chunk.of(document, 0, 0)]
        return chunks

    def _compared(
        self, documents: Iterable[Document | Skipped]
    ) -> Iterator[tuple[list[_New], AddReport]]:
        """What must be written, some at a time, and a report of the others that came with it."""
        seen: dict[str, str] = {}
        for some in in_growing_batches(documents):
            good, skipped = usable(some, seen)
            known = self.store.known([document.id for document in good])
            changed: list[_New] = []
            unchanged = 0
            for document in good:
                stored, before = known.get(document.id, (None, document.audience))
                try:
                    check_owners([document], {document.id: before})
                except BadInput as error:
                    skipped.append(Skipped(document.id, str(error)))
                    continue
                try:
                    digest = self._digest(document)
                except BadInput:
                    if not self.lenient:
                        raise
                    document, left = fitting(document, self.store.fields)
                    skipped += left
                    digest = self._digest(document)
                if stored == digest:
                    unchanged += 1
                else:
                    action: Literal["add", "replace"] = "add" if stored is None else "replace"
                    changed.append(
                        _New(document, digest, action, _handed(document, before, stored))
                    )
            changed, others = self._own(changed)
            guessed = tuple(
                (one.id, str(one.metadata.get("encoding")))
                for one in good
                if one.metadata.get("encoding_guessed")
            )
            skipped += others
            yield changed, AddReport.of(skipped, unchanged=unchanged, guessed=guessed)

    def _digest(self, document: Document) -> str:
        """Hash of a document that can be stored."""
        digest = content_hash(document)
        self.store.fields.values(document)
        return digest

    def _own(self, changed: Sequence[_New]) -> tuple[list[_New], list[Skipped]]:
        """Without those whose id is taken by a document that came from elsewhere, or whose file is there."""
        asked = {id for new in changed if (id := new.looked_up)}
        found = with_view(self.store, lambda view: view.documents(sorted(asked))) if asked else []
        stored = {document.id: document for document in found}
        own, skipped = [], []
        for new in changed:
            reason = taken(new.document, stored.get(new.looked_up))
            if reason is None:
                own.append(new)
            else:
                skipped.append(Skipped(new.document.id, reason))
        return own, skipped

    def _stored(self, batch: Sequence[tuple[_New, Cut]]) -> list[str]:
        """Ids of those whose stored vectors are worth reading."""
        long = [
            new.document.id
            for new, cut in batch
            if new.action == "replace" and len(cut.chunks) >= WORTH_READING
        ]
        return [id for id, (digest, _) in self.store.known(long).items() if digest]

    def _write(self, batch: Sequence[tuple[_New, Cut]], rows: ChunkRows) -> AddReport:
        try:
            self.store.replace([(new.document, new.digest) for new, _ in batch], rows)
        except BadInput:
            report, left = self._left(batch)
            if len(left) == len(batch):
                raise
            if not left:
                return report
            return report + self._write(left, self._encoders.rows([cut for _, cut in left]))
        return replace(_counted([new for new, _ in batch]), chunks=len(rows.chunks))

    def _left(
        self, batch: Sequence[tuple[_New, Cut]]
    ) -> tuple[AddReport, Sequence[tuple[_New, Cut]]]:
        """Those whose id nobody has taken meanwhile, and a report of the others."""
        cuts = {new.document.id: cut for new, cut in batch}
        report, left = AddReport(), []
        for some, passed in self._compared([new.document for new, _ in batch]):
            report += passed
            left += [(new, cuts[new.document.id]) for new in some]
        return report, left


def _handed(document: Document, before: Audience, stored: str | None) -> bool:
    """Whether a stored document has changed in nothing but its readers."""
    if not stored or document.audience == before:
        return False
    return content_hash(replace(document, readers=before.readers or None)) == stored


def _counted(some: Sequence[_New]) -> AddReport:
    added = sum(new.action == "add" for new in some)
    return AddReport(added=added, replaced=len(some) - added)


def _say(progress: OnProgress | None, report: AddReport) -> None:
    if progress is not None:
        done = report.documents + len(report.skipped)
        progress(Progress(done, chunks=report.chunks))
