"""A way to personalise as plain values, so that it can be compared, stored and built again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal, TypeAlias, get_args

from rag_embed.arguments import set_counts
from rag_embed.errors import BadInput
from rag_embed.personal.bend import Bend, Centre, Gate, Similar, focused
from rag_embed.personal.pooling import AttentionPooling, MeanPooling, Pooling, SessionPooling
from rag_embed.personal.profiles import Profiles
from rag_embed.protocols import QueryEncoder

PoolingName: TypeAlias = Literal["attention", "mean", "session"]
GateName: TypeAlias = Literal["none", "similar", "focused"]


@dataclass(frozen=True, slots=True)
class Setting:
    """All that decides how a query is bent; attributes as in `bend.Bend` and `pooling`.

    Attributes:
        strength: 0 is off.
        pooling: ``"attention"`` or ``"mean"`` over the user's events, ``"session"`` over the turns of
            the talk.
        centred: Count only what sets the history apart from the corpus.
        temperature: Of attention.
        half_life: Seconds; turns for ``"session"``. ``"mean"`` has that of the store.
        top: Events that may count.
        kinds: Factor of each kind of event, for ``"attention"``.
        instruction: What the profile is for, for ``"attention"``.
        gate: When to believe a history.
        threshold: Cosine at which the gate ``"similar"`` half believes.
        prior: Shrinkage of short histories.

    Raises:
        BadInput: A name is unknown, or a value is given that the pooling has no use for.
    """

    strength: float = 0.0
    pooling: PoolingName = "attention"
    centred: bool = True
    temperature: float = 0.05
    half_life: float | None = None
    top: int | None = 64
    kinds: Mapping[str, float] = field(default_factory=dict, hash=False)
    instruction: str = ""
    gate: GateName = "none"
    threshold: float = 0.3
    prior: float = 10.0

    def __post_init__(self) -> None:
        set_counts(self, 1, "top")
        for name, names in (("pooling", get_args(PoolingName)), ("gate", get_args(GateName))):
            if getattr(self, name) not in names:
                raise BadInput(f"Setting.{name} is one of {names}, got {getattr(self, name)!r}.")
        if self.pooling != "attention" and (self.kinds or self.instruction):
            raise BadInput("Setting: kinds and instruction are for pooling='attention'.")
        if self.pooling == "mean" and (self.half_life is not None or self.gate == "focused"):
            raise BadInput(
                "Setting: pooling='mean' takes its half-life from the store and looks at no single "
                "event, so half_life and gate='focused' do nothing there."
            )

    @property
    def label(self) -> str:
        """What differs from the defaults, in a few words.

        Examples:
            >>> Setting(0.5, "mean").label
            'strength 0.5, pooling mean'
        """
        changed = (
            (name, value) for name, value in asdict(self).items() if value != _DEFAULTS[name]
        )
        return ", ".join(f"{name} {value}" for name, value in changed)

    def bend(self, profiles: Profiles, encoder: QueryEncoder, centre: Centre) -> Bend:
        """The transform.

        Args:
            profiles: Users' histories.
            encoder: Encodes queries in the space that is searched.
            centre: Used when ``centred``; see `bend.CorpusMean`.
        """
        gates: Mapping[str, Gate | None] = {
            "none": None,
            "similar": Similar(self.threshold),
            "focused": focused,
        }
        return Bend(
            self._pooling(profiles, encoder),
            encoder,
            self.strength,
            gate=gates[self.gate],
            prior=self.prior,
            centre=centre if self.centred else None,
        )

    def _pooling(self, profiles: Profiles, encoder: QueryEncoder) -> Pooling:
        if self.pooling == "mean":
            return MeanPooling(profiles)
        if self.pooling == "session":
            return SessionPooling(encoder, self.temperature, self.half_life, self.top)
        return AttentionPooling(
            profiles,
            encoder,
            self.temperature,
            self.half_life,
            self.top,
            self.kinds,
            self.instruction,
        )


_DEFAULTS = asdict(Setting())


def grid(pooling: PoolingName, *, strengths: tuple[float, ...] = ()) -> list[Setting]:
    """Settings worth trying, few enough to try them all.

    Args:
        pooling: Of which kind.
        strengths: Instead of the usual ones.
    """
    known = {
        "attention": (
            (0.2, 1.0, 3.0),
            [Setting(temperature=t, centred=c) for t in (0.05, 0.1) for c in (True, False)],
        ),
        "mean": (
            (-0.3, 0.2, 1.0, 3.0),
            [Setting(pooling="mean", centred=c) for c in (True, False)],
        ),
        "session": (
            (0.2, 0.5, 0.8),
            [
                Setting(pooling="session", temperature=t, half_life=h, prior=0.0)
                for t in (0.1, 0.3)
                for h in (1.0, None)
            ],
        ),
    }
    if pooling not in known:
        raise BadInput(f"grid() knows {list(known)}, got {pooling!r}.")
    usual, settings = known[pooling]
    return [replace(s, strength=strength) for strength in strengths or usual for s in settings]
