"""The legs beside an index's own: of experts that it keeps, and what was attached in this process.

Models of kept experts are loaded when they are first asked.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from threading import Lock
from typing import Any

from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.indexing.recipes import contents
from rag_embed.indexing.settings import Expert
from rag_embed.indexing.spaces import Spaces
from rag_embed.processes import PerProcess
from rag_embed.protocols import Leg, QueryEncoder, SecondStage, Store
from rag_embed.ranking.legs import DenseLeg
from rag_embed.ranking.sparse_leg import SparseLeg
from rag_embed.types import Vectors

_log = logging.getLogger(__name__)


class ExpertLegs:
    """Makes the legs of stored experts, keeps their models, and holds what was attached.

    Args:
        store: Store of the index.
        spaces: Its vector spaces.
    """

    def __init__(self, store: Store, spaces: Spaces) -> None:
        self._store = store
        self._spaces = spaces
        self._encoders: dict[Expert, _Later] = {}
        self._missed: set[str] = set()
        self._attached: dict[str, Leg] = {}
        self._stages: dict[str, SecondStage] = {}

    @property
    def attached(self) -> tuple[Expert, ...]:
        """What was attached: legs, then second stages."""
        return tuple(Expert(name, "attached") for name in (*self._attached, *self._stages))

    @property
    def stages(self) -> tuple[SecondStage, ...]:
        """The second stages that were attached."""
        return tuple(self._stages.values())

    def attach(self, leg: Leg) -> Expert:
        """Hold a leg."""
        self._attached[leg.name] = leg
        return Expert(leg.name, "attached")

    def attach_stage(self, stage: SecondStage) -> Expert:
        """Hold a second stage."""
        self._stages[stage.name] = stage
        return Expert(stage.name, "attached")

    def detach(self, name: str) -> bool:
        """Let go what was attached by this name; whether there was anything."""
        return any(held.pop(name, None) is not None for held in (self._attached, self._stages))

    def of(self, experts: Iterable[Expert], counted: Collection[str]) -> tuple[Leg, ...]:
        """One leg per expert that is enabled and at hand; a warning names one that is not at hand.

        Args:
            experts: Those that the index keeps.
            counted: Names beside the index's own that its weights count.

        Raises:
            BadInput: The weights count what is neither kept nor attached.
            ModelUnavailable: They count an expert that is not at hand.
        """
        enabled = [one for one in experts if one.enabled]
        known = {one.name for one in (*enabled, *self.attached)}
        if strange := sorted(name for name in counted if name not in known):
            raise BadInput(
                f"The weights of the index count {strange[0]!r}, which is not here. What a program "
                "attaches, it attaches again after opening (index.experts.attach_leg, attach or "
                "attach_stage); or take the weights back: index.experts.weigh(None), "
                "rag-embed tune KB weights --reset."
            )
        kept = [self._leg(one) for one in enabled if self._at_hand(one, counted)]
        return (*kept, *self._attached.values())

    def _leg(self, expert: Expert) -> Leg:
        if expert.kind == "sparse":
            queries = self._spaces.sparse.queries(expert.space)
            return SparseLeg(expert.name, queries, expert.space)
        later = self._encoders.setdefault(expert, _Later(self._loader(expert)))
        return DenseLeg(expert.name, later, expert.space)

    def _loader(self, expert: Expert) -> Callable[[], QueryEncoder]:
        if expert.kind == "space":
            return partial(self._spaces.get, expert.space)
        return partial(_adapted, self._store, expert)

    def _at_hand(self, expert: Expert, counted: Collection[str]) -> bool:
        if expert.kind in ("space", "sparse"):
            there = self._spaces.can_get(expert.space) or self._spaces.sparse.can_get(expert.space)
            remedy = f"pass its encoder, index.spaces.know({expert.space!r}, encoder)"
        else:
            there = bool(expert.files) or os.path.isdir(expert.model)
            remedy = f"its folder {expert.model!r} is gone: remove it, and add it again"
        if not there and expert.name in counted:
            raise ModelUnavailable(
                f"The weights of the index count the expert {expert.name!r}, which is not at hand: "
                f"{remedy}; or use index.experts.weigh."
            )
        if not there and expert.name not in self._missed:
            self._missed.add(expert.name)
            _log.warning("The expert %r is left aside: %s.", expert.name, remedy)
        return there


def _adapted(store: Store, expert: Expert) -> QueryEncoder:
    """The query encoder of an adapter that the index keeps, or of one that lies in its folder."""
    from rag_embed.encoders import load_adapted
    from rag_embed.encoders.adapter import unpacked

    if not expert.files:
        return load_adapted(expert.model)
    return load_adapted(unpacked(contents(expert.files, store.files)))


class _Later:
    """A query encoder that is loaded when it is first used, in every process for itself."""

    def __init__(self, load: Callable[[], QueryEncoder]) -> None:
        self._load = load
        self._turn = PerProcess(Lock)
        self._encoder: QueryEncoder | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _Later, (self._load,)

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        with self._turn.get():
            if self._encoder is None:
                self._encoder = self._load()
        return self._encoder.encode_query(texts)
