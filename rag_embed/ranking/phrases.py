"""What a query has in quotes: chunks that hold it word for word go before those that do not.

The words have to stand in its order with none between them; case, accents and punctuation do not count. Title
and headings of a chunk count as its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

import numpy as np

from rag_embed.filters import Filter
from rag_embed.protocols import View
from rag_embed.spelling import folded, in_order
from rag_embed.texts import titled
from rag_embed.types import PHRASE, Chunk, Hit, Part, Scores

_QUOTED = re.compile(
    r'["\uff02]([^"\uff02]+)["\uff02]|[“”„‟]([^“”„‟]+)[“”‟]|«([^«»]+)»|»([^«»]+)«|「([^「」]+)」|『([^『』]+)』'
)
_BROKEN = re.compile(r"([^\W\d_])-\n[ \t]*(?=[^\W\d_])")
"""Within a word that is broken at the end of a line."""

_MOST = 32
"""Phrases of a query that count, its first; each is looked for by itself."""

_AMONG = 1000
"""Chunks that share most with a phrase, among which those are that hold it."""

_OVER = 10.0
"""Weight of each phrase, by that of all legs and second stages together: none of them outweighs it."""


def phrases(text: str) -> tuple[str, ...]:
    """What is in double quotes in a query and has several words.

    Examples:
        >>> phrases('who wrote "The Good War" in „einem Zug“?'), phrases('the "fox"')
        (('The Good War', 'einem Zug'), ())
    """
    if text.isascii() and '"' not in text:
        return ()
    found = (next(filter(None, one.groups())) for one in _QUOTED.finditer(text))
    several = (one for one in found if len(plain(one).split()) > 1)
    return tuple(islice(dict.fromkeys(several), _MOST))


def plain(text: str) -> str:
    r"""A text as it is compared: its words in lower case, without accents and what is between them.

    Examples:
        >>> plain("The café's\nopening-hours")
        'the cafe s opening hours'
    """
    return " ".join(folded(word.lower()) for word in in_order(text))


def over_all(weights: Mapping[str, float], asked: Sequence[str]) -> dict[str, float]:
    """Weights with that of the phrases of a query: one of many goes before none, too."""
    return {**weights, PHRASE: _OVER * len(asked) * sum(weights.values())}


def quoted_first(hits: Sequence[Hit], depth: int, widest: float) -> list[Hit]:
    """Hits whose phrases count more where evidence that is to come would outweigh them.

    Args:
        hits: Of one query, best first.
        depth: How many of them it is of.
        widest: The largest difference that it makes between two of them.
    """
    said = [next((part for part in hit.parts if part.leg == PHRASE), None) for hit in hits]
    shares = sorted({part.normalised for part in said[:depth] if part is not None})
    more = max((widest / (high - low) for low, high in pairwise(shares)), default=0.0)
    return [
        hit if part is None or more <= part.weight / 2 else _raised(hit, part, part.weight + more)
        for hit, part in zip(hits, said, strict=True)
    ]


def _raised(hit: Hit, part: Part, weight: float) -> Hit:
    raised = replace(part, weight=weight)
    parts = tuple(raised if one is part else one for one in hit.parts)
    score = hit.score + raised.contribution - part.contribution
    return replace(hit, score=score, parts=parts)


def _compared(chunk: Chunk) -> str:
    """What phrases are looked for in; with a word that is broken at the end of a line, also in one piece."""
    text = titled(chunk)
    whole = _BROKEN.sub(r"\1", text) if "-\n" in text else text
    return " | ".join(f" {plain(one)} " for one in dict.fromkeys([text, whole]))


@dataclass(frozen=True, slots=True, eq=False)
class Phrases:
    """`protocols.Answers` about quoted phrases: the share of them that a chunk holds.

    Attributes:
        view: The version that is searched.
        asked: The phrases of each query.
    """

    view: View
    asked: Sequence[Sequence[str]]

    def top(self, where: Sequence[Filter | None], n: int, /) -> list[tuple[list[str], Scores]]:
        """See `protocols.Answers`."""
        return [self._top(some, one, n) for some, one in zip(self.asked, where, strict=True)]

    def score(self, ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `protocols.Answers`."""
        return [self._held(some, asked) for some, asked in zip(ids, self.asked, strict=True)]

    def normalise(self, query: int, raw: Scores, /) -> Scores:
        """See `protocols.Answers`: it is on the common scale."""
        return raw

    def _top(self, asked: Sequence[str], where: Filter | None, n: int) -> tuple[list[str], Scores]:
        among = [ids for one in asked for ids, _ in self.view.lexical([one], max(n, _AMONG), where)]
        ids = list(dict.fromkeys(id for some in among for id in some))
        scores = self._held(ids, asked)
        order = np.argsort(-scores, kind="stable")[: min(n, int(np.count_nonzero(scores)))]
        return [ids[i] for i in order.tolist()], scores[order]

    def _held(self, ids: Sequence[str], asked: Sequence[str]) -> Scores:
        texts = {one.id: _compared(one) for one in self.view.chunks(ids)}
        wanted = [f" {plain(one)} " for one in asked]
        shares = [np.mean([one in texts.get(id, "") for one in wanted]) for id in ids]
        return np.array(shares, dtype=np.float32)
