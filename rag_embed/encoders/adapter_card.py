"""What a trained adapter or re-ranker says of itself: data, sizes, settings, and the gain that was measured."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from rag_embed.encoders.adapter import CARD, replaced
from rag_embed.errors import BadInput
from rag_embed.maths.resampling import Difference
from rag_embed.paths import absolute

Kind: TypeAlias = Literal["expert", "situated", "merged", "reranker"]


@dataclass(frozen=True, slots=True)
class Card:
    """One training run.

    Attributes:
        kind: ``"expert"`` adapts queries, ``"situated"`` chunks, ``"merged"`` is made of experts;
            ``"reranker"`` is a cross-encoder.
        name: Of the adapter.
        data: Where the pairs come from.
        base: Model that was adapted.
        weights: Hash of its weights.
        pairs: Number of pairs on each side of the split.
        documents: Number of documents on each side; no document is on two.
        settings: All that decides the result, seeds included.
        steps: Steps behind the adapter.
        strength: Share of the learned change that validation preferred.
        seconds: The training took.
        history: Per evaluation: step, mean loss, validation score.
        metric: Of ``before``, ``after``, ``gain`` and the validation scores.
        before: The model without the adapter, or the search without the re-ranker, on the held-out side.
        after: With it.
        gain: The difference over the same queries, with its 95 % interval.
        others: Gain on further sets, by name.
    """

    kind: Kind
    name: str
    data: str
    base: str
    weights: str
    pairs: Mapping[str, int] = field(hash=False)
    documents: Mapping[str, int] = field(hash=False)
    settings: Mapping[str, Any] = field(hash=False)
    steps: int
    strength: float
    seconds: float
    history: tuple[tuple[int, float | None, float], ...]
    metric: str
    before: float
    after: float
    gain: Difference
    others: Mapping[str, Difference] = field(default_factory=dict, hash=False)

    @property
    def installed(self) -> bool:
        """Whether the gain is above chance: only then is there an adapter beside the card."""
        return self.gain.low > 0

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        gain = f"{self.gain.value:+.4f} ({self.gain.low:+.4f} to {self.gain.high:+.4f})"
        change = f"{self.metric} {self.before:.4f} -> {self.after:.4f}, {gain}"
        count = f"{self.pairs['held_out']} held-out queries"
        if self.installed:
            return f"better: {change} on {count}."
        than = "the search without it" if self.kind == "reranker" else "its model"
        return f"not installed, no better than {than}: {change} on {count}."

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write ``card.json``."""
        folder = Path(absolute(folder))
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps({**asdict(self), "installed": self.installed}, indent=2)
        replaced(folder / CARD, content.encode())

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Card:
        """Read ``card.json``.

        Raises:
            BadInput: There is none, or it is not one of this library.
        """
        file = Path(absolute(folder)) / CARD
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            data.pop("installed")
            data["gain"] = Difference(**data["gain"])
            data["others"] = {name: Difference(**one) for name, one in data["others"].items()}
            data["history"] = tuple((s, loss, score) for s, loss, score in data["history"])
            data["settings"] = {**data["settings"]}
            return cls(**data)
        except (OSError, RecursionError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"{os.fspath(folder)!r} holds no {CARD} as training writes it "
                f"({type(error).__name__}: {error}); pass the folder of a trained adapter."
            ) from error


def trained(folder: str) -> Mapping[str, Any] | None:
    """How a trained re-ranker was measured: its `Card.settings`; None for any other model.

    Raises:
        BadInput: The folder holds no model, since what was trained was no better; or its card is damaged.
    """
    folder = absolute(folder)
    if not (Path(folder) / CARD).is_file() or (card := Card.read(folder)).kind != "reranker":
        return None
    if lacking := sorted({"characters", "depth", "weight"} - card.settings.keys()):
        raise BadInput(
            f"{CARD} in {folder!r} lacks {', '.join(lacking)}; train the re-ranker again."
        )
    if not card.installed:
        raise BadInput(f"{folder!r} holds no re-ranker: {card.verdict}")
    return card.settings
