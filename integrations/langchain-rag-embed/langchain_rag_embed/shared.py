"""One search for all inputs of a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from langchain_core.runnables.config import run_in_executor

from rag_embed import Hit, Query
from rag_embed.protocols import Retriever


class SharedSearch:
    """Searches for all inputs when the first item of the batch asks for its hits.

    Each item asks inside its own run, so that callbacks see its result or its error. An input that
    makes no query fails alone.

    Args:
        retriever: Searches.
        make: Makes the query of an input.
        inputs: All inputs of the batch.
    """

    def __init__(
        self, retriever: Retriever, make: Callable[[str], Query], inputs: Sequence[str]
    ) -> None:
        self._retriever = retriever
        self._make = make
        self._inputs = inputs
        self._outcomes: list[list[Hit] | Exception] | None = None
        self._search: asyncio.Future[None] | None = None

    def hits(self, i: int) -> list[Hit]:
        """The hits of one input; not for several threads at once."""
        self._run()
        outcome = (self._outcomes or [])[i]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def ahits(self, i: int) -> list[Hit]:
        """`hits`, searched in a worker thread for which all items wait."""
        if self._search is None:
            self._search = asyncio.ensure_future(run_in_executor(None, self._run))
        await asyncio.shield(self._search)  # an item that is cancelled leaves the others alone
        return self.hits(i)

    def _run(self) -> None:
        if self._outcomes is None:
            self._outcomes = self._searched()

    def _searched(self) -> list[list[Hit] | Exception]:
        made = [self._query(text) for text in self._inputs]
        queries = [one for one in made if isinstance(one, Query)]
        try:
            found = iter(self._retriever.retrieve(queries) if queries else [])
        except Exception as error:  # raised again in the run of each item
            return [error if isinstance(one, Query) else one for one in made]
        return [next(found) if isinstance(one, Query) else one for one in made]

    def _query(self, text: str) -> Query | Exception:
        try:
            return self._make(text)
        except Exception as error:  # raised again in the run of this item
            return error
