"""Experts of an index: ways to search it beside its own two legs, added and removed at any time.

A *query* expert is a LoRA-tuned query encoder over the vectors that are there: adding one encodes no
document. A *space* expert is another model with vectors of its own. Any other retriever, leg or second
stage can be attached for as long as the process lives. An expert is asked when a router or
`Index.weigh` gives it weight.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from threading import Lock
from typing import Any

from rag_embed.errors import BadInput, ModelUnavailable, SpaceMismatch
from rag_embed.indexing.recipes import contents, drop_unused, placed
from rag_embed.indexing.settings import Expert, IndexSettings, read, write
from rag_embed.indexing.spaces import Spaces
from rag_embed.paths import absolute
from rag_embed.processes import PerProcess
from rag_embed.protocols import Leg, QueryEncoder, Retriever, SecondStage, Store
from rag_embed.ranking.legs import DenseLeg
from rag_embed.ranking.retriever_leg import RetrieverLeg
from rag_embed.situated.space import asking
from rag_embed.types import DENSE, LEXICAL, TOKENS, Signature, Vectors

_log = logging.getLogger(__name__)

_TAKEN = (DENSE, LEXICAL, TOKENS)


class Experts:
    """The experts of one index, kept in its settings.

    Args:
        store: Of the index.
        spaces: Its vector spaces.
    """

    def __init__(self, store: Store, spaces: Spaces) -> None:
        self._store = store
        self._spaces = spaces
        self._attached: dict[str, Leg] = {}
        self._stages: dict[str, SecondStage] = {}
        self._encoders: dict[Expert, _Later] = {}
        self._missed: set[str] = set()

    def list(self) -> tuple[Expert, ...]:
        """All of them, in the order in which they were added; what is attached last."""
        attached = (*self._attached, *self._stages)
        return (*self._stored(), *(Expert(name, "attached") for name in attached))

    def get(self, name: str) -> Expert:
        """One of them.

        Raises:
            BadInput: There is none of that name.
        """
        for expert in self.list():
            if expert.name == name:
                return expert
        known = ", ".join(one.name for one in self.list()) or "none"
        raise BadInput(f"There is no expert {name!r}; there are: {known}.")

    def add(self, folder: str | os.PathLike[str], *, name: str | None = None) -> Expert:
        """Add a query expert; no document is encoded.

        Args:
            folder: What train-expert or merge wrote; its files are copied into the index.
            name: That of the folder when None.

        Raises:
            BadInput: The folder holds no adapter, or the name is taken.
            SpaceMismatch: It adapts another model than that of the index.
        """
        from rag_embed.encoders.adapter import packed, read_adapter
        from rag_embed.encoders.adapter_card import Card

        path = absolute(folder)
        base = read_adapter(path).base
        own = asking(self._spaces.own)
        if difference := replace(own, chunks="", tokens="").difference(
            replace(base, chunks="", tokens="")
        ):
            raise SpaceMismatch(
                f"The adapter in {path!r} was trained on {base.model!r}; the index asks with "
                f"{own.model!r}. They differ in {{field: (index, adapter)}} {difference}."
            )
        name, card = name or os.path.basename(path), asdict(Card.read(path))
        self.check_free(name)
        names: dict[str, str] = {}
        if self._store.files is not None:
            names, files = placed(packed(path))
            self._store.files.put(files)
        expert = Expert(name, "query", path, DENSE, base.weights, True, card, names)
        return self._put(expert)

    def add_space(self, name: str, signature: Signature) -> Expert:
        """Let a space of the index that has a model of its own be an expert.

        Args:
            name: Of the space, made by `Index.add_space`.
            signature: Of its encoder.

        Raises:
            BadInput: The name is taken.
        """
        return self._put(Expert(name, "space", signature.model, name, signature.weights))

    def attach(self, name: str, retriever: Retriever) -> Expert:
        """Let any retriever over the same chunks be an expert until the process ends.

        Raises:
            BadInput: The name is taken.
        """
        return self.attach_leg(RetrieverLeg(name, retriever))

    def attach_leg(self, leg: Leg) -> Expert:
        """Let a leg be an expert until the process ends.

        Raises:
            BadInput: Its name is taken.
        """
        self.check_free(leg.name)
        self._attached[leg.name] = leg
        return self.get(leg.name)

    def attach_stage(self, stage: SecondStage) -> Expert:
        """Let a second stage look at the best candidates until the process ends.

        Raises:
            BadInput: Its name is taken.
        """
        self.check_free(stage.name)
        self._stages[stage.name] = stage
        return self.get(stage.name)

    def remove(self, name: str) -> None:
        """Forget an expert; the folder it came from, or its space, stays.

        Raises:
            BadInput: There is none of that name, or the weights of the index count it.
        """
        self._check_unweighed(name)
        if self._attached.pop(name, None) is None and self._stages.pop(name, None) is None:
            self._write(lambda stored: (one for one in stored if one.name != name))

    def enable(self, name: str, enabled: bool = True) -> Expert:
        """Let an expert be asked, or with ``enabled=False`` leave it aside.

        Raises:
            BadInput: There is none of that name, it is attached, or the weights of the index count
                one that is to be left aside.
        """
        if not enabled:
            self._check_unweighed(name)
        if self.get(name).kind == "attached":
            raise BadInput(f"{name!r} is attached, not stored: remove it, and attach it again.")
        self._write(
            lambda stored: (
                replace(one, enabled=enabled) if one.name == name else one for one in stored
            )
        )
        return self.get(name)

    def legs(self) -> tuple[Leg, ...]:
        """One leg per enabled expert; models are loaded when they are first asked.

        One that is not at hand is left aside for every query, whoever would have been asked, and a
        warning says so.

        Raises:
            ModelUnavailable: The weights of the index count one that is not at hand.
        """
        stored = [one for one in self._stored() if one.enabled and self._at_hand(one)]
        return (*map(self._leg, stored), *self._attached.values())

    def stages(self) -> tuple[SecondStage, ...]:
        """The second stages that are attached."""
        return tuple(self._stages.values())

    def _leg(self, expert: Expert) -> Leg:
        later = self._encoders.setdefault(expert, _Later(self._loader(expert)))
        return DenseLeg(expert.name, later, expert.space)

    def _loader(self, expert: Expert) -> Callable[[], QueryEncoder]:
        if expert.kind == "space":
            return partial(self._spaces.get, expert.space)
        return partial(_adapted, self._store, expert)

    def _at_hand(self, expert: Expert) -> bool:
        if expert.kind == "space":
            there = self._spaces.can_get(expert.space)
            remedy = f"pass its encoder, index.spaces.know({expert.space!r}, encoder)"
        else:
            there = bool(expert.files) or os.path.isdir(expert.model)
            remedy = f"its folder {expert.model!r} is gone: remove it, and add it again"
        if not there and (read(self._store).weights or {}).get(expert.name):
            raise ModelUnavailable(
                f"The weights of the index count the expert {expert.name!r}, which is not at hand: "
                f"{remedy}; or use Index.weigh."
            )
        if not there and expert.name not in self._missed:
            self._missed.add(expert.name)
            _log.warning("The expert %r is left aside: %s.", expert.name, remedy)
        return there

    def _stored(self) -> tuple[Expert, ...]:
        return read(self._store).experts

    def _put(self, expert: Expert) -> Expert:
        self.check_free(expert.name)
        self._write(lambda stored: (*stored, expert))
        return self.get(expert.name)

    def _check_unweighed(self, name: str) -> None:
        if (read(self._store).weights or {}).get(self.get(name).name):
            raise BadInput(f"The weights of the index count {name!r}; use Index.weigh first.")

    def check_free(self, name: str) -> None:
        """Refuse a name that another expert or a leg of the index has.

        Raises:
            BadInput: It is taken, or empty.
        """
        if not name or name in _TAKEN or any(one.name == name for one in self.list()):
            raise BadInput(
                f"An expert needs a name that is free, got {name!r}; remove the other one first."
            )

    def _write(self, change: Callable[[tuple[Expert, ...]], Iterable[Expert]]) -> None:
        before: list[IndexSettings] = []

        def changed(known: IndexSettings) -> IndexSettings:
            before.append(known)
            return replace(known, experts=tuple(change(known.experts)))

        after = write(self._store, changed)
        drop_unused(self._store.files, before[-1], after)


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
