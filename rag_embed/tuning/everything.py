"""Ask labels of everything that can be decided, one thing after the other; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rag_embed.arguments import count
from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection
from rag_embed.evaluation.verdict import Verdict
from rag_embed.index import Index
from rag_embed.maths.metrics import Metric
from rag_embed.tuning.tune import METRIC

ORDER = ("weights", "fresh", "relevance", "personal", "router", "tokens", "situate")
"""From what is quick to what encodes documents again."""

_BY_METRIC = ("weights", "fresh", "personal", "router")


@dataclass(frozen=True, slots=True)
class Answer:
    """What labels say of one thing.

    Attributes:
        name: What was asked: a key of `tune.TUNERS`.
        verdict: The verdict; None where the labels, or the index, do not allow the question.
        why: The verdict's reason, or what is missing.
    """

    name: str
    verdict: Verdict[Any] | None
    why: str


def tune_all(
    index: Index, labels: Collection, *, metric: str = METRIC, seed: int = 0
) -> Iterator[Answer]:
    """Ask of each thing whether it helps the index as it is now.

    Two that help need not help together: apply one, and ask again. Where all seven are in vain, one time in six
    or so something seems to help by chance.

    Args:
        index: Is asked, and left as it is.
        labels: As in `Index.tune`.
        metric: What is to rise, for weights, fresh, personal and the router.
        seed: Splits the queries and draws the bootstrap.

    Returns:
        An answer for each, as it is found.

    Raises:
        BadInput: There is no such metric, or the seed is none.

    Examples:
        >>> from rag_embed import Document
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> report = index.add([Document("a", "The sea is deep.")])
        >>> first = next(tune_all(index, Collection.of({"deep sea": ["a"]})))
        >>> first.name, first.verdict
        ('weights', None)
    """
    Metric.parse(metric)
    count("seed", seed, 0)
    return _answers(index, labels, metric, seed)


def _answers(index: Index, labels: Collection, metric: str, seed: int) -> Iterator[Answer]:
    for what in ORDER:
        by = metric if what in _BY_METRIC else METRIC
        try:
            verdict = index.tune(what, labels, metric=by, seed=seed)
        except BadInput as error:
            yield Answer(what, None, str(error))
        else:
            yield Answer(what, verdict, verdict.reason)
