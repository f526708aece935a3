"""Three sides of the pairs that share no document: to learn, to choose, to report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from rag_embed.arguments import is_number
from rag_embed.errors import BadInput
from rag_embed.training.pairs import Pair

_SIDES = ("train", "validation", "held_out")


@dataclass(frozen=True, slots=True)
class Split:
    """Pairs on three sides.

    Attributes:
        train: Gradients come from these.
        validation: Steps and strength are chosen on these.
        held_out: Seen once, for the figures that are reported.

    Raises:
        BadInput: A side is empty, or two sides share a document or a query.
    """

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    held_out: tuple[Pair, ...]

    def __post_init__(self) -> None:
        sides = {name: getattr(self, name) for name in _SIDES}
        if empty := [name for name, pairs in sides.items() if not pairs]:
            raise BadInput(
                f"No pair is left for {', '.join(empty)}: training needs pairs of several documents "
                "on every side. Add labelled queries or pseudo-queries."
            )
        for (one, first), (other, second) in combinations(sides.items(), 2):
            if shared := _documents(first) & _documents(second):
                raise BadInput(
                    f"{one} and {other} share the document {min(shared)!r}; figures from such a split "
                    "reward memorising. Split by document, for example with training.splits.split."
                )
            if same := {_key(pair) for pair in first} & {_key(pair) for pair in second}:
                raise BadInput(f"{one} and {other} share the query {min(same)!r}; keep it in one.")

    def with_more(self, pairs: Sequence[Pair]) -> Split:
        """With further training pairs, as far as they share nothing with the other sides."""
        others = self.validation + self.held_out
        documents, queries = _documents(others), {_key(pair) for pair in others}
        more = [
            pair
            for pair in pairs
            if documents.isdisjoint(pair.documents) and _key(pair) not in queries
        ]
        return replace(self, train=(*self.train, *more))

    @property
    def pairs(self) -> dict[str, int]:
        """Number of pairs on each side."""
        return {name: len(getattr(self, name)) for name in _SIDES}

    @property
    def documents(self) -> dict[str, int]:
        """Number of documents on each side."""
        return {name: len(_documents(getattr(self, name))) for name in _SIDES}


def split(
    pairs: Sequence[Pair], *, held_out: float = 0.25, validation: float = 0.2, seed: int = 0
) -> Split:
    """Deal pairs to three sides by their documents, so that the sides get their shares.

    A pair goes where most of its documents are, for the size of the side. Of its chunks those of
    other sides become neither right nor wrong. Pairs with equal queries stay together.

    Args:
        pairs: Labelled or made.
        held_out: Share of the pairs to report on, as far as documents allow.
        validation: Share of the others to choose on.
        seed: Another one deals other documents.

    Raises:
        BadInput: A share is not between 0 and 1, or a side stays empty.

    Examples:
        >>> pairs = [Pair(f"query {i}", (f"c{i}",), (f"d{i}",)) for i in range(100)]
        >>> split(pairs).pairs
        {'train': 60, 'validation': 15, 'held_out': 25}
    """
    if not all(is_number(share) and 0 < share < 1 for share in (held_out, validation)):
        raise BadInput(f"Shares must be between 0 and 1, got {held_out!r} and {validation!r}.")
    shares = {
        "train": (1 - held_out) * (1 - validation),
        "validation": (1 - held_out) * validation,
        "held_out": held_out,
    }
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(_key(pair), []).append(pair)
    side_of = _dealt(pairs, shares, seed)
    sides: dict[str, list[Pair]] = {name: [] for name in shares}
    for group in groups.values():
        names = (name for pair in group for name in dict.fromkeys(pair.documents))
        counts = Counter(side_of[name] for name in names)
        side = max(counts, key=lambda one: counts[one] / shares[one])
        for pair in group:
            keep = [side_of[name] == side for name in pair.documents]
            if any(keep):
                sides[side].append(_only(pair, keep))
    return Split(**{name: tuple(some) for name, some in sides.items()})


def _dealt(pairs: Sequence[Pair], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The side of each document: the one with most pairs first, to the side that lacks most."""
    counts = Counter(name for pair in pairs for name in set(pair.documents))
    total = sum(counts.values())
    lacking = {side: total * share for side, share in shares.items()}
    dealt = {}
    for name in sorted(counts, key=lambda name: (-counts[name], _hash(name, seed))):
        side = max(lacking, key=lambda side: lacking[side])
        dealt[name] = side
        lacking[side] -= counts[name]
    return dealt


def _hash(document: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed} {document}".encode(), digest_size=8).digest()


def _only(pair: Pair, keep: Sequence[bool]) -> Pair:
    """The pair with some of its chunks, the others neither right nor wrong."""
    if all(keep):
        return pair
    chosen = [i for i, wanted in enumerate(keep) if wanted]
    others = tuple(id for id, wanted in zip(pair.chunks, keep, strict=True) if not wanted)
    return replace(
        pair,
        chunks=tuple(pair.chunks[i] for i in chosen),
        documents=tuple(pair.documents[i] for i in chosen),
        ignored=pair.ignored + others,
    )


def _key(pair: Pair) -> str:
    return " ".join(pair.query.casefold().split())


def _documents(pairs: Sequence[Pair]) -> set[str]:
    return {name for pair in pairs for name in pair.documents}
