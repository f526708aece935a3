"""How the late part of situated chunks is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from rag_embed.arguments import check_made, check_numbers, set_counts
from rag_embed.errors import BadInput
from rag_embed.situated.expressions import STANDARD
from rag_embed.training.loop import Schedule
from rag_embed.training.lora import Targets

Objective: TypeAlias = Literal["insent", "margin"]


@dataclass(frozen=True, slots=True)
class SituatedRecipe:
    """How the late part is trained.

    Attributes:
        own: Name of the way (`situated.expressions`) that the late part is added to.
        objective: ``"insent"``: `losses.insent_loss`; ``"margin"``: `losses.margin_loss`.
        weight: Of the late part in training.
        within: Weight of negatives of the same document in ``"insent"``.
        margin: Of ``"margin"``.
        pull: Weight of staying near the untrained late vector.
        temperature: Of ``"insent"``.
        window: Tokens of a window; all the model reads when None.
        overlap: Tokens that neighbouring windows share.
        run: Windows of one document that are in a batch together.
        runs: Such runs in a batch.
        rank: Of the adapter.
        targets: Which layers it changes.
        dropout: Of its inputs.
        schedule: Steps and rates.

    Raises:
        BadInput: A number is out of range.
    """

    own: str = STANDARD
    objective: Objective = "insent"
    weight: float = 0.5
    within: float = 0.5
    margin: float = 0.1
    pull: float = 1.0
    temperature: float = 0.05
    window: int | None = None
    overlap: int = 64
    run: int = 4
    runs: int = 2
    rank: int = 16
    targets: Targets = "attention"
    dropout: float = 0.05
    schedule: Schedule = field(
        default_factory=lambda: Schedule(epochs=3, learning_rate=1e-4, evaluations=2)
    )

    def __post_init__(self) -> None:
        set_counts(self, 1, "run", "runs", "rank")
        if self.objective not in get_args(Objective):
            raise BadInput(
                f"objective must be one of {get_args(Objective)}, got {self.objective!r}."
            )
        check_numbers(self, "weight", "temperature", "pull", "margin", "within", "dropout")
        check_made("SituatedRecipe.schedule", self.schedule, Schedule)
        if min(self.weight, self.temperature) <= 0 or min(self.pull, self.margin) < 0:
            raise BadInput(
                "weight and temperature must be > 0, pull and margin >= 0, got "
                f"{self.weight}, {self.temperature}, {self.pull} and {self.margin}."
            )
        if not 0 <= self.within <= 1 or not 0 <= self.dropout < 1:
            raise BadInput(
                f"within must be in [0, 1] and dropout in [0, 1), got {self.within} and {self.dropout}."
            )
