"""Forgetting a user in a LanceDB index, marked while it goes on, so that whoever opens the index can finish it.

A mark is a table ``forgetting_...`` with one row that says whom: `erasing` says why it is taken away as a
whole, and last. Whoever forgets holds a lock meanwhile; a mark without one is that of a process that died.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lancedb.expr import col, lit

from rag_embed.errors import StoreError
from rag_embed.stores.erasing import MARK, begin, end, erase
from rag_embed.stores.locks import idle, turn
from rag_embed.stores.manifests import manifests
from rag_embed.stores.places import local
from rag_embed.stores.rereading import reread
from rag_embed.stores.settling import wrong
from rag_embed.stores.store_errors import explained, unforgotten
from rag_embed.stores.tables import made, names_of


class LanceForgetting:
    """Forgets users of a `LanceStore`.

    Args:
        uri: Of the index.
        database: Its connection.
        tables: Gives the tables by name.
        let_go: Lets go of what is held in memory.
    """

    def __init__(
        self,
        uri: str,
        database: Any,  # noqa: ANN401
        tables: Callable[[], Mapping[str, Any]],
        let_go: Callable[[], None],
    ) -> None:
        self._uri = uri
        self._database = database
        self._tables = tables
        self._let_go = let_go
        self._alone = local(uri) is not None

    @contextmanager
    def forgetting(self, user: str) -> Iterator[bool]:
        """See `protocols.Store`."""
        with ExitStack() as held:
            with explained("forget a user", self._uri):
                held.enter_context(turn(self._uri, MARK))
                unfinished = made(self._database, _mark(user)) is not None
                begin(self._database, _mark(user), user, whole=True)
            yield unfinished
            with explained("forget a user", self._uri), turn(self._uri):
                end(self._database, _mark(user))

    def unforgotten(self) -> list[str]:
        """See `protocols.Store`."""
        with explained("read the index", self._uri):
            return [user for _, user, whole in self._marks() if whole and user is not None]

    def forget(self, user: str) -> int:
        """See `protocols.Store.forget`."""
        with explained("forget a user", self._uri), turn(self._uri):
            known = made(self._database, _mark(user)) is not None
            if not known:
                begin(self._database, _mark(user), user, whole=False)
            count = self._erase(user)
            if not known:  # else whoever left the mark takes it away, when all is done
                end(self._database, _mark(user))
            self._let_go()
        return count

    def finish(self) -> None:
        """Finish what a process began that died; where nothing can be written, say so and go on."""
        if not (names := [name for name, _, whole in self._marks() if not whole]):
            return
        try:
            with explained("finish forgetting", self._uri), turn(self._uri):
                for name, user, whole in self._marks():  # another opener may have been faster
                    if name in names and not whole:
                        self._erase(user)
                        end(self._database, name)
        except StoreError as error:
            warnings.warn(unforgotten(error), stacklevel=4)

    def _erase(self, user: str | None) -> int:
        count = 0
        if user is not None:
            mine = col("user_id") == lit(user)
            self._tables()["chunks"].delete(mine)
            count = int(self._tables()["documents"].delete(mine).num_deleted_rows)
        for name, table in self._tables().items():
            erase(name, table, self._alone)
        return count

    def _marks(self) -> list[tuple[str, str | None, bool]]:
        """Name of each mark that nobody works at, whom it names, and whether more than documents are meant."""
        names = sorted(one for one in names_of(self._database) if one.startswith(MARK))
        if not names or not idle(self._uri, MARK):
            return []
        found: list[tuple[str, str | None, bool]] = []
        for name in names:
            rows = reread(partial(self._rows, name))
            if rows is None:
                continue
            told = [(name, row["user"], row["whole"]) for row in rows if "user" in row]
            if not told:  # of earlier days, or without its row
                user = self._meant(name)
                told = [(name, user, user is not None)]
            found += told
        return found

    def _meant(self, name: str) -> str | None:
        """Whom a mark without a row is for, if documents of theirs are left."""
        found = self._tables()["documents"].search().select(["user_id"]).to_arrow()["user_id"]
        owners = (one for one in found.unique().to_pylist() if one is not None)
        return next((one for one in owners if _mark(one) == name), None)

    def _rows(self, name: str) -> list[dict[str, Any]] | None:
        """What a mark says; None where whoever made it has taken it away.

        Nothing where its row is gone, since a disk failed while it was taken away, or a power cut came when it
        was made.
        """
        table = made(self._database, name)
        if table is None:
            return [] if name in names_of(self._database) else None
        if self._alone and any(wrong(one) for one in manifests(Path(table.uri))[:1]):
            return []
        return list(table.search().to_list())


def _mark(user: str) -> str:
    digest = hashlib.blake2b(user.encode("utf-8", "surrogatepass"), digest_size=8)
    return f"{MARK}_{digest.hexdigest()}"
