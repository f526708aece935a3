"""What adding and comparing documents did, as the one who asked is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal

from rag_embed.types import Skipped


@dataclass(frozen=True, slots=True)
class Change:
    """One document that differs from what is stored."""

    action: Literal["add", "replace", "delete"]
    id: str


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `Index.add`, `Index.add_files` or `Index.sync` did. Counts of documents, except ``chunks``.

    Attributes:
        added: Written, with an id that was new.
        replaced: Written, in place of another version.
        unchanged: Stored already; they cost no encoding.
        deleted: Deleted, since what they came from is gone.
        chunks: Chunks written.
        skipped: What could not be read or used, and why.
        partly: What is missing in documents that were read all the same, such as a page or a value, and why.
        guessed: Documents whose file did not say how it is encoded, each with the guess.
        planned: What a dry run would do; it does nothing, and the counts say what they would be.
        notes: What else there is to know, in sentences.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    deleted: int = 0
    chunks: int = 0
    skipped: tuple[Skipped, ...] = ()
    partly: tuple[Skipped, ...] = ()
    guessed: tuple[tuple[str, str], ...] = ()
    planned: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        told: Iterable[Skipped],
        *,
        unchanged: int = 0,
        guessed: tuple[tuple[str, str], ...] = (),
    ) -> AddReport:
        """A report of what came and is not written: what is skipped apart from what is read in part."""
        skipped: list[Skipped] = []
        partly: list[Skipped] = []
        for one in told:
            (partly if one.partly else skipped).append(one)
        return cls(
            unchanged=unchanged, skipped=tuple(skipped), partly=tuple(partly), guessed=guessed
        )

    @property
    def documents(self) -> int:
        """Documents that are in the index because of this call, or were before."""
        return self.added + self.replaced + self.unchanged

    @property
    def reasons(self) -> dict[str, int]:
        """Why things were skipped, and how many for each reason; the most frequent first."""
        return dict(Counter(one.reason for one in self.skipped).most_common())

    @property
    def failed(self) -> tuple[Skipped, ...]:
        """What should have been read and was not, in whole or in part: neither left out by rule, nor empty."""
        return tuple(one for one in (*self.skipped, *self.partly) if not one.by_rule)

    def __add__(self, other: AddReport) -> AddReport:
        return AddReport(
            *(getattr(self, one.name) + getattr(other, one.name) for one in fields(self))
        )
