"""Relevance: what the legs say, turned into a number in [0, 1] that means the same for every query.

Three facts go in. The share of the question's words that a chunk holds tells whether they are there at
all; it is the same in every corpus. So is the cosine, which tells whether the two are about the same
thing, but how large it is depends on the model, which may never have met a name or a code. The fused
score tells which of a corpus's chunks fits best; a question from another world has a best chunk too, so
it counts only where nobody has measured the model's cosines.

All three tell whether a chunk is on the question's subject, not whether it answers: where the answer is
missing, another chunk on the subject has nearly as much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from rag_embed.arguments import check_numbers, is_number
from rag_embed.encoders.minilm import FINGERPRINTS
from rag_embed.errors import BadInput
from rag_embed.types import DENSE, LEXICAL, Part

BASIS: Mapping[str, float] = {DENSE: 0.5, LEXICAL: 0.5}
"""The mixture that curves were fitted on before there are labels."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """``relevance = 1 / (1 + exp(-(score * s + cosine * c + words * w + intercept)))``: Platt scaling (1999).

    Attributes:
        score: Weight of the fused score ``s``, >= 0.
        cosine: Weight of the raw cosine ``c``; 0 where its level is unknown.
        intercept: The even chance lies where the weighted sum is ``-intercept``.
        words: Weight of the lexical level ``w``, see `Part.level`.
        leg: Name of the leg whose raw score the cosine is.
        weights: The mixture whose fused score it is, by leg. It stays as it was fitted when hits are
            ranked by other weights, and no second stage is in it since only the best candidates
            have one: relevance means the same for every query.
        fitted_to: What it was fitted to, in words.

    Raises:
        BadInput: A coefficient or weight is no number.

    Examples:
        >>> round(Calibration(8.0, 0.0, -4.0).relevance(0.5, 0.3), 2)
        0.5
    """

    score: float
    cosine: float
    intercept: float
    words: float = 0.0
    leg: str = DENSE
    weights: Mapping[str, float] = field(default_factory=lambda: dict(BASIS), hash=False)
    fitted_to: str = "labels of this index"

    def __post_init__(self) -> None:
        check_numbers(self, "score", "cosine", "intercept", "words")
        if not isinstance(self.weights, Mapping) or not all(map(is_number, self.weights.values())):
            raise BadInput(f"Calibration.weights are numbers by leg, got {self.weights!r}.")

    @property
    def legs(self) -> frozenset[str]:
        """Names of the legs that it needs to hear."""
        named = {name for name, weight in self.weights.items() if weight}
        named |= {self.leg} if self.cosine else set()
        return frozenset(named | {LEXICAL} if self.words else named)

    def basis(self, parts: Sequence[Part]) -> tuple[float, float, float]:
        """Fused score, cosine and lexical level of a hit; a leg that it has no part of says nothing.

        Args:
            parts: What was said about the hit.
        """
        score = sum(self.weights.get(part.leg, 0.0) * part.normalised for part in parts)
        cosine = next((part.raw for part in parts if part.leg == self.leg), 0.0)
        return (
            score,
            cosine,
            next((part.level or 0.0 for part in parts if part.leg == LEXICAL), 0.0),
        )

    def relevance(self, score: float, cosine: float, level: float = 0.0) -> float:
        """Probability that a hit answers the query."""
        exponent = -(
            self.score * score + self.cosine * cosine + self.words * level + self.intercept
        )
        return 1.0 / (1.0 + math.exp(min(max(exponent, -60.0), 60.0)))


_NO_MODEL = "public data sets, of no model in particular: cosines do not count"
_THIS_MODEL = "public data sets with all-MiniLM-L6-v2"

ANY_MODEL = Calibration(3.16, 0.0, -7.48, 6.40, fitted_to=_NO_MODEL)
"""Before there are labels, for models whose cosines nobody has measured."""

MEASURED = dict.fromkeys(FINGERPRINTS, Calibration(0.0, 6.27, -6.60, 4.67, fitted_to=_THIS_MODEL))
"""By fingerprint of the space; fitted by ``python -m benchmarks relevance --parts fit``."""

_ANY_WITHOUT_WORDS = Calibration(9.91, 0.0, -8.13, fitted_to=_NO_MODEL)
_WITHOUT_WORDS = dict.fromkeys(FINGERPRINTS, Calibration(5.93, 4.26, -6.19, fitted_to=_THIS_MODEL))
"""The same where no leg has a level: fitted to questions of Wikipedia and of programmers alone."""

LIKELY, HARDLY = 0.5, 0.2
"""From the first on a hit most likely answers, below the second hardly."""

SCALE = f"above {LIKELY:g} it most likely answers, below {HARDLY:g} hardly".replace("0.", ".")
"""The same in a sentence, as every way in and every page has it."""

MIN_RELEVANCE = 0.1
"""Where the tools and the page cut: well below the scale's lower end, so that few right hits are lost."""

RIDGE = 1e-4
"""Weight of the squared coefficients."""

_STEPS = 100


