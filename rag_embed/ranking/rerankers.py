"""Re-rankers made of anything: functions, and what frameworks call re-rankers.

For `rerank.Reranked`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.arguments import check_calls
from rag_embed.errors import BadInput
from rag_embed.protocols import Reranker
from rag_embed.texts import Read, read_titled
from rag_embed.types import Hit, Query, Scores


@dataclass(frozen=True, slots=True)
class FunctionReranker:
    """Any function as a re-ranker: a hosted model's, another library's, a rule of your own.

    Attributes:
        score: From a query and texts to one number per text, higher is better.
        read: What it reads of a hit; title, headings and text by default.
    """

    score: Callable[[str, list[str]], Sequence[float]]
    read: Read = read_titled

    def __post_init__(self) -> None:
        check_calls("FunctionReranker.score", self.score)
        check_calls("FunctionReranker.read", self.read)

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores:
        """See `protocols.Reranker`.

        Raises:
            BadInput: The function gave something else than numbers.
        """
        found = self.score(query.text, [self.read(hit) for hit in hits])
        try:
            return np.asarray(found, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise BadInput(
                f"A re-ranker's function must give one number per text, {len(hits)} in all: {error}."
            ) from error


def checked(reranker: Reranker, scores: Scores, count: int) -> Scores:
    """What a re-ranker said of so many hits, as float32.

    Raises:
        BadInput: It is not one finite score per hit.
    """
    raw = np.asarray(scores, dtype=np.float32)
    if raw.shape != (count,) or not np.isfinite(raw).all():
        what = f"an array of {raw.shape}" if raw.shape != (count,) else "NaN or infinity"
        raise BadInput(
            f"{type(reranker).__name__} must give one finite score per hit, {count} in all; got "
            f"{what}."
        )
    return raw


def scores_of_order(ids: Sequence[str], ranked: Sequence[tuple[str, float | None]]) -> Scores:
    """Scores that reproduce the answer of a framework's re-ranker, which may drop and reorder.

    Its own scores are taken where each has one and they fall with every place; else only the order.
    What it dropped comes last, one mean step below the lowest.

    Args:
        ids: What it was given.
        ranked: What it gave back, best first; unknown ids are not allowed.

    Returns:
        ``(len(ids),)`` float32.

    Raises:
        BadInput: It gave back something that it was not given.

    Examples:
        >>> scores_of_order(["a", "b", "c"], [("c", None), ("a", None)]).tolist()
        [1.0, 0.0, 2.0]
        >>> scores_of_order(["a", "b", "c"], [("c", 0.75), ("a", 0.5)]).tolist()
        [0.5, 0.25, 0.75]
    """
    known = dict(ranked)
    if strange := sorted(known.keys() - set(ids)):
        raise BadInput(f"The re-ranker gave back {strange[0]!r}, which it was not given.")
    own = [float(np.float32(score)) for _, score in ranked if score is not None]
    follows = all(a > b for a, b in itertools.pairwise(own)) and np.isfinite(own).all()
    if len(own) < len(ranked) or not follows:
        own = [float(len(ranked) - i) for i in range(len(ranked))]
    step = (own[0] - own[-1]) / (len(own) - 1) if len(own) > 1 else 1.0
    last = own[-1] - step if own else 0.0
    scores = dict(zip((id for id, _ in ranked), own, strict=True))
    return np.array([scores.get(id, last) for id in ids], dtype=np.float32)
