"""How a re-ranker is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from rag_embed.arguments import check_made, check_numbers, is_number, set_counts
from rag_embed.errors import BadInput
from rag_embed.ranking.excerpts import LONGEST
from rag_embed.training.loop import Schedule


@dataclass(frozen=True, slots=True)
class RerankerRecipe:
    """How a re-ranker is trained.

    Attributes:
        layers: Layers of the model that are kept, the first ones; what a query costs grows with them.
        trained: Of these, how many learn, the last ones.
        depth: Hits of the search that it scores again.
        characters: Of a chunk, the sentences nearest to the query that it reads; see `ranking.excerpts`.
        negatives: Wrong hits that a right one is told from in a step, half of them out of the best ten.
        batch: Queries per step.
        taught: Share of the loss that follows a teacher's scores, where there is a teacher; the labels have the
            rest.
        temperature: Of the softmax over scores; those of a teacher are spread over [0, 1] for each query.
        weights: How much it may count beside the search; the validation side chooses.
        schedule: Steps and rates.

    Raises:
        BadInput: A number is out of range.
    """

    layers: int = 6
    trained: int = 2
    depth: int = 10
    characters: int = LONGEST
    negatives: int = 4
    batch: int = 16
    taught: float = 0.5
    temperature: float = 0.1
    weights: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
    schedule: Schedule = field(default_factory=lambda: Schedule(2, 2e-4))

    def __post_init__(self) -> None:
        set_counts(self, 1, "layers", "trained", "depth", "characters", "negatives", "batch")
        check_numbers(self, "taught", "temperature")
        check_made("RerankerRecipe.schedule", self.schedule, Schedule)
        if not 0 <= self.taught <= 1 or self.temperature <= 0:
            raise BadInput(
                f"taught must be in [0, 1] and temperature > 0, got {self.taught} and {self.temperature}."
            )
        weights = self.weights if isinstance(self.weights, tuple | list) else ()
        if not weights or not all(is_number(one) and 0 < one < math.inf for one in weights):
            raise BadInput(f"weights must be numbers > 0, at least one, got {self.weights!r}.")
