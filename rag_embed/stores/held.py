"""One copy in memory for all who read an index in this process."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from threading import Lock, RLock
from weakref import WeakSet, WeakValueDictionary

import pyarrow as pa

from rag_embed.processes import PerProcess
from rag_embed.stores.resident import Resident
from rag_embed.stores.sampled_moments import SampledMoments
from rag_embed.stores.version import Version
from rag_embed.stores.written import Written


class Held:
    """What is held of one place, for all who read it.

    Attributes:
        written: Rows that were written there by this process and not yet read.
        moments: Of vectors that are too many for memory.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._latest: Resident | None = None
        self._versions: WeakSet[Resident] = WeakSet()
        self._columns: tuple[bytes, Mapping[str, pa.Field]] | None = None
        self.written = Written()
        self.moments = SampledMoments()

    def columns(
        self, told: bytes | None, read: Callable[[], Mapping[str, pa.Field]]
    ) -> Mapping[str, pa.Field]:
        """The columns of a version.

        Args:
            told: What the version says of them, by which they are known again; None where it does not.
            read: Asks LanceDB.
        """
        known = self._columns
        if told is None or known is None or known[0] != told:
            found = read()
            self._columns = None if told is None else (told, found)
            return found
        return known[1]

    @property
    def begun(self) -> bool:
        """Whether something is held, so that the next version costs what changed."""
        return self._latest is not None

    def at(self, snapshot: Version) -> Resident:
        """The chunks of a version."""
        with self._lock:
            latest = self._latest
            if latest is None or not snapshot.follows(latest.snapshot):
                found = Resident.loaded(snapshot)
            elif _named(snapshot) == _named(latest.snapshot):
                return latest
            else:
                found = latest.moved(snapshot)
                self._versions.add(found)
                if snapshot.version < latest.snapshot.version:
                    return found
            self._latest = found
            self.written.clear()
            self._versions.add(found)
            return found

    def let_go(self) -> None:
        """Keep no text in memory, of whatever version is still read; what is asked for is read again."""
        with self._lock:
            self._latest = None
            self.written.clear()
            self.moments.clear()
            for version in self._versions:
                version.recent.clear()


def _named(snapshot: Version) -> tuple[Hashable, ...]:
    """Which version it is: where an older copy took the place of an index, a number comes again."""
    return snapshot.version, snapshot.told


def rows_held(spaces: Mapping[str, int], cache_bytes: int) -> int:
    """Chunks up to which a version is held in memory.

    Args:
        spaces: Name and dimension of each space.
        cache_bytes: What the vectors of the smallest one may take.

    Examples:
        >>> rows_held({"dense": 384}, 512 * 2**20)
        349525
    """
    return cache_bytes // (4 * min(spaces.values(), default=1))


def held_at(place: str, options: Mapping[str, str] | None) -> Held:
    """What is held of a place; all stores that are opened there with the same options share it.

    It goes when the last view of them goes.
    """
    key = place, tuple(sorted((options or {}).items()))
    with _LOCK.get():
        return _PLACES.setdefault(key, Held())


_LOCK = PerProcess(Lock)
_PLACES: WeakValueDictionary[tuple[Hashable, ...], Held] = WeakValueDictionary()
