"""One entry per document or text: the best chunk stands for it, the next ones are its siblings."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Protocol, TypeAlias, TypeVar

from rag_embed.maths.resemblance import Runs
from rag_embed.protocols import View
from rag_embed.types import Grouping, doc_id_of

SIBLINGS = 4
"""Further chunks of a document or text that are shown behind its best."""

ALIKE = 0.8
"""Resemblance from which on two texts are one: a date or a number in a paragraph may differ."""


class Named(Protocol):
    """Something that stands for a chunk."""

    @property
    def id(self) -> str:
        """The chunk's id."""
        ...


T = TypeVar("T", bound=Named)

Texts: TypeAlias = Callable[[Sequence[str]], Iterable[str]]
"""Texts of chunks, by id, in the same order."""


class Groups:
    """What chunks stand together, told block by block, the best first.

    Args:
        group_by: What makes a group; see `Query`.
        texts: Read when texts are compared.

    Examples:
        >>> from rag_embed.types import Chunk, Document
        >>> a, b = Document("a", "one two"), Document("b", "three")
        >>> chunks = [Chunk.of(a, 4, 7), Chunk.of(b, 0, 5), Chunk.of(a, 0, 3)]
        >>> groups = Groups("document", lambda ids: [])
        >>> [[chunk.text for chunk in group] for group in groups.take(chunks)]
        [['two', 'one'], ['three']]
        >>> groups.take([Chunk.of(b, 0, 2)])
        []
    """

    def __init__(self, group_by: Grouping, texts: Texts) -> None:
        self._names = {"chunk": _ids, "document": _documents, "text": self._leaders}[group_by]
        self._texts = texts
        self._seen: set[Hashable] = set()
        self._leading: list[tuple[str, Runs]] = []

    def take(self, ranked: Sequence[T]) -> list[list[T]]:
        """The groups that are new, each with its best chunk first and at most `SIBLINGS` behind it."""
        groups: dict[str, list[T]] = {}
        for name, one in zip(self._names([one.id for one in ranked]), ranked, strict=True):
            if name not in self._seen:
                groups.setdefault(name, []).append(one)
        self._seen.update(groups)
        return [group[: 1 + SIBLINGS] for group in groups.values()]

    def _leaders(self, ids: Sequence[str]) -> list[str]:
        """For each chunk the first one that says nearly the same, be it itself."""
        return [self._leader(id, Runs.of(t)) for id, t in zip(ids, self._texts(ids), strict=True)]

    def _leader(self, id: str, runs: Runs) -> str:
        for leader, others in self._leading:
            if runs.alike(others, ALIKE):
                return leader
        self._leading.append((id, runs))
        return id


def texts_in(view: View) -> Texts:
    """Texts of the chunks of a view."""

    def texts(ids: Sequence[str]) -> list[str]:
        found = {chunk.id: chunk.text for chunk in view.chunks(sorted(ids))}
        return [found[id] for id in ids]

    return texts


def _ids(ids: Sequence[str]) -> Sequence[str]:
    return ids


def _documents(ids: Sequence[str]) -> list[str]:
    return [doc_id_of(id) for id in ids]
