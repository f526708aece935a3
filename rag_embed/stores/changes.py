"""Which rows came and went between two versions of a table in a folder, by their manifests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rag_embed.stores.manifests import FRAGMENT, Fragment, Manifest
from rag_embed.stores.roster import Numbers


def changes(before: Manifest | None, after: Manifest | None) -> tuple[Numbers, Numbers] | None:
    """Numbers of rows that went, and of those that came, in order.

    Costs what the fragments hold that are not the same in both.

    Args:
        before: What a version says of itself; None on an object store.
        after: The same of another version of the table, maybe an earlier one.

    Returns:
        None where only LanceDB can tell: a list of deleted rows is gone, or none that Arrow reads, as those
        of more than 5,000 rows are.
    """
    if before is None or after is None:
        return None
    table = after.path.parents[1]
    old = {one.number: one for one in before.fragments}
    new = {one.number: one for one in after.fragments}
    went: list[Numbers] = []
    came: list[Numbers] = []
    for number in sorted(old.keys() | new.keys()):
        one, other = old.get(number), new.get(number)
        if one == other:
            continue
        try:
            was, now = (_there(table, each) for each in (one, other))
        except (OSError, pa.ArrowInvalid):
            return None
        size = max(len(was), len(now))
        was, now = (np.pad(each, (0, size - len(each))) for each in (was, now))
        for found, mask in ((went, was & ~now), (came, now & ~was)):
            found.append((number << FRAGMENT) + np.flatnonzero(mask))
    return _joined(went), _joined(came)


def added(before: Manifest, after: Manifest, last: int) -> list[Fragment] | None:
    """The fragments that came between two versions; None where others changed too.

    Args:
        before: What a version says of itself.
        after: The same of a later one.
        last: New fragments have larger numbers.
    """
    known = set(before.fragments)
    fresh = [one for one in after.fragments if one not in known]
    same = len(known) + len(fresh) == len(after.fragments)
    return fresh if same and all(one.number > last for one in fresh) else None


def _there(table: Path, fragment: Fragment | None) -> npt.NDArray[np.bool_]:
    """Which rows of a fragment are not deleted, as a mask.

    Raises:
        OSError: Its list of deleted rows cannot be read.
        pyarrow.ArrowInvalid: It is of another format.
    """
    if fragment is None:
        return np.zeros(0, dtype=np.bool_)
    there = np.ones(fragment.rows, dtype=np.bool_)
    for file in fragment.files:
        if file.path.startswith("_deletions/"):
            with pa.OSFile(str(table / file.path)) as stream:
                [deleted] = pa.ipc.open_file(stream).read_all().columns
            there[deleted.to_numpy()] = False
    return there


def _joined(parts: Sequence[Numbers]) -> Numbers:
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])
