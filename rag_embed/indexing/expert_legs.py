"""The legs of experts that an index keeps: which are at hand, and their models, loaded when first asked."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from threading import Lock
from typing import Any

from rag_embed.errors import ModelUnavailable
from rag_embed.indexing.recipes import contents
from rag_embed.indexing.settings import Expert
from rag_embed.indexing.spaces import Spaces
from rag_embed.processes import PerProcess
from rag_embed.protocols import Leg, QueryEncoder, Store
from rag_embed.ranking.legs import DenseLeg
from rag_embed.types import Vectors

_log = logging.getLogger(__name__)


class ExpertLegs:
    """Makes the legs of stored experts, and keeps their models.

    Args:
        store: Store of the index.
        spaces: Its vector spaces.
    """

    def __init__(self, store: Store, spaces: Spaces) -> None:
        self._store = store
        self._spaces = spaces
        self._encoders: dict[Expert, _Later] = {}
        self._missed: set[str] = set()

    def of(self, experts: Iterable[Expert], counted: Collection[str]) -> tuple[Leg, ...]:
        """One leg per expert that is at hand; a warning names one that is not.

        Args:
            experts: Enabled experts of the index.
            counted: Names that the weights of the index count.

        Raises:
            ModelUnavailable: The weights count one that is not at hand.
        """
        return tuple(self._leg(one) for one in experts if self._at_hand(one, counted))

    def _leg(self, expert: Expert) -> Leg:
        later = self._encoders.setdefault(expert, _Later(self._loader(expert)))
        return DenseLeg(expert.name, later, expert.space)

    def _loader(self, expert: Expert) -> Callable[[], QueryEncoder]:
        if expert.kind == "space":
            return partial(self._spaces.get, expert.space)
        return partial(_adapted, self._store, expert)

    def _at_hand(self, expert: Expert, counted: Collection[str]) -> bool:
        if expert.kind == "space":
            there = self._spaces.can_get(expert.space)
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
