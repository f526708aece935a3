"""Lexical evidence of one version: from words in memory, from the full-text index, or read anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from rag_embed.analysis import Analyzer
from rag_embed.filters import Filter
from rag_embed.stores.full_text import FullText
from rag_embed.stores.resident_words import KEY, ReadWords, ResidentWords
from rag_embed.stores.schema import WORDS
from rag_embed.stores.snapshot import Snapshot
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import even_rows
from rag_embed.types import Scores

_SAMPLE = 512


class Lexical(Protocol):
    """Finds chunks by their words, and judges them."""

    def find(
        self, texts: Sequence[str], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View.lexical`; the filter is resolved, ``n`` at most the number of chunks."""
        ...

    def scores(self, texts: Sequence[str], ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `protocols.View.lexical_scores`."""
        ...

    def holding(self, words: Sequence[str], ids: Sequence[str], /) -> npt.NDArray[np.bool_]:
        """See `protocols.View.holding`."""
        ...


def lexical_of(snapshot: Snapshot, analyzer: Analyzer, cache_bytes: int) -> Lexical:
    """Lexical evidence of a version.

    Args:
        snapshot: The chunks.
        analyzer: Settings of lexical search.
        cache_bytes: Words are held in memory up to this size.
    """
    resident = snapshot.resident
    with explained("read the index", snapshot.uri):
        if resident is not None and (
            resident.known(KEY) or size_of_words(snapshot.table) <= cache_bytes
        ):
            return ResidentWords(snapshot, resident, analyzer)
        if has_index(snapshot.table):
            return FullText(snapshot, analyzer)
    return ReadWords(snapshot, analyzer)


def has_index(table: Any) -> bool:  # noqa: ANN401
    """Whether a table has a full-text index."""
    return any(index.columns == [WORDS[0]] for index in table.list_indices())


def size_of_words(table: Any) -> float:  # noqa: ANN401
    """Bytes that the words of all chunks take in memory at most, by what some of them take on disk.

    What holds a word takes five bytes for each distinct word of a chunk; a word with its space takes
    more.
    """
    numbers = even_rows(table, _SAMPLE)
    some = table.take_row_ids(numbers.tolist()).select(list(WORDS)).to_arrow()
    lengths = [pc.sum(pc.binary_length(some[name])).as_py() or 0 for name in WORDS]
    return float(sum(lengths) * table.count_rows() / max(1, len(numbers)))
