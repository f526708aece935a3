"""What a caller sees: indexes by name, each within a boundary that no argument can widen."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeAlias

from rag_embed.errors import BadInput, class_of
from rag_embed.events import check_user
from rag_embed.filters import And, Filter, field
from rag_embed.index import Index
from rag_embed.indexing.explanation import Explanation
from rag_embed.ranking import Reranked, stored_rows
from rag_embed.serving.parameters import Refused, brief, listed
from rag_embed.types import Audience, Chunk, Document, Hit, Principal, Query, group_names
from rag_embed.types.freshness import days

Rerank: TypeAlias = Reranked | str | os.PathLike[str]
"""How the first hits are scored again: a cross-encoder by its name or folder, or as a `Reranked` does it,
whose own retriever is not asked."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Shelf:
    """One index as a caller sees it. Whatever is read of it goes through here.

    Attributes:
        name: What callers call it.
        index: The index.
        user: Sees shared documents and this user's own; ``None`` sees shared ones only.
        groups: Sees what these groups may read as well.
        where: The part of the index that is seen at all; ``None`` is all of it.
        fresh: Days after which a date counts half, where a query does not say so; see `Query`.
        by: The field that this reads.
        reranked: How its first hits are scored again; ``None`` for not at all.
    """

    name: str
    index: Index
    user: str | None = None
    where: Filter | None = None
    fresh: float | None = None
    by: str = ""
    groups: tuple[str, ...] = ()
    reranked: Reranked | None = None

    @property
    def dates(self) -> tuple[str, ...]:
        """Declared fields that freshness can read."""
        return self.index.store.fields.dates

    def within(self, query: Query) -> Query:
        """A query as this caller may ask it: for this user, the filter narrowing the shelf's own.

        Freshness is left out where the index has no such field, since it narrows nothing.
        """
        asked = query if query.fresh is not None else self
        fits = asked.by in self.dates if asked.by else bool(self.dates)
        fresh, by = (asked.fresh, asked.by) if fits else (None, "")
        return replace(
            query,
            where=self._within(query.where),
            user=self.user,
            groups=self.groups,
            fresh=fresh,
            by=by,
        )

    def search(self, queries: Sequence[Query]) -> list[list[Hit]]:
        """The best chunks for each query, in one batch; see `within`."""
        retriever = self.index.retriever
        if self.reranked is not None:
            rows = stored_rows(self.index.store)
            retriever = replace(self.reranked, retriever=retriever, rows=rows)
        return retriever.retrieve([self.within(query) for query in queries])

    def explain(self, query: Query, hits: Sequence[Hit]) -> list[Explanation]:
        """Why these hits were found; see `within`."""
        return self.index.explain(self.within(query), hits=hits)

    def ids(self, where: Filter | None = None) -> list[str]:
        """Ids of the documents that are seen, sorted."""
        inside = self._within(where)
        return self.index.contents.matching(inside, user=self.user, groups=self.groups)

    def document(self, id: str) -> Document | None:
        """A document; None where there is none that is seen."""
        if self.where is not None and not self.ids(field("doc_id") == id):
            return None
        return next(iter(self.documents([id])), None)

    def documents(self, ids: Sequence[str]) -> list[Document]:
        """Those of some documents that `ids` gave."""
        return self.index.contents.documents(ids, user=self.user, groups=self.groups)

    def chunks(self, document: Document) -> list[Chunk]:
        """The chunks of a document that `document` gave, in reading order."""
        return self.index.contents.chunks(document.id, user=self.user, groups=self.groups)

    def count(self) -> int:
        """How many chunks are seen: those of `ids`."""
        return self.index.contents.count(self.where, user=self.user, groups=self.groups)

    @property
    def audience(self) -> Audience:
        """For whom a new document is that the caller writes: the user's own, or else for the groups."""
        return Audience(self.user, () if self.user is not None else self.groups)

    def writable(self, ids: Sequence[str]) -> dict[str, Audience | None]:
        """Stored documents of these ids, each with its audience; None for one that is not the caller's.

        Only what is the user's own is; without a user, what is for the groups; without either, what
        is for everybody.
        """
        whom = Principal(self.user, self.groups)
        known = self.index.store.audiences(ids)
        return {
            id: one
            if one.user == self.user
            and whom.sees(one)
            and (self.user is not None or bool(one.readers) == bool(self.groups))
            else None
            for id, one in known.items()
        }

    def tokens(self, text: str) -> int:
        """How long a text is, in tokens of the index's model."""
        return len(self.index.spaces.own.encoder.token_spans(text))

    def _within(self, where: Filter | None) -> Filter | None:
        if where is None or self.where is None:
            return where if self.where is None else self.where
        return And((self.where, where))


