"""Finding the events that attention picks for a query, without reading a user's whole history.

The nearest events are searched, more than are asked for, and the newest with them where age counts. An event
that is not among them is no nearer than the last of the nearest, so it can have a larger share only by its
weight or its time: those are looked up by search indexes, and few. Where they are many, more of the
nearest are searched, in the end all.

A user of few events is searched exactly. For many, a bucket has a vector index, which looks into the
parts of the space around the query; it is built over exact vectors, since a history is far smaller than
what an index over codes is made for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isinf
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
from rag_embed.stores.full_text import TIES
from rag_embed.types import Vectors

INDEXED = 8192
"""Events of one user from which on a vector index is worth its while; also rows of a bucket."""

_FEW = 4096
"""Events that are looked at for their weight or time."""
_MORE = 4
_HALVINGS = 8
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
    """
    if any(i.columns == [KEYS] and i.num_segments <= _PIECES for i in table.list_indices()):
        return
    if (rows := table.count_rows()) >= INDEXED:
        parts = int(rows**0.5)
        config = IvfFlat(
            distance_type="dot",
            num_partitions=parts,
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
    mine = of_user(user) & counted(attention.ignored) if attention.ignored else of_user(user)
    many = n + TIES
    while many * _MORE <= total.count:
        known = ask(partial(_nearest, row, many, total.count, mine))
        if len(known) < many:
            return _picked(known, row, n, attention, total)
        least = float(_seen(known, row, attention, total)[0].min())
        if attention.half_life is not None:
            recent = col("time") > lit(total.time - _HALVINGS * attention.half_life)
            newest = ask(partial(_among, mine & recent))
            known = known if newest is None else _both(known, newest)
        last = float(np.sort(_seen(known, row, attention, total)[1])[-n])
        if (beyond := attention.beyond(last, least, total.time)) is not None:
            others = ask(partial(_among, mine & _either(*beyond)))
            if others is not None:
                return _picked(_both(known, others), row, n, attention, total)
        many *= _MORE
    return picked(whole(), row, n, attention)


def _nearest(row: Vectors, n: int, count: int, mine: Expr, table: Any) -> pa.Table:  # noqa: ANN401
    """The nearest events of a user with so many; the index is asked where these are many."""
    # One more: the row of the sum stands at a right angle to any query.
    search = table.search(row, vector_column_name=KEYS).distance_type("dot").limit(n + 1)
    search = search.where(mine).select([*EVENT_COLUMNS, "_distance"])
    if count < INDEXED:
        found = search.bypass_vector_index().to_arrow()
    else:
        found = search.minimum_nprobes(_PROBES).maximum_nprobes(_PROBES).to_arrow()
        if len(found) <= n:  # most rows there are other users'
            found = search.maximum_nprobes(0).to_arrow()
    return found.select(EVENT_COLUMNS).filter(pc.field("id") != "").slice(0, n)


def _among(some: Expr, table: Any) -> pa.Table | None:  # noqa: ANN401
    """The events that fulfil a condition, mostly none; ``None`` where they are too many."""
    if (count := table.count_rows(some.to_sql())) > _FEW:
        return None
    if not count:
        return table.schema.empty_table().select(EVENT_COLUMNS)
    return table.search().where(some).limit(_FEW).select(EVENT_COLUMNS).to_arrow()


def _either(weight: float, time: float) -> Expr:
    """A greater weight, or a later time."""
    heavier = col("weight") > lit(weight)
    return heavier if isinf(time) else heavier | (col("time") > lit(time))


def _both(one: pa.Table, other: pa.Table) -> pa.Table:
    """The events of both, each once."""
    return pa.concat_tables([one, other.filter(~pc.field("id").isin(one["id"].combine_chunks()))])


def _seen(
    table: pa.Table, row: Vectors, attention: Attention, total: DecayedSum
) -> tuple[Vectors, npt.NDArray[np.float64]]:
    """``(n,)`` cosines and logits of events."""
    weights = attention.weighted(table["weight"].to_numpy(), table["kind"].to_pylist())
    similarities = matrix(table[KEYS], len(row)) @ row
    times = table["time"].to_numpy()
    return similarities, attention.logits(similarities, weights, times, total.time)


def _picked(
    table: pa.Table, row: Vectors, n: int, attention: Attention, total: DecayedSum
) -> History:
    """What is picked from some events; only those that come near to it become objects."""
    similarities, logits = _seen(table, row, attention, total)
    if len(table) > n:
        near = logits >= np.sort(logits)[-n] - _ROUNDED
        near[similarities.argmax()] = True
        table = table.filter(pa.array(near))
    return picked(history_of(table, len(row)), row, n, attention)
