"""Users' events in LanceDB, beside an index's chunks in the same folder.

Users are dealt to `BUCKETS` tables ``events_00`` ... by a hash of their id, so that what one user
costs does not grow with the others: a write, a search for a history and an erasure touch one bucket, a table
that is made when its first user comes. Its rows are found by search indexes on keys and users; rows that
came since these were built are few, and looked through one by one.

Deleting in LanceDB leaves bytes behind: in old versions, and in the files of rows that stay. So `forget`
writes the rows that stay and the search indexes anew, and drops every other file. A mark (an empty table,
which names no user) says that this is going on; whoever opens the store next finishes it. Writers of one
bucket take turns by a file lock. Object stores have none: there, leftovers of a write that failed stay
until `tables.PATIENCE` has passed and something is forgotten again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from lancedb.expr import Expr, col, lit

from rag_embed.events import History, UserEvent, check_user
from rag_embed.maths.attention import Attention
from rag_embed.maths.profile import DecayedSum
from rag_embed.protocols import HalfLife
from rag_embed.stores.erasing import erase, purge
from rag_embed.stores.event_rows import (
    added,
    by_user,
    check_events,
    checked,
    dealt,
    empty,
    summed,
    without,
)
from rag_embed.stores.event_schema import (
    EVENT_COLUMNS,
    bucket_of,
    counted,
    event_schema,
    event_table,
    history_of,
    mark_of,
    of_user,
    row_key,
    totals_of,
)
from rag_embed.stores.event_search import index_keys, near
from rag_embed.stores.event_sums import EventSums
from rag_embed.stores.locks import turn
from rag_embed.stores.newest import stamp
from rag_embed.stores.options import StorageOptions
from rag_embed.stores.places import local, place
from rag_embed.stores.recovery import recover_events
from rag_embed.stores.rereading import reread
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import (
    connect,
    latest,
    let_go,
    names_of,
    passing,
    upsert,
    whole_names_of,
)
from rag_embed.stores.upkeep import Upkeep
from rag_embed.types import Signature, Vectors

BUCKETS = 64
"""Tables that users are dealt to; part of the format."""

_INDEXED = ("key", "user_id", "time", "weight")
_AT_ONCE = 64 << 20  # LanceDB holds what it merges in memory, and has 300 MB for it
_IS_EVENT = col("id") != lit("")
_MARK = pa.schema([pa.field("none", pa.bool_())])


class LanceEvents:
    """A `protocols.EventStore` in the folder (or object-store URI) of an index.

    Args:
        uri: A folder, or ``s3://``, ``gs://``, ``az://``.
        signature: Of the space of the events' vectors.
        half_life: Of the decayed sums, in seconds, or ``None`` for no decay: fixed by the first
            event. ``"stored"`` takes what is there, and no decay where nothing is.
        storage_options: Credentials and region of an object store.

    Raises:
        SpaceMismatch: The events there were encoded by another encoder.
        StoreError: They are summed with another half-life, or the place cannot be read.
    """

    def __init__(
        self,
        uri: str | os.PathLike[str],
        signature: Signature,
        *,
        half_life: HalfLife = "stored",
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        self.uri = place(uri)
        storage_options = storage_options and StorageOptions(storage_options)
        self._reopen = partial(
            LanceEvents, self.uri, signature, half_life=half_life, storage_options=storage_options
        )
        self._local = local(self.uri) is not None
        self._tables: dict[str, Any] = {}
        self._sums = EventSums()
        self._upkeep = Upkeep(self._local)
        self._database = connect(self.uri, storage_options)
        recover_events(self.uri, self._names())
        names = self._names()
        first = next((name for name in names if name.startswith("events_")), None)
        if first is None:
            half_life = None if half_life == "stored" else half_life
        else:
            half_life = self._fixed(first, signature, half_life)
        self._none = DecayedSum.empty(signature.dim, half_life)
        self._schema = event_schema(signature, half_life)
        for name in sorted(names_of(self._database)):  # half of a mark tells as much
            if name.startswith("erasing_"):
                with explained("finish forgetting", self.uri), turn(self.uri, bucket_of(name)):
                    self._rewrite(bucket_of(name))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as its place: whoever unpickles it opens the events there."""
        return self._reopen, ()

    @property
    def dim(self) -> int:
        """See `protocols.EventStore`."""
        return len(self._none.total)

    @property
    def half_life(self) -> float | None:
        """See `protocols.EventStore`."""
        return self._none.half_life

    def add(self, events: Sequence[UserEvent], keys: Vectors, values: Vectors, /) -> None:
        """See `protocols.EventStore`; a commit for each bucket, and for every `_AT_ONCE` bytes in it."""
        events = checked(events, keys, values, self.dim)
        most = max(1, _AT_ONCE // (keys.itemsize * 2 * self.dim))
        for name, some in dealt([_bucket(event.user) for event in events], most):
            self._put(name, [events[i] for i in some], keys[some], values[some])

    def _put(self, name: str, events: list[UserEvent], keys: Vectors, values: Vectors) -> None:
        failed = let_go(self._tables, name)
        with explained("remember events", self.uri), failed, turn(self.uri, name):
            table = self._created(name)
            totals = self._updated(name, events, values)
            written = event_table(self._schema, events, keys, values, totals)
            upsert(table, "key", written, self._local)
            if self._upkeep.keep(name, table, _INDEXED) == "tidy":
                index_keys(table)

    def history(self, user: str, /) -> History:
        """See `protocols.EventStore`."""
        return self._events(_bucket(check_user(user)), of_user(user), _IS_EVENT)

    def count(self, user: str, ignored: Collection[str] = (), /) -> int:
        """See `protocols.EventStore`."""
        if not ignored:
            return self.total(user).count
        some = _IS_EVENT & counted(ignored)
        return len(self._read(_bucket(check_user(user)), of_user(user), ["id"], some))

    def near(self, user: str, row: Vectors, n: int, attention: Attention, /) -> History:
        """See `protocols.EventStore`; exact for fewer than `event_search.INDEXED` events."""
        ask = partial(self._latest, _bucket(check_user(user)), EVENT_COLUMNS)
        return near(ask, partial(self.history, user), row, n, attention, self.total(user), user)

    def total(self, user: str, /) -> DecayedSum:
        """See `protocols.EventStore`."""
        name = _bucket(check_user(user))
        seen = self._latest(name, ["id"], lambda table: [stamp(table, self._local)])
        read = partial(self._totals, name, [user])
        found = self._sums.get(user, seen[0], read, self._none) if len(seen) else self._none
        if self._local:
            return found
        # Without a lock, two writers at once can overwrite each other's sum, but not their events.
        history = self.history(user)
        return found if found.count == len(history) else summed(history, self.half_life)

    def forget(self, user: str, ids: Sequence[str] | None = None, /) -> int:
        """See `protocols.EventStore`; rewrites the user's bucket.

        Raises:
            StoreError: It cannot be written; what is left is erased when the store is next opened.
        """
        name = _bucket(check_user(user))
        self._sums.forget(user)
        with explained("forget events", self.uri), turn(self.uri, name):
            names = names_of(self._database)
            known = self.history(user) if name in self._names() else empty(self.dim)
            gone, stays = known.split({e.id for e in known.events} if ids is None else set(ids))
            if not len(gone) and mark_of(name) not in names:
                if ids is None and name in self._names():
                    purge(self._table(name), self._local)  # what a write that died left behind
                return 0
            self._database.create_table(mark_of(name), schema=_MARK, exist_ok=True)
            if not len(stays):
                self._table(name).delete(of_user(user))
            elif len(gone):
                total = without(self.total(user), gone, lambda: stays)
                row = event_table(self._schema, [], gone.keys[:0], gone.values[:0], {user: total})
                erased = of_user(user) & col("id").isin([event.id for event in gone.events])
                merge = self._table(name).merge_insert("key").when_matched_update_all()
                merge.when_not_matched_by_source_delete(erased).execute(row)
            self._rewrite(name)
        return len(gone)

    def users(self) -> list[str]:
        """See `protocols.EventStore`."""
        found: list[str] = []
        for name in self._names():
            if name.startswith("events_"):
                found += self._read(name, col("id") == lit(""), ["user_id"])["user_id"].to_pylist()
        return sorted(found)

    def _rewrite(self, name: str) -> None:
        """Leave nothing in a bucket's files but the rows it has; the caller holds the lock."""
        if name in self._names():
            erase("events", self._table(name), self._local)
            index_keys(self._table(name))
        self._database.drop_table(mark_of(name), ignore_missing=True)

    def _updated(
        self, name: str, events: Sequence[UserEvent], values: Vectors
    ) -> dict[str, DecayedSum]:
        """The sums of the events' users with these events, in place of those with the same ids."""
        groups = by_user(events)
        totals = self._totals(name, list(groups))
        old = self._events(name, col("key").isin([row_key(e.user, e.id) for e in events]))
        replaced = by_user(old.events)
        for user, rows in groups.items():
            total = totals.get(user, self._none)
            if user in replaced:
                gone = old.at(replaced[user])
                total = without(total, gone, partial(self._others, user, gone))
            totals[user] = added(total, [events[i] for i in rows], values[rows])
        return totals

    def _others(self, user: str, gone: History) -> History:
        return self.history(user).split({event.id for event in gone.events})[1]

    def _totals(self, name: str, users: Sequence[str]) -> dict[str, DecayedSum]:
        among = col("key").isin([row_key(user) for user in users])
        return totals_of(self._read(name, among, ["user_id", "total"]))

    def _events(self, name: str, some: Expr, among: Expr | None = None) -> History:
        return history_of(self._read(name, some, EVENT_COLUMNS, among), self.dim)

    def _read(
        self, name: str, some: Expr, columns: list[str], among: Expr | None = None
    ) -> pa.Table:
        """Rows of a bucket that fulfil both; that none fulfils the first is cheap to see."""
        where = some if among is None else some & among

        def read(table: Any) -> pa.Table:  # noqa: ANN401
            if not passing(table, some, 1):
                return self._schema.empty_table().select(columns)
            return table.search().where(where).select(columns).to_arrow()

        return self._latest(name, columns, read)

    def _latest(self, name: str, columns: list[str], read: Callable[[Any], Any]) -> Any:  # noqa: ANN401
        """What is read from the latest version of a bucket; nothing if there is none."""
        with explained("read the events", self.uri):
            if name not in self._tables and name not in self._names():
                return self._schema.empty_table().select(columns)
            table = self._table(name)
            return reread(lambda: read(table))

    def _names(self) -> list[str]:
        with explained("read the events", self.uri):
            return whole_names_of(self._database)

    def _table(self, name: str) -> Any:  # noqa: ANN401
        if name not in self._tables:
            self._tables[name] = latest(self._database, name)
        return self._tables[name]

    def _created(self, name: str) -> Any:  # noqa: ANN401
        if name not in self._tables:
            if name not in self._names():
                try:
                    self._database.create_table(name, schema=self._schema)
                except ValueError:  # without a lock somebody else may have made it just now
                    if name not in self._names():
                        raise
            table = self._table(name)
            if not (table.schema.field("key").metadata or {}):  # maybe a crash came in between
                table.set_unenforced_primary_key("key")
        return self._table(name)

    def _fixed(self, name: str, signature: Signature, half_life: HalfLife) -> float | None:
        """The half-life of the events that are there."""
        with explained("open the events", self.uri):
            stored: dict[str, Any] = json.loads(self._table(name).schema.metadata[b"rag_embed"])
        fixed: float | None = stored["half_life"]
        check_events(Signature(**stored["signature"]), fixed, signature, half_life, repr(self.uri))
        return fixed


def _bucket(user: str) -> str:
    digest = hashlib.blake2b(user.encode(), digest_size=8).digest()
    return f"events_{int.from_bytes(digest, 'little') % BUCKETS:02d}"