@dataclass(frozen=True, slots=True)
class Library:
    """Several shelves, each with a name of its own.

    Attributes:
        shelves: At least one.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add(Document("a", "The fox is red.")).added
        1
        >>> Library.of({"notes": index}).shelf("notes").ids()
        ['a']
    """

    shelves: tuple[Shelf, ...]

    @classmethod
    def of(
        cls, indexes: Mapping[str, Index], *, user: str | None = None, groups: Sequence[str] = ()
    ) -> Library:
        """Open indexes by name, all of them for one user, or for groups.

        Raises:
            BadInput: There is none, or a name is none.
        """
        if not indexes:
            raise BadInput("A library needs an index at least.")
        for name in indexes:
            if _NAME.fullmatch(name) is None:
                raise BadInput(
                    f"The index {name!r} needs a name of letters, digits, dots, dashes and "
                    "underscores; write NAME=KB."
                )
        known = None if user is None else check_user(user)
        named = group_names("groups", groups)
        return cls(
            tuple(Shelf(name, index, known, groups=named) for name, index in indexes.items())
        )

    def narrowed(self, where: Mapping[str, Filter | None]) -> Library:
        """The same, of each shelf only what also matches its filter."""
        return Library(
            tuple(
                replace(shelf, where=shelf._within(where.get(shelf.name))) for shelf in self.shelves
            )
        )

    def fresher(self, fresh: float | timedelta | None, by: str) -> Library:
        """The same, newer documents before older ones, where a caller does not say so: see `Query`.

        Args:
            fresh: Days or a `timedelta` after which a date counts half; ``None`` for what was tuned.
            by: The field of dates; empty for the only one.

        Raises:
            BadInput: No index has such a field, one has several and none is named, or the number is none.
        """
        asked = Query("", fresh=fresh, by=by)
        if asked.fresh is None:
            return self
        known = {name for shelf in self.shelves for name in shelf.dates}
        if by not in known if by else not known:
            raise BadInput(
                f"fresh reads a declared field of dates; these indexes have {listed(sorted(known)) or 'none'}."
            )
        for shelf in self.shelves:
            if not by and len(shelf.dates) > 1:
                raise BadInput(
                    f"Name the field that fresh reads with by: {shelf.name} has {listed(shelf.dates)}."
                )
        half_life = days("fresh", asked.fresh)
        return Library(tuple(replace(one, fresh=half_life, by=asked.by) for one in self.shelves))

    def reranking(self, by: Rerank | None) -> Library:
        """The same, of each shelf the first hits scored again.

        Args:
            by: A model, loaded once for all of them; ``None`` changes nothing.

        Raises:
            BadInput: It is neither, or training wrote no model into the folder.
            ModelUnavailable: The model cannot be loaded, or is no cross-encoder with one score.
        """
        if by is None:
            return self
        if isinstance(by, str | os.PathLike):
            by = Reranked.by(self.shelves[0].index.retriever, by)
        if not isinstance(by, Reranked):
            raise BadInput(
                "rerank is a cross-encoder's name or folder, or a Reranked(retriever, reranker); got "
                f"{class_of(by)}."
            )
        own = by
        return Library(tuple(replace(shelf, reranked=own) for shelf in self.shelves))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the shelves."""
        return tuple(shelf.name for shelf in self.shelves)

    def shelf(self, name: str) -> Shelf:
        """A shelf by its name; the only one where the name is empty.

        Raises:
            Refused: There is none, or several and no name.
        """
        if not name and len(self.shelves) == 1:
            return self.shelves[0]
        for shelf in self.shelves:
            if shelf.name == name:
                return shelf
        raise Refused(f"collection is one of {listed(self.names)}, got {brief(name)}.")

    def asked(self, name: str) -> tuple[Shelf, ...]:
        """The shelf of this name, or all where the name is empty."""
        return (self.shelf(name),) if name else self.shelves