def default(fingerprint: str, weights: Mapping[str, float] = BASIS) -> Calibration:
    """The curve for a space before it is fitted to labels.

    It is read on the mixture that ranks, scaled to the sum of `BASIS`; of an index's own legs alone
    where these count, so that no expert has to be asked for the sake of relevance.

    Args:
        fingerprint: Fingerprint of the space; see `Signature.fingerprint`.
        weights: By leg, at least one above 0.

    Examples:
        >>> default("", {"dense": 3.0, "lexical": 1.0, "expert": 2.0}).weights
        {'dense': 0.75, 'lexical': 0.25}
    """
    weights = {name: weights[name] for name in BASIS if weights.get(name)} or weights
    words = LEXICAL in weights
    any_model = ANY_MODEL if words else _ANY_WITHOUT_WORDS
    curve = (MEASURED if words else _WITHOUT_WORDS).get(fingerprint, any_model)
    if not weights.get(curve.leg):
        curve = any_model
    scale = sum(BASIS.values()) / sum(weights.values())
    return replace(curve, weights={name: scale * one for name, one in weights.items() if one})


def meaning(relevance: float) -> str:
    """A relevance in words, the same for every way in.

    Examples:
        >>> meaning(0.7), meaning(0.3), meaning(0.04)
        ('most likely answers', 'may answer', 'hardly answers')
    """
    if relevance >= LIKELY:
        return "most likely answers"
    return "may answer" if relevance >= HARDLY else "hardly answers"


def figure(relevance: float, least: float = 0.0) -> str:
    """A relevance with two decimals; it is cut down, not rounded up, where it would reach the next word.

    Args:
        relevance: Between 0 and 1.
        least: A cut that it is told beside: what lies below is not shown as if it reached it.

    Examples:
        >>> figure(0.1996), figure(0.2), figure(0.876), figure(0.0996, least=0.1)
        ('0.19', '0.20', '0.88', '0.09')
    """
    rounded = round(relevance, 2)
    if any(relevance < bound <= rounded for bound in (LIKELY, HARDLY, least)):
        rounded = math.floor(relevance * 100) / 100
    return f"{rounded:.2f}"


def fitted(
    scores: Sequence[float],
    cosines: Sequence[float],
    labels: Sequence[bool],
    levels: Sequence[float] | None = None,
) -> Calibration:
    """Fit a calibration to judged hits: Newton's method on the log-likelihood.

    Targets are smoothed as in Platt (1999): ``(positives + 1) / (positives + 2)`` and
    ``1 / (negatives + 2)``; a little ridge keeps the fit finite when the classes can be separated.

    Give it each query's best hit only: among the lower hits of answerable queries a high cosine is
    the rule, and the fit would learn to distrust it (measured: benchmarks, suite relevance).

    Args:
        scores: ``(n,)`` fused scores.
        cosines: ``(n,)`` raw cosines; all 0 leaves them out.
        labels: ``(n,)`` whether that hit answered its query.
        levels: ``(n,)`` of the lexical scores; None leaves them out.

    Raises:
        BadInput: There are not both kinds of labels, higher scores go with worse answers, or a number is
            missing or not finite.

    Examples:
        >>> labels = [False, False, True, True]
        >>> fitted([0.1, 0.2, 0.7, 0.9], [0.0] * 4, labels).relevance(0.8, 0.0) > 0.6
        True
    """
    y = np.asarray(labels, dtype=bool)
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        raise BadInput(
            f"Of the best hits of the labelled queries {positives} answer their query and {negatives} do "
            "not; relevance is fitted to both. Label more queries, some of which nothing answers: lines of "
            "queries.jsonl without one in qrels.tsv, in Python Collection.of({..., 'price of tea': []})."
        )
    target = np.where(y, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    lexical = np.zeros(len(y)) if levels is None else levels
    columns = [np.asarray(one, dtype=np.float64) for one in (scores, cosines, lexical)]
    if any(one.shape != y.shape or not np.isfinite(one).all() for one in columns):
        raise BadInput(f"Expected a finite score, cosine and level for each of {len(y)} labels.")
    features = np.stack([*columns, np.ones(len(y))], axis=1)
    theta = _likeliest(features, target)
    if theta[0] <= 0:  # beside how much of the words is there, it may tell nothing more
        features[:, 0] = 0.0
        theta = _likeliest(features, target)
    if theta[0] <= 0 and theta[2] <= 0:
        raise BadInput(
            f"Higher scores went with worse answers among {positives} right hits and {negatives} wrong "
            "ones. Check the labels; if they are right, label more queries that nothing answers."
        )
    score, cosine, words, intercept = theta.tolist()
    return Calibration(score, cosine, intercept, words)


def _likeliest(
    features: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Coefficients, the last of a constant, by Newton's method."""
    count = features.shape[1]
    ridge = RIDGE * np.diag([*[1.0] * (count - 1), 0.0])
    theta = np.zeros(count)
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(features @ theta, -60, 60)))
        gradient = features.T @ (p - target) + ridge @ theta
        hessian = (features * (p * (1 - p))[:, None]).T @ features + ridge + 1e-12 * np.eye(count)
        step = np.linalg.solve(hessian, gradient)
        theta -= step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return theta
