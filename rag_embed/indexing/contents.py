"""`Contents`: what an index holds, read as it was added, what filters know of it, what lies around a hit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag_embed.arguments import count, naming_throughout
from rag_embed.errors import BadInput, class_of
from rag_embed.fields import Fields, FieldTypes
from rag_embed.filters import Filter
from rag_embed.indexing.reported import AddReport
from rag_embed.indexing.settings import read
from rag_embed.indexing.spaces import Spaces
from rag_embed.protocols import Store
from rag_embed.ranking.joining import Passage, passages
from rag_embed.ranking.visibility import visible
from rag_embed.reading import AS_WRITTEN
from rag_embed.stores.rereading import with_view
from rag_embed.types import Chunk, Citation, Document, Hit, Query, check_hits


@naming_throughout
class Contents:
    """The documents and chunks of one index.

    Args:
        store: Store of the index.
        spaces: Its vector spaces.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add(Document("a", "The fox is red.")).added
        1
        >>> index.contents.document("a").text
        'The fox is red.'
    """

    def __init__(self, store: Store, spaces: Spaces) -> None:
        self._store = store
        self._spaces = spaces

    def document(
        self, id: str, *, user: str | None = None, groups: Sequence[str] = ()
    ) -> Document | None:
        """A document as it was added; None when there is none that the user sees."""
        return next(iter(self.documents([id], user=user, groups=groups)), None)

    def documents(
        self, ids: Sequence[str], *, user: str | None = None, groups: Sequence[str] = ()
    ) -> list[Document]:
        """Those of the documents that the user sees, as they were added, in the order of ``ids``.

        `matching` lists the ids that there are: ``contents.documents(contents.matching())`` is all of them.

        Args:
            ids: Ids of documents.
            user: Sees shared documents and this user's own; ``None`` sees shared ones only.
            groups: The user's groups; documents that name one of them are seen too.
        """
        wanted, whom = listed("documents()", ids), Query("", user=user, groups=groups).principal
        found = with_view(self._store, lambda view: view.documents(wanted))
        return [document for document in found if whom.sees(document.audience)]

    def matching(
        self, where: Filter | None = None, *, user: str | None = None, groups: Sequence[str] = ()
    ) -> list[str]:
        """Ids of the documents with a chunk that matches and that the user sees, sorted; all by default.

        Raises:
            BadInput: The filter does not fit the fields.
        """
        asked = Query("", where=where, user=user, groups=groups)
        return with_view(self._store, lambda view: view.matching(visible(asked, view)))

    def chunks(
        self, id: str, *, user: str | None = None, groups: Sequence[str] = ()
    ) -> list[Chunk]:
        """All chunks of a document that the user sees, in reading order; none of one that is unknown."""
        whom = Query("", user=user, groups=groups).principal
        found = with_view(self._store, lambda view: view.document_chunks(id))
        return [chunk for chunk in found if whom.sees(chunk.audience)]

    def count(
        self, where: Filter | None = None, *, user: str | None = None, groups: Sequence[str] = ()
    ) -> int:
        """How many chunks match and are seen by the user.

        Raises:
            BadInput: The filter does not fit the fields.
        """
        asked = Query("", where=where, user=user, groups=groups)
        if where is None:
            return with_view(self._store, lambda view: view.count(asked.principal))
        return with_view(self._store, lambda view: len(view.passing(visible(asked, view))))

    def neighbours(self, chunk: Chunk | Hit, *, before: int = 1, after: int = 1) -> list[Chunk]:
        """The chunk with those before and after it in its document, in reading order.

        Raises:
            BadInput: ``before`` or ``after`` is no count.
        """
        chunk = _chunk(chunk)
        first = chunk.ordinal - count("before", before, 0)
        last = chunk.ordinal + count("after", after, 0)
        return [one for one in self._beside(chunk) if first <= one.ordinal <= last]

    def section(self, chunk: Chunk | Hit) -> list[Chunk]:
        """All chunks under the same headings, in reading order; the document if it has none."""
        chunk = _chunk(chunk)
        depth = len(chunk.headings)
        return [one for one in self._beside(chunk) if one.headings[:depth] == chunk.headings]

    def _beside(self, chunk: Chunk) -> list[Chunk]:
        """The chunks of its document; none of one that others may read than might when it was found."""
        found = with_view(self._store, lambda view: view.document_chunks(chunk.doc_id))
        return [one for one in found if one.audience == chunk.audience]

    def passages(self, hits: Sequence[Hit], budget: int) -> list[Passage]:
        """Neighbouring hits joined into the best contiguous passages.

        Args:
            hits: What was found, best first.
            budget: Tokens of a passage at most.

        Returns:
            Passages of whole chunks that cover all hits, best first; see `ranking.joining`.

        Raises:
            BadInput: The budget is out of range.
        """
        check_hits("passages()", hits)
        counted = self._spaces.own.encoder.token_spans
        return with_view(self._store, lambda view: passages(view, hits, budget, counted))

    def citation(self, hit: Chunk | Hit) -> Citation:
        """Where a hit stands, with the line it starts on and the path of its file, where these are known.

        The index remembers where its folders lie; a document that came from elsewhere is cited by what its
        metadata says. See `types.Citation`.
        """
        chunk = _chunk(hit)
        name, _, below = str(chunk.metadata.get("path", "")).partition("/")
        root = read(self._store).roots.get(name)
        place = str(Path(root.place, below)) if root is not None and root.place and below else ""
        line = None
        if chunk.metadata.get("format") in AS_WRITTEN:
            document = self.document(chunk.doc_id, user=chunk.user, groups=chunk.readers)
            front = str(chunk.metadata.get("front_matter", ""))
            if document is not None:
                line = document.text.count("\n", 0, chunk.start) + 1
                line += front.count("\n") + 2 if front else 0
        at = hit.at if isinstance(hit, Hit) else None
        return Citation.of(chunk, place=place, line=line, at=at)

    def declare(self, fields: FieldTypes) -> AddReport:
        """Let filters use more of the metadata, of what is stored and of what comes; nothing is encoded.

        Fields that are declared already stay. Programs that have the index open know of the new ones when they
        open it again; until then they search as before, and add nothing.

        Args:
            fields: Names and types, as in ``Index.create(..., fields={"year": int})``.

        Returns:
            In ``partly``, values of stored documents that do not fit their type: filters take them for
            missing, and their document keeps them.

        Raises:
            BadInput: A type is unknown, a name is taken, or it is declared as another type.

        Examples:
            >>> from rag_embed import Document, Index, field
            >>> from rag_embed.encoders import HashEncoder
            >>> index = Index.in_memory(encoder=HashEncoder())
            >>> index.add(Document("a", "The fox is red.", metadata={"year": 2024})).added
            1
            >>> index.contents.declare({"year": int}).partly
            ()
            >>> index.contents.matching(field("year") >= 2020)
            ['a']
        """
        told = self._store.declare(Fields.of(fields))
        self._store.tidy()
        return AddReport(partly=tuple(told))

    def stats(self) -> dict[str, Any]:
        """Counts, sizes, the signature of the index's own space, why chunks are situated so."""
        why = read(self._store).situated
        own = {"signature": asdict(self._spaces.own.signature)}
        return {**self._store.stats(), **own, **({"situated": why} if why else {})}


def listed(what: str, ids: Sequence[str]) -> list[str]:
    """Ids as a list; one str alone is refused, since its letters would be taken for ids.

    Raises:
        BadInput: It is one str, or no list, or something in it is no str.
    """
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise BadInput(
            f"{what} takes a list of ids, got {class_of(ids)}; give [id]. contents.matching() lists those "
            "that there are."
        )
    found = list(ids)
    if strange := [one for one in found if not isinstance(one, str)]:
        raise BadInput(f"{what} takes ids, each a str, got {class_of(strange[0])}.")
    return found


def _chunk(given: Chunk | Hit) -> Chunk:
    """A chunk, or that of a hit.

    Raises:
        BadInput: It is neither.
    """
    chunk = given.chunk if isinstance(given, Hit) else given
    if not isinstance(chunk, Chunk):
        raise BadInput(f"Expected a hit or its chunk, got {class_of(chunk)}.")
    return chunk
