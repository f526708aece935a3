"""Pilots: queries with known answers, and what each says about the experts."""

from __future__ import annotations

from collections.abc import Collection as Group
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.types import Signature, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Pilots:
    """``n`` queries, judged by ``m`` mixtures of ``p`` legs.

    Attributes:
        model: Weights hash and query prompt of the base encoder.
        legs: Names of the legs, ``"tokens"`` among them where there is token evidence.
        default: Weight of each leg in the default mixture.
        mixtures: What `utilities` compares: a name, and weights by leg. Usually each leg alone.
        texts: The queries.
        sources: Collection of each.
        documents: Ids of the documents that answer each; a measured query may share none of them.
        vectors: ``(n, dim)`` unit rows by the base encoder.
        utilities: ``(n, m)`` float32, nDCG@10 of each mixture.
        gradients: ``(n, p)`` float32, see `maths.weighing.listwise`: of the loss of ``sharpness`` times the
            fused scores, by the weights, at the default. All 0 for a query whose answer is not among the best
            candidates.
        hessians: ``(n, p, p)`` float32.
        sharpness: ``(n,)`` float32, how many times fused scores are taken; see `maths.weighing.sharpness`.

    Raises:
        BadInput: The parts do not fit together, or a number is not finite.
    """

    model: str
    legs: tuple[str, ...]
    default: Mapping[str, float]
    mixtures: Mapping[str, Mapping[str, float]]
    texts: tuple[str, ...]
    sources: tuple[str, ...]
    documents: tuple[tuple[str, ...], ...]
    vectors: Vectors
    utilities: npt.NDArray[np.float32]
    gradients: npt.NDArray[np.float32]
    hessians: npt.NDArray[np.float32]
    sharpness: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        n, m, p = len(self.texts), len(self.mixtures), len(self.legs)
        expected = {
            "sources": (n,),
            "documents": (n,),
            "utilities": (n, m),
            "gradients": (n, p),
            "hessians": (n, p, p),
            "sharpness": (n,),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            got = value.shape if isinstance(value, np.ndarray) else (len(value),)
            if got != shape:
                raise BadInput(f"Pilots.{name} has shape {got}, expected {shape}.")
        if self.vectors.ndim != 2 or len(self.vectors) != n:
            raise BadInput(f"Pilots.vectors has shape {self.vectors.shape}, expected ({n}, dim).")
        for name in ("vectors", "utilities", "gradients", "hessians", "sharpness"):
            if not np.isfinite(getattr(self, name)).all():
                raise BadInput(f"Pilots.{name} holds what is not finite; learn them again.")
        if not (self.sharpness > 0).all():
            raise BadInput("Pilots.sharpness must be above 0; learn them again.")

    def __len__(self) -> int:
        return len(self.texts)

    def check_known(self, prices: Mapping[str, float]) -> None:
        """Refuse prices of legs that the pilots were not judged by.

        Raises:
            BadInput: There is such a leg.
        """
        unknown = [leg for leg in prices if leg not in self.legs]
        if unknown:
            raise BadInput(
                f"There is a price for {', '.join(unknown)}, a leg that the pilots do not know; known: "
                f"{', '.join(self.legs)}."
            )

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """``(p,)`` the default mixture, in the order of the legs."""
        return np.array([self.default.get(leg, 0.0) for leg in self.legs])

    @property
    def answered(self) -> frozenset[str]:
        """Ids of all documents that answer a pilot."""
        return frozenset(id for some in self.documents for id in some)

    def joined(self, other: Pilots) -> Pilots:
        """These pilots and others of the same experts. A query of the same source is replaced.

        Raises:
            SpaceMismatch: Another base encoder made the vectors.
            BadInput: Legs, default or mixtures differ.
        """
        if self.model != other.model:
            raise SpaceMismatch(f"Pilots of {self.model!r} and {other.model!r} cannot be compared.")
        for name in ("legs", "default", "mixtures"):
            if getattr(self, name) != getattr(other, name):
                raise BadInput(
                    f"Pilots can be joined when they judged the same experts; {name} differs: "
                    f"{getattr(self, name)} and {getattr(other, name)}. Learn all of them again."
                )
        new = set(zip(other.sources, other.texts, strict=True))
        mine = zip(self.sources, self.texts, strict=True)
        kept = self.only([i for i, key in enumerate(mine) if key not in new])
        return replace(
            self,
            texts=kept.texts + other.texts,
            sources=kept.sources + other.sources,
            documents=kept.documents + other.documents,
            vectors=np.concatenate([kept.vectors, other.vectors]),
            utilities=np.concatenate([kept.utilities, other.utilities]),
            gradients=np.concatenate([kept.gradients, other.gradients]),
            hessians=np.concatenate([kept.hessians, other.hessians]),
            sharpness=np.concatenate([kept.sharpness, other.sharpness]),
        )

    def only(self, places: list[int]) -> Pilots:
        """Some of the pilots, in the order given."""
        return replace(
            self,
            texts=tuple(self.texts[i] for i in places),
            sources=tuple(self.sources[i] for i in places),
            documents=tuple(self.documents[i] for i in places),
            vectors=self.vectors[places],
            utilities=self.utilities[places],
            gradients=self.gradients[places],
            hessians=self.hessians[places],
            sharpness=self.sharpness[places],
        )

    def without_sources(self, sources: Group[str]) -> Pilots:
        """The pilots that come from other collections."""
        return self.only([i for i, source in enumerate(self.sources) if source not in sources])

    def without_leg(self, leg: str) -> Pilots:
        """The same pilots when an expert is gone; nothing is measured again.

        Mixtures that weigh the leg go with it.

        Raises:
            BadInput: There is no such leg, or the default mixture counts it.
        """
        if leg not in self.legs:
            raise BadInput(f"The pilots know no leg {leg!r}; known: {', '.join(self.legs)}.")
        if self.default.get(leg):
            raise BadInput(f"The default mixture counts {leg!r}; choose another default first.")
        legs = [i for i, name in enumerate(self.legs) if name != leg]
        mixtures = {name: one for name, one in self.mixtures.items() if not one.get(leg)}
        columns = [i for i, name in enumerate(self.mixtures) if name in mixtures]
        return replace(
            self,
            legs=tuple(self.legs[i] for i in legs),
            default={name: weight for name, weight in self.default.items() if name != leg},
            mixtures=mixtures,
            utilities=self.utilities[:, columns],
            gradients=self.gradients[:, legs],
            hessians=self.hessians[:, legs][:, :, legs],
        )


def model_name(signature: Signature) -> str:
    """What two sets of query vectors must share to be compared."""
    return f"{signature.weights}:{signature.query_prompt}"
