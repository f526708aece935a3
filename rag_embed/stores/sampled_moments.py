"""Moments of vectors that are too many for memory: of some rows, kept while few of all came or went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from rag_embed.maths.moments import Moments
from rag_embed.stores.manifests import Manifest
from rag_embed.stores.version import Version

SAMPLE = 65_536
"""Rows that moments are taken over: mean scores are then known to about 1/256 of a standard deviation."""

_SAME = 256
"""They stay while less than one row in so many came or went, which moves them by no more."""

_Counts: TypeAlias = dict[tuple[int, tuple[str, ...]], int]


@dataclass(frozen=True, slots=True)
class _Kept:
    counts: _Counts
    source: pa.Field
    moments: Moments


class SampledMoments:
    """Moments of the chunks for everybody, by space, for all versions of one place."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def of(self, version: Version, space: str, measured: Callable[[], Moments]) -> Moments:
        """Those of a version, or of one that is nearly the same.

        Args:
            version: The version; on an object store none is known to be nearly the same.
            space: The space.
            measured: Takes them over a sample of this version.
        """
        if version.told is None:
            return measured()
        counts, source = _counted(version.told), version.columns[f"v_{space}"]
        known = self._kept.get(space)
        if (
            known is None
            or not known.source.equals(source, check_metadata=True)
            or _SAME * _altered(known.counts, counts) > len(version)
        ):
            self._kept[space] = known = _Kept(counts, source, measured())
        return known.moments

    def clear(self) -> None:
        """Keep none."""
        self._kept.clear()


def _counted(told: Manifest) -> _Counts:
    """Rows of each fragment, known by the files of its rows, which LanceDB names at random."""
    return {
        (one.number, tuple(file.path for file in one.files if not file.deleted)): one.rows
        - one.deleted
        for one in told.fragments
    }


def _altered(before: _Counts, after: _Counts) -> int:
    """Rows that came or went."""
    return sum(abs(before.get(one, 0) - after.get(one, 0)) for one in before.keys() | after.keys())
