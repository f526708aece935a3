"""What shows that a stored document is gone, and how far one goes then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from rag_embed.errors import BadInput
from rag_embed.indexing.roots import Root
from rag_embed.protocols import Store
from rag_embed.types import Document, Skipped


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


class Evidence(Protocol):
    """Documents that come, and what their coming says of those that are stored.

    Attributes:
        came: Ids of the documents that came.
    """

    came: set[str]

    def claim(self, known: Mapping[str, Root], /) -> Mapping[str, Root]:
        """Take a name for each folder, or for the scope.

        Args:
            known: The roots that the index remembers.

        Returns:
            Those that it is to remember from now on.

        Raises:
            BadInput: A name cannot be one, or is taken.
        """
        ...

    def documents(self) -> Iterator[Document | Skipped]:
        """Those that there are now; to be read to the end before `gone` is asked."""
        ...

    def source(self, stored: Document, /) -> str | None:
        """Where a stored document came from, if one has looked there."""
        ...

    def gone(self, stored: Document, /) -> bool:
        """Whether a document that came from there, and not this time, is seen to be gone."""
        ...

    def silent(self, source: str, /) -> bool:
        """Whether nothing at all came from there."""
        ...

    def speaks_for(self, owner: str | None, /) -> bool:
        """Whether what came shows anything of this owner's documents; None for those of nobody."""
        ...

    def unsure(self, stored: Document, /) -> str | None:
        """What was not read in full, and a document that did not come may be in; None for nothing."""
        ...

    def remarks(self, store: Store, /) -> Iterable[str]:
        """What whoever added the documents should know, in sentences; asked after they came."""
        ...
