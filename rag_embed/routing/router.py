"""`PilotRouter`: the pilots nearest to a query decide how much each expert counts for it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from rag_embed.arguments import check_numbers, is_number, set_counts
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.maths.routing import (
    Aggregation,
    Matrix,
    Similarity,
    Ties,
    centroids,
    expert_scores,
    nearest,
    wins,
)
from rag_embed.maths.weighing import mixed, pruned
from rag_embed.routing.pilots import Pilots, model_name
from rag_embed.types import Near, Query, Route, Signature, Vectors

Mode: TypeAlias = Literal["soft", "paper"]

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Soft:
    """Settings of the soft mode; what they are worth, and others, is in ``docs/routing.md``.

    Attributes:
        neighbours: Pilots that are listened to, >= 1.
        temperature: Of the similarities: a pilot that is so much farther than the nearest counts
            1 / e of it, > 0.
        ridge: Weight of the default mixture against the pilots, > 0.
        far: With no pilot more similar than this the default mixture stays as it is.
        near: From this similarity of the nearest pilot on the pilots have their full say.
        prices: What it costs to ask a leg, by name, such as milliseconds; one not named is always
            asked.
        least: A leg with a price is asked where it lowers the pilots' loss by at least so much for
            each unit of its price; see `maths.weighing.pruned`. 0 asks every leg that has weight.

    Raises:
        BadInput: A setting is out of range.
    """

    neighbours: int = 150
    temperature: float = 0.15
    ridge: float = 0.015
    far: float = 0.25
    near: float = 0.5
    prices: Mapping[str, float] = field(default_factory=dict, hash=False)
    least: float = 0.0

    def __post_init__(self) -> None:
        set_counts(self, 1, "neighbours")
        for name, value in {**self.prices, "least": self.least}.items():
            if not is_number(value) or not 0.0 <= value < math.inf:
                raise BadInput(f"Soft: expected a number >= 0 for {name!r}, got {value!r}.")
        check_numbers(self, "temperature", "ridge", "far", "near")
        if self.temperature <= 0 or self.ridge <= 0:
            raise BadInput(f"Expected temperature > 0 and ridge > 0, got {self}.")
        if not -1 <= self.far < self.near <= 1:
            raise BadInput(f"Expected -1 <= far < near <= 1, got {self.far} and {self.near}.")


@dataclass(frozen=True, slots=True)
class Paper:
    """Settings of the paper's mode: RouterRetriever (arXiv 2409.02685).

    Attributes:
        aggregation: ``"mean"`` over an expert's centroids as in the paper; ``"max"`` as its code.
        similarity: The paper does not say which.
        ties: What becomes of pilots that several experts serve best; see `maths.routing.wins`.
        margin: The default mixture answers where the best expert is not so much ahead of the
            second. 0 is the paper: the best expert always answers.

    Raises:
        BadInput: An unknown name, or a margin below 0.
    """

    aggregation: Aggregation = "mean"
    similarity: Similarity = "cosine"
    ties: Ties = "drop"
    margin: float = 0.0

    def __post_init__(self) -> None:
        for name, names in (
            ("aggregation", get_args(Aggregation)),
            ("similarity", get_args(Similarity)),
            ("ties", get_args(Ties)),
        ):
            if getattr(self, name) not in names:
                raise BadInput(f"{name} must be one of {names}, got {getattr(self, name)!r}.")
        if not is_number(self.margin) or not self.margin >= 0:
            raise BadInput(f"margin must be >= 0, got {self.margin!r}.")


@dataclass(frozen=True, eq=False)
class PilotRouter:
    """A `protocols.LearnedRouter` made of `Pilots`.

    *Soft*: per-query weights. Each of the nearest pilots says how the default weights should change so
    that its answers rise (`maths.weighing.listwise`); a ridge holds the default against them.
    *Paper*: one expert answers, the one whose centroids are nearest.

    Attributes:
        pilots: What is known.
        mode: ``"soft"`` or ``"paper"``.
        soft: Settings of the soft mode.
        paper: Settings of the paper's mode.

    Raises:
        BadInput: There is no pilot, an unknown mode, or a price for a leg that the pilots do not know.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> from rag_embed.evaluation import Collection
        >>> from rag_embed.tuning.pilots import learned
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> documents = (Document("a", "red fox"), Document("b", "blue sea"))
        >>> added = index.add(documents)
        >>> labels = Collection("mine", documents, {"q": "the red fox"}, {"q": {"a": 1}})
        >>> pilots = learned(index.experts.hybrid(), index.spaces.own.signature, labels)
        >>> index.experts.router = PilotRouter(pilots)
        >>> index.search("a red fox")[0].route.pilots[0].text
        'the red fox'
    """

    pilots: Pilots
    mode: Mode = "soft"
    soft: Soft = field(default_factory=Soft)
    paper: Paper = field(default_factory=Paper)

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise BadInput(f"mode must be one of {get_args(Mode)}, got {self.mode!r}.")
        if not len(self.pilots):
            raise BadInput("A router needs pilots: see tuning.pilots.fitted.")
        self.pilots.check_known(self.soft.prices)

    def route(self, queries: Sequence[Query], vectors: Vectors, /) -> list[Route]:
        """See `protocols.Router`.

        Raises:
            SpaceMismatch: The vectors have another dimension than the pilots'.
        """
        if vectors.shape != (len(queries), self.pilots.vectors.shape[1]):
            raise SpaceMismatch(
                f"The pilots have {self.pilots.vectors.shape[1]} dimensions, the query vectors "
                f"have shape {vectors.shape} for {len(queries)} queries."
            )
        near = vectors @ self.pilots.vectors.T
        decide = self._softly if self.mode == "soft" else self._hard
        return [decide(row, similar) for row, similar in zip(vectors, near, strict=True)]

    def learned(self, pilots: Pilots) -> PilotRouter:
        """A router that knows these pilots too; see `Pilots.joined`."""
        return replace(self, pilots=self.pilots.joined(pilots))

    def fitting(self, mixture: Mapping[str, float], base: Signature, /) -> PilotRouter:
        """See `protocols.LearnedRouter`.

        Raises:
            SpaceMismatch: Its pilots come from another base encoder.
            BadInput: It was learned beside another default mixture.
        """
        pilots = self.pilots
        if pilots.model != model_name(base):
            raise SpaceMismatch(
                f"The router's pilots were encoded by {pilots.model!r}, the index by "
                f"{model_name(base)!r}; fit it on this index."
            )
        for leg in pilots.legs:
            if leg not in mixture and not pilots.default.get(leg):
                pilots = pilots.without_leg(leg)
        default = {name: mixture.get(name, 0.0) for name in pilots.legs}
        if default != dict(pilots.default) or not set(pilots.legs) <= mixture.keys():
            raise BadInput(
                f"The router was learned beside the mixture {dict(pilots.default)}, the index has "
                f"{default} over the legs {list(mixture)}. Remove it first, tuning.reset(index, 'router') or "
                "rag-embed tune KB router --reset; afterwards learn one beside the new mixture."
            )
        prices = {leg: price for leg, price in self.soft.prices.items() if leg in pilots.legs}
        fits = replace(self, pilots=pilots, soft=replace(self.soft, prices=prices))
        return self if pilots is self.pilots else fits

    def without_documents(self, ids: Collection[str], /) -> PilotRouter | None:
        """See `protocols.LearnedRouter`: without the pilots that a document answers."""
        if self.pilots.answered.isdisjoint(ids):
            return self
        gone = frozenset(ids)
        kept = [i for i, some in enumerate(self.pilots.documents) if gone.isdisjoint(some)]
        return replace(self, pilots=self.pilots.only(kept)) if kept else None

    def _softly(self, row: Vectors, similar: Vectors) -> Route:
        telling = self._telling
        some = telling[nearest(similar[telling], self.soft.neighbours)]
        if not some.size:
            return Route(dict(self.pilots.default), 0.0, self._near(similar))
        first = float(similar[some[0]])
        trust = (first - self.soft.far) / (self.soft.near - self.soft.far)
        trust = min(1.0, max(0.0, trust))
        shares = np.exp((similar[some].astype(np.float64) - first) / self.soft.temperature)
        shares /= shares.sum()
        # The ridge holds sharpened weights, so that it weighs the same whatever the scores' scale is.
        ridge = self.soft.ridge * float(shares @ np.square(self.pilots.sharpness[some]))
        shares *= trust
        gradients, hessians = self.pilots.gradients[some], self.pilots.hessians[some]
        weights = mixed(self.pilots.weights, shares, gradients, hessians, ridge)
        weights = np.maximum(weights, 0.0)  # no leg speaks against what it finds
        if self.soft.prices:
            curvature = np.tensordot(shares, hessians, 1) + (1.0 - trust) * self._everywhere
            curvature += ridge * np.eye(weights.size)
            prices = np.array([self.soft.prices.get(leg, 0.0) for leg in self.pilots.legs])
            weights = np.maximum(pruned(weights, curvature, prices, self.soft.least), 0.0)
        return Route(
            dict(zip(self.pilots.legs, weights.tolist(), strict=True)),
            trust * _determined(shares, hessians, ridge),
            self._near(similar),
        )

    def _hard(self, row: Vectors, similar: Vectors) -> Route:
        names = list(self.pilots.mixtures)
        library, experts = self._library
        scores = expert_scores(
            row,
            library,
            experts,
            len(names),
            aggregation=self.paper.aggregation,
            similarity=self.paper.similarity,
        )
        # Equal scores go to the expert that was named first.
        order = np.lexsort((np.arange(scores.size), -np.round(scores, 6)))
        first = order[0]
        known = np.isfinite(scores)
        ahead = float(scores[first] - scores[order[1]]) if known.sum() > 1 else float("inf")
        sure = bool(known[first]) and ahead >= self.paper.margin
        weights = self.pilots.mixtures[names[first]] if sure else self.pilots.default
        return Route(
            dict(weights),
            _softmax(scores, first) if sure else 0.0,
            self._near(similar),
            {n: float(s) for n, s in zip(names, scores, strict=True) if np.isfinite(s)},
        )

    def _near(self, similar: Vectors) -> tuple[Near, ...]:
        pilots = self.pilots
        return tuple(
            Near(pilots.texts[i], float(similar[i]), self._winner(i), pilots.sources[i])
            for i in nearest(similar, _SHOWN)
        )

    def _winner(self, pilot: int) -> str:
        values = np.round(self.pilots.utilities[pilot], 6)
        if not values.size or np.count_nonzero(values == values.max()) > 1:
            return ""
        return list(self.pilots.mixtures)[int(values.argmax())]

    @cached_property
    def _telling(self) -> npt.NDArray[np.intp]:
        """Pilots whose answer is among their best candidates: the others have no wish."""
        return np.flatnonzero(np.abs(self.pilots.hessians).any(axis=(1, 2)))

    @cached_property
    def _everywhere(self) -> Matrix:
        """``(p, p)`` mean curvature of all pilots: what counts where none is near."""
        mean: Matrix = self.pilots.hessians[self._telling].mean(axis=0, dtype=np.float64)
        return mean

    @cached_property
    def _library(self) -> tuple[Matrix, npt.NDArray[np.intp]]:
        numbers = {name: i for i, name in enumerate(dict.fromkeys(self.pilots.sources))}
        sources = np.array([numbers[source] for source in self.pilots.sources])
        won = wins(self.pilots.utilities, self.paper.ties)
        return centroids(self.pilots.vectors, won, sources)


def _determined(
    shares: npt.NDArray[np.float64], hessians: npt.NDArray[np.float32], ridge: float
) -> float:
    """Share of the weights' freedom that the pilots decide, not the ridge: tr((H + r)^-1 H) / p."""
    curvature = np.tensordot(shares, hessians, 1)
    p = len(curvature)
    return float(np.trace(np.linalg.solve(curvature + ridge * np.eye(p), curvature)) / p)


def _softmax(scores: Matrix, place: int) -> float:
    """How clearly an expert is ahead of the others, in [0, 1]; temperature .05."""
    known = scores[np.isfinite(scores)]
    return float(1.0 / np.exp((known - scores[place]) / 0.05).sum())
