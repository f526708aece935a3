"""Finding the events that attention picks for a query, without reading a user's whole history.

The nearest events are searched, more than are asked for. An event that is not among them is no nearer than the
last of them, so it can have a larger share only by its weight or its time: those are looked up by search
indexes, and few. Where age counts, the nearest of the last half-life are searched too. They say from which
time on an event that was not found can have a share at all: then the nearest since that time are searched, and
so on. Where that does not help, more of the nearest are searched, in the end all.

A user of few events is searched exactly. For many, a bucket has a vector index, which looks into the
parts of the space around the query; it is built over exact vectors, since a history is far smaller than
what an index over codes is made for. One who has a good part of a bucket is not looked up in it, which
would read an entry for each event: more is found than is wanted, and others' events are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf, isinf
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.expr import Expr, col, lit
from lancedb.index import IvfFlat

from rag_embed.events import History
from rag_embed.maths.attention import Attention
from rag_embed.maths.profile import DecayedSum
from rag_embed.stores.event_rows import picked
from rag_embed.stores.event_schema import (
    EVENT_COLUMNS,
    KEYS,
    counted,
    history_of,
    matrix,
    of_user,
)
from rag_embed.stores.tables import passing
from rag_embed.types import Vectors

INDEXED = 8192
"""Events of one user from which on a vector index is worth its while; also rows of a bucket."""

_FEW = 1024
"""Events that are looked at for their weight or time."""
_NARROWER = 0.7
_ALONE = 4
"""A user with one of so many rows of a bucket is not looked up in it."""
_MORE = 4
_TIES = 8
"""More than are asked for: cosines that differ in the last bits are ranked anew."""
_PIECES = 8
_PROBES = 20
_ROUNDS = 8
"""Of k-means, over `_SAMPLES` rows for each part: three times as fast as LanceDB's defaults at 100,000
rows, and no neighbour more is missed."""
_SAMPLES = 64
_ROUNDED = 1e-4
"""Ranks are by logits of five decimals, so that these two cannot be told apart."""


def index_keys(table: Any) -> None:  # noqa: ANN401
    """Build the vector index of a bucket where it is worth its while and lacking, or in many pieces.

    Upkeep adds a piece for rows that came; each is searched on its own, with the parts of the first.
    The size of a part is given, and not their number: LanceDB's upkeep joins parts that are far smaller than
    that size, by itself 8,192 rows, and then searches read everything.
    """
    if any(i.columns == [KEYS] and i.num_segments <= _PIECES for i in table.list_indices()):
        return
    if (rows := table.count_rows()) >= INDEXED:
        config = IvfFlat(
            distance_type="dot",
            target_partition_size=int(rows**0.5),
            max_iterations=_ROUNDS,
            sample_rate=_SAMPLES,
        )
        table.create_index(KEYS, config=config, replace=True)


def near(
    ask: Callable[[Callable[[Any], Any]], Any],
    whole: Callable[[], History],
    row: Vectors,
    n: int,
    attention: Attention,
    total: DecayedSum,
    user: str,
) -> History:
    """What `protocols.Histories.near` says.

    Args:
        ask: Gives what a function reads from the latest version of the user's bucket.
        whole: Gives the whole history, where nothing less tells.
        row: ``(dim,)`` the query.
        n: Events that may count.
        attention: What their shares depend on.
        total: The user's sum.
        user: Whose history.
    """
    seeing = _Seeing(row, attention, total.time)
    bucket = _Bucket(ask, user, attention, total.count)
    unseen, known = _Unseen(attention, total.time), None
    many, since, half_life = n + _TIES, -inf, attention.half_life
    while many * _MORE <= total.count:
        found = bucket.nearest(row, many, since)
        if len(found) < many and isinf(since):
            return seeing.picked(found, n)
        nearest = seeing.similarities(found)
        unseen.searched(since, float(nearest.min()) if len(found) == many else -inf)
        first, known = known is None, found if known is None else _both(known, found)
        beyond = unseen.beyond(float(np.sort(seeing.logits(known))[-n]))
        if beyond is not None and (others := bucket.beyond(*beyond)) is not None:
            return seeing.picked(_both(known, others), n)
        span, since = total.time - since, since if beyond is None else beyond[1]
        if first and half_life is not None:
            since = max(since, total.time - half_life)
        elif _NARROWER * span <= total.time - since <= span:
            many *= _MORE
    return picked(whole(), row, n, attention)


class _Unseen:
    """How near the events can be that were not found, by their time.

    Args:
        attention: What shares depend on.
        newest: Time of the newest event.
    """

    def __init__(self, attention: Attention, newest: float) -> None:
        self._attention = attention
        self._newest = newest
        self._since: list[tuple[float, float]] = [(-inf, inf)]
        """Times, rising, and the largest cosine of events after each and up to the next."""

    def searched(self, since: float, largest: float) -> None:
        """Events since a time that were not found have this cosine at most."""
        older = [one for one in self._since if one[0] <= since]
        later = [(time, min(known, largest)) for time, known in self._since if time > since]
        at = (since, min(older[-1][1], largest))
        self._since = [*(one for one in older if one[0] < since), at, *later]

    def beyond(self, logit: float) -> tuple[float, float] | None:
        """A weight and a time: unseen events of a greater logit have a greater weight or a later time.

        ``None`` when they can be anywhere.
        """
        weight, first = inf, inf
        for at, (start, largest) in enumerate(self._since):
            reach = self._attention.beyond(logit, largest, self._newest)
            if reach is None:
                return None
            end = self._since[at + 1][0] if at + 1 < len(self._since) else inf
            weight = min(weight, reach[0])
            if reach[1] < min(end, self._newest):
                first = min(first, max(reach[1], start))
        return weight, first


@dataclass(frozen=True, slots=True, eq=False)
class _Bucket:
    """What is read of a user with so many events."""

    ask: Callable[[Callable[[Any], Any]], Any]
    user: str
    attention: Attention
    count: int

    def nearest(self, row: Vectors, n: int, since: float) -> pa.Table:
        """The nearest events of a time and all later ones; fewer than ``n`` are all."""
        found: pa.Table = self.ask(partial(self._nearest, row, n, since))
        return found.slice(0, n)

    def beyond(self, weight: float, time: float) -> pa.Table | None:
        """Events of a greater weight or a later time, mostly none; ``None`` where they are many."""
        heavier = col("weight") > lit(weight)
        some = heavier if isinf(time) else heavier | (col("time") > lit(time))
        return self.ask(partial(self._among, some))

    def _nearest(self, row: Vectors, n: int, since: float, table: Any) -> pa.Table:  # noqa: ANN401
        def search(limit: int, where: Expr | None) -> Any:  # noqa: ANN401
            asked = table.search(row, vector_column_name=KEYS).distance_type("dot").limit(limit)
            asked = asked if where is None else asked.where(where)
            return asked.select([*EVENT_COLUMNS, "_distance"])

        later = None if isinf(since) else col("time") > lit(since)
        others = table.count_rows() - 1 - self.count  # each user has a row for the sum
        few = later is not None and table.count_rows(later.to_sql()) < INDEXED
        if others < self.count * _ALONE and self.count >= INDEXED:
            asked = search(n + 1 + (n * others // self.count + _TIES if others else 0), later)
            found = self._own(_asked(asked, few))
            if len(found) >= n or (few and not others and not self.attention.ignored):
                return found
        mine = self._mine if later is None else self._mine & later
        # One more: the row of the sum stands at a right angle to any query.
        asked = search(n + 1, mine)
        found = self._own(_asked(asked, few or self.count < INDEXED))
        if len(found) < n and not few:  # most rows there are other users', or older
            found = self._own(asked.maximum_nprobes(0).to_arrow())
        return found

    def _among(self, some: Expr, table: Any) -> pa.Table | None:  # noqa: ANN401
        count = passing(table, some, _FEW + 1)
        if count > _FEW and table.count_rows() > self.count + 1:  # of others, it may be
            some = self._mine & some
            count = passing(table, some, _FEW + 1)
        if count > _FEW:
            return None
        if not count:
            return table.schema.empty_table().select(EVENT_COLUMNS)
        return self._own(table.search().where(some).limit(count).select(EVENT_COLUMNS).to_arrow())

    @property
    def _mine(self) -> Expr:
        mine = of_user(self.user)
        return mine & counted(self.attention.ignored) if self.attention.ignored else mine

    def _own(self, table: pa.Table) -> pa.Table:
        """The user's events with a share, of rows that may be others'."""
        mine = pc.and_(pc.equal(table["user_id"], self.user), pc.not_equal(table["id"], ""))
        if self.attention.ignored:
            kinds = pa.array(sorted(self.attention.ignored))
            mine = pc.and_(mine, pc.invert(pc.is_in(table["kind"], kinds)))
        return table.select(EVENT_COLUMNS).filter(mine)


def _asked(search: Any, exact: bool) -> pa.Table:  # noqa: ANN401
    """The rows that a search finds, by all rows that fulfil its condition or by the parts around."""
    if exact:
        return search.bypass_vector_index().to_arrow()
    return search.minimum_nprobes(_PROBES).maximum_nprobes(_PROBES * _MORE).to_arrow()


def _both(one: pa.Table, other: pa.Table) -> pa.Table:
    """The events of both, each once."""
    new = pc.invert(pc.is_in(other["id"], one["id"].combine_chunks()))
    return pa.concat_tables([one, other.filter(new)])


@dataclass(frozen=True, slots=True, eq=False)
class _Seeing:
    """A query that looks at events, with the time of the newest there is."""

    row: Vectors
    attention: Attention
    newest: float

    def similarities(self, table: pa.Table) -> Vectors:
        """``(n,)`` cosines of events."""
        found: Vectors = matrix(table[KEYS], len(self.row)) @ self.row
        return found

    def logits(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """``(n,)`` of events."""
        return self._seen(table)[1]

    def picked(self, table: pa.Table, n: int) -> History:
        """What is picked from some events; only those that come near to it become objects."""
        similarities, logits = self._seen(table)
        if len(table) > n:
            near = logits >= np.sort(logits)[-n] - _ROUNDED
            near[similarities.argmax()] = True
            table = table.filter(pa.array(near))
        return picked(history_of(table, len(self.row)), self.row, n, self.attention)

    def _seen(self, table: pa.Table) -> tuple[Vectors, npt.NDArray[np.float64]]:
        """``(n,)`` cosines and logits of events."""
        weights = self.attention.weighted(table["weight"].to_numpy(), table["kind"].to_pylist())
        similarities = self.similarities(table)
        times = table["time"].to_numpy()
        return similarities, self.attention.logits(similarities, weights, times, self.newest)
