"""What is asked of a version of ``chunks`` by what is held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa
from lancedb.expr import Expr

from rag_embed.stores.manifests import Manifest
from rag_embed.stores.roster import Numbers


class Version(Protocol):
    """A table of chunks at one version; see `snapshot.Snapshot`."""

    @property
    def version(self) -> int:
        """Its number; later ones are larger."""
        ...

    @property
    def told(self) -> Manifest | None:
        """What it says of itself; None where only LanceDB can tell."""
        ...

    @property
    def columns(self) -> Mapping[str, pa.Field]:
        """The columns of the table by name."""
        ...

    @property
    def marks(self) -> frozenset[str]:
        """Names of its search indexes, which are drawn at random when they are made."""
        ...

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def follows(self, other: Version, /) -> bool:
        """Whether it is a version of the same table, not of one that was made in its place."""
        ...

    def scan(
        self, columns: Sequence[str], where: Expr | None = None, limit: int | None = None, /
    ) -> pa.Table:
        """Narrow columns of all rows, or of those that pass, with their row numbers ``_rowid``."""
        ...

    def since(
        self, before: Version, last: int, columns: Sequence[str], most: int, /
    ) -> pa.Table | None:
        """Columns, maybe with others, of the rows that came since another version, with their numbers.

        None where they are more than so many, have no larger numbers than the last, or others went.
        """
        ...

    def stream(self, columns: Sequence[str], where: Expr | None = None, /) -> Iterator[pa.Table]:
        """Columns of all rows, or of those that pass, with their row numbers, part by part."""
        ...

    def at(self, numbers: Numbers, columns: Sequence[str], /) -> pa.Table:
        """Columns of a few rows, in any order, with their row numbers."""
        ...
