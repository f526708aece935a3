"""What ranks the chunks of an index: its own two legs, experts beside them, and how much each counts.

A *query* expert is a LoRA-tuned query encoder over the vectors that are there: adding one encodes no
document. A *space* expert is another model with vectors of its own, a *sparse* one weighs terms. Any other
retriever, leg or second stage can be attached for as long as the process lives. An expert is asked when a
router or `weigh` gives it weight (RouterRetriever, Lee et al. 2024).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

from rag_embed.arguments import check_is, naming_throughout
from rag_embed.errors import BadInput, class_of
from rag_embed.events import check_user
from rag_embed.indexing import expert_list, installed
from rag_embed.indexing.assembly import Situate
from rag_embed.indexing.expert_legs import ExpertLegs
from rag_embed.indexing.own_legs import own_legs, own_stages
from rag_embed.indexing.settings import Expert, read, write
from rag_embed.indexing.spaces import Given, Spaces
from rag_embed.indexing.weighing import Weighing
from rag_embed.paths import absolute
from rag_embed.protocols import LearnedRouter, Leg, Retriever, Router, SecondStage, Store
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.ranking.relevance import Calibration, default
from rag_embed.ranking.retriever_leg import RetrieverLeg
from rag_embed.ranking.weights import WEIGHTS, checked
from rag_embed.situated.space import asking
from rag_embed.situated.tokens import with_tokens
from rag_embed.types import DENSE, FRESH, LEXICAL, PHRASE, TOKENS, OnProgress

_TAKEN = (DENSE, LEXICAL, TOKENS, FRESH, PHRASE)


@naming_throughout
class Experts:
    """The legs, second stages, weights and router of one index; see the module.

    A name that is taken raises `BadInput`, and so does one that nothing has, where it is to have it.

    Args:
        store: Store of the index.
        spaces: Its vector spaces.

    Attributes:
        fresh: How much newer documents count; None, until `Index.tune` finds a gain, for not at all.

    Examples:
        >>> from rag_embed import Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.experts.weigh({"dense": 0.3, "lexical": 0.7})
        >>> index.experts.weights
        {'dense': 0.3, 'lexical': 0.7}
    """

    def __init__(self, store: Store, spaces: Spaces) -> None:
        self._store = store
        self._spaces = spaces
        self._legs = ExpertLegs(store, spaces)
        self._router: Router | None = installed.at_hand(store)
        self._weighing = Weighing(store, spaces)
        known = read(store)
        self._fitted, self.fresh = known.calibration, known.fresh

    @property
    def router(self) -> Router | None:
        """Decides weights per query; None where the same ones serve all.

        One that is set lives as long as the process; `Index.tune` learns one that is kept, `tuning.reset`
        removes it.
        """
        return self._router

    @router.setter
    def router(self, router: Router | None) -> None:
        self._router = None if router is None else check_is("router", router, Router)

    def list(self) -> tuple[Expert, ...]:
        """All experts, in the order in which they were added; what is attached last."""
        return (*expert_list.stored(self._store), *self._legs.attached)

    def get(self, name: str) -> Expert:
        """The expert of this name."""
        for expert in self.list():
            if expert.name == name:
                return expert
        known = ", ".join(one.name for one in self.list()) or "none"
        raise BadInput(f"There is no expert {name!r}; there are: {known}.")

    def add(self, folder: str | os.PathLike[str], *, name: str | None = None) -> Expert:
        """Add a query expert; no document is encoded.

        Args:
            folder: What train-expert or merge wrote; its files are copied into the index.
            name: Name of the expert; that of the folder when None.

        Raises:
            BadInput: The folder holds no adapter.
            SpaceMismatch: It adapts another model than that of the index.
        """
        self._check_free(name or os.path.basename(absolute(folder)))
        asks = asking(self._spaces.own)
        return self._put(expert_list.query_expert(self._store, folder, name, asks))

    def add_space(
        self,
        name: str,
        encoder: Given,
        *,
        situate: Situate | None = None,
        progress: OnProgress | None = None,
    ) -> int:
        """Encode all chunks with another model too; the new space becomes an expert.

        Batches survive being killed: call it again with the same arguments, and it goes on. Documents
        added later are encoded in every space. Returns how many chunks were encoded.

        Args:
            name: Name of the space and of the expert.
            encoder: An encoder, or the name or path of a sentence-transformers model, dense or sparse.
                One that cannot be loaded by its name is given to ``spaces.know`` after opening.
            situate: As in `Index.create`; like the index's own space by default. None for a sparse
                model, which reads what lexical search reads.
            progress: Called with the chunks done and those there are to do.

        Raises:
            BadInput: The encoder is none, or cannot situate chunks so.
            ModelUnavailable: It cannot be loaded.
        """
        self._check_free(name)
        done = self._spaces.add(name, encoder, situate, progress)
        self._put(self._spaces.expert(name))
        self._store.tidy()
        return done

    def drop_space(self, name: str) -> None:
        """Remove a space that was added, with its vectors, and its expert.

        Raises:
            BadInput: It is the index's own, or the weights count it.
        """
        if any(one.name == name and one.kind in ("space", "sparse") for one in self.list()):
            self.remove(name)
        self._spaces.drop(name)

    def keep_tokens(self, *, progress: OnProgress | None = None) -> int:
        """Switch token evidence on in an index that was built without it.

        Chunks are encoded again, in batches that survive being killed: call it again, and it goes
        on. Until the last one is done, searches are as before.

        Args:
            progress: Called with the chunks done and those there are to do.

        Returns:
            How many chunks were given their tokens; 0 when the index keeps them already.

        Raises:
            BadInput: The encoder gives no token vectors.
        """
        kept = with_tokens(self._spaces.own)
        done = self._spaces.keep_tokens(progress)
        if kept is None and (chosen := self._weighing.chosen) and TOKENS not in chosen:
            self.weigh({**chosen, TOKENS: WEIGHTS[TOKENS] * sum(chosen.values())})
        self._store.tidy()
        return done

    def attach(self, name: str, retriever: Retriever) -> Expert:
        """Let any retriever over the same chunks be an expert until the process ends."""
        return self.attach_leg(RetrieverLeg(name, retriever))

    def attach_leg(self, leg: Leg) -> Expert:
        """Let a leg be an expert until the process ends.

        Weights that count it are kept with the index: where it is opened later, the leg is attached
        again before the first search, or the weights are taken back, ``weigh(None)``.
        """
        self._check_free(check_is("leg", leg, Leg).name)
        return self._legs.attach(leg)

    def attach_stage(self, stage: SecondStage) -> Expert:
        """Let a second stage look at the best candidates until the process ends; see `attach_leg`."""
        self._check_free(check_is("stage", stage, SecondStage).name)
        return self._legs.attach_stage(stage)

    def remove(self, name: str) -> None:
        """Forget an expert, and the copy of its adapter; its space stays, see `drop_space`.

        Raises:
            BadInput: The weights of the index count it.
        """
        self._weighing.check_uncounted(self.get(name).name)
        if not self._legs.detach(name):
            expert_list.change(self._store, lambda kept: (e for e in kept if e.name != name))

    def enable(self, name: str, enabled: bool = True) -> Expert:
        """Let an expert be asked, or with ``enabled=False`` leave it aside.

        Raises:
            BadInput: It is attached, or the weights of the index count one that is to be left aside.
        """
        if not enabled:
            self._weighing.check_uncounted(self.get(name).name)
        if self.get(name).kind == "attached":
            raise BadInput(f"{name!r} is attached, not stored: remove it, and attach it again.")
        expert_list.change(
            self._store,
            lambda kept: (replace(e, enabled=enabled) if e.name == name else e for e in kept),
        )
        return self.get(name)

    @property
    def weights(self) -> Mapping[str, float]:
        """How much each leg and second stage counts where no router decides; see `weigh`."""
        return self._weighing.everybody

    def weights_of(self, user: str) -> Mapping[str, float]:
        """What a user's queries go by: weights of their own, or those of everybody."""
        return self._weighing.own.get(check_user(user), self.weights)

    def weigh(self, weights: Mapping[str, float] | None, *, user: str | None = None) -> None:
        """Rank by other weights from now on, wherever the index is opened; relevance keeps its meaning.

        Args:
            weights: How much each leg and second stage counts, experts among them, each >= 0; one that
                is not named counts nothing. None for the defaults.
            user: Whose queries alone go by them, whatever a router says of others; `Index.forget`
                erases them. None for the weights of everybody.

        Raises:
            BadInput: A name is unknown or a number out of range, no leg counts, or the router of the
                index was learned beside other weights.
        """
        seconds = [stage.name for stage in self._seconds()]
        legs = [leg.name for leg in own_legs(self._spaces.own)]  # of experts, at hand or not
        legs += [one.name for one in self.list() if one.enabled and one.name not in seconds]
        new = None if weights is None else checked(weights, legs, seconds)
        if user is not None:
            self._weighing.choose_for(user, new)
        else:
            self._weighing.choose(new, self._check_router)

    def _check_router(self) -> None:
        """Refuse weights beside which a router cannot be used, this one or what others will open."""
        self.hybrid(routed=True)
        if (kept := installed.at_hand(self._store)) is not None:
            kept.fitting(self.hybrid().mixture, self._spaces.own.signature)

    @property
    def calibration(self) -> Calibration:
        """What relevance goes by: fitted to labels of the index, or measured for its model."""
        return self.hybrid().calibration

    def calibrate(self, fitted: Calibration | None) -> None:
        """Measure relevance by this from now on, wherever the index is opened; None for the model's own.

        Raises:
            BadInput: It is no `ranking.relevance.Calibration`.
        """
        if fitted is not None and not isinstance(fitted, Calibration):
            raise BadInput(
                f"calibrate() takes a Calibration, got {class_of(fitted)}; fit one to labels, with "
                'index.apply(index.tune("relevance", labels)).'
            )
        write(self._store, lambda known: replace(known, calibration=fitted))
        self._fitted = fitted

    def hybrid(self, *, routed: bool = False) -> Hybrid:
        """The hybrid search inside `Index.retriever`: what a router or a history is fitted to.

        All legs are in it, enabled experts among them, under the weights of the index; it is frozen,
        and `dataclasses.replace` gives one with other weights, legs or pool. No history bends its
        queries. With ``routed`` it has the router of the index, if there is one.
        """
        legs, stages, weights = own_legs(self._spaces.own), self._seconds(), self.weights
        own = {leg.name for leg in legs} | {stage.name for stage in stages}
        if not routed or self.router is not None or self._weighing.named - own:
            legs = (*legs, *self.legs())  # otherwise nobody would ask an expert
        signature = self._spaces.own.signature
        counting = {leg.name: weights.get(leg.name, 0.0) for leg in legs}
        calibration = self._fitted or default(signature.fingerprint, counting)
        whole = partial(Hybrid, self._store, legs, weights, calibration, stages)
        if not routed:
            return whole()
        if (router := self.router) is not None and isinstance(router, LearnedRouter):
            router = router.fitting(whole().mixture, signature)
        return whole(own=self._weighing.own, router=router, fresh=self.fresh)

    def forget(self, user: str, documents: Collection[str]) -> None:
        """Let the weights in use forget a user, and the router what these documents taught it."""
        self._weighing.forget(user)
        if isinstance(self.router, LearnedRouter):
            self.router = self.router.without_documents(documents)

    def legs(self) -> tuple[Leg, ...]:
        """One leg per enabled expert; models are loaded when they are first asked.

        One that is not at hand is left aside for every query, and a warning says so.

        Raises:
            BadInput: The weights of the index count what was attached in another process.
            ModelUnavailable: They count one that is not at hand.
        """
        counted = {name for name, weight in self.weights.items() if weight}
        return self._legs.of(expert_list.stored(self._store), counted - set(_TAKEN))

    def _seconds(self) -> tuple[SecondStage, ...]:
        return *own_stages(self._store, self._spaces.own), *self._legs.stages

    def _put(self, expert: Expert) -> Expert:
        self._check_free(expert.name)
        expert_list.change(self._store, lambda kept: (*kept, expert))
        return self.get(expert.name)

    def _check_free(self, name: str) -> None:
        if (
            not isinstance(name, str)
            or not name
            or name in _TAKEN
            or any(one.name == name for one in self.list())
        ):
            raise BadInput(
                f"An expert needs a name that is free, got {name!r}; remove the other one first."
            )
