"""`Profiles` remembers what users did and says what it knows of one; the store does the keeping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice

import numpy as np

from rag_embed.errors import BadInput, class_of
from rag_embed.events import History, UserEvent, check_ids
from rag_embed.maths.attention import Attention
from rag_embed.maths.profile import DecayedSum
from rag_embed.personal.pooling import AttentionPooling
from rag_embed.protocols import Encoder, EventStore
from rag_embed.text import amount
from rag_embed.types import Vectors

_BATCH = 4096
_SHOWN = 5
_LETTERS = 60


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Profile:
    """What is known of one user.

    Attributes:
        user: Whose it is.
        count: Number of events.
        kinds: Number of events of each kind.
        first: Time of the oldest, seconds since 1970; None without events.
        last: Time of the newest.
        vector: ``(dim,)`` float32 of length 1: what they chose, on the whole or for an instruction;
            None without events.
        foremost: The events that make up most of it, largest share first.
        shares: Their shares, in [0, 1].
    """

    user: str
    count: int
    kinds: Mapping[str, int]
    first: float | None
    last: float | None
    vector: Vectors | None
    foremost: tuple[UserEvent, ...]
    shares: tuple[float, ...]

    def __repr__(self) -> str:
        """For people: the vector is left out.

        Examples:
            >>> event = UserEvent("1", "ann", "red wine", 0.0)
            >>> Profile("ann", 1, {"event": 1}, 0.0, 0.0, None, (event,), (1.0,))
            Profile of 'ann', 1 event from 1970-01-01 to 1970-01-01: event 1; foremost 'red wine' (1.00)
        """
        if self.first is None or self.last is None:
            return f"Profile of {self.user!r}: nothing is known"
        days = map(_day, (self.first, self.last))
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.kinds.items())
        shown = zip(self.foremost, self.shares, strict=True)
        most = ", ".join(f"{event.text[:_LETTERS]!r} ({share:.2f})" for event, share in shown)
        span = " to ".join(days)
        return f"Profile of {self.user!r}, {amount(self.count, 'event')} from {span}: {kinds}; foremost {most}"


@dataclass(frozen=True, slots=True)
class Profiles:
    """Users' histories in one space. Both `protocols.Histories` and `protocols.Totals`.

    Attributes:
        store: Keeps events.
        encoder: Encodes what was asked as a query, what was chosen as a document.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> from rag_embed.stores.memory_events import MemoryEvents
        >>> profiles = Profiles(MemoryEvents(256), HashEncoder())
        >>> profiles.remember([UserEvent.of("ann", "red wine"), UserEvent.of("ben", "tea")])
        2
        >>> profiles.profile("ann").count, profiles.forget("ann"), profiles.profile("ann").count
        (1, 1, 0)
    """

    store: EventStore
    encoder: Encoder

    def remember(self, events: Iterable[UserEvent]) -> int:
        """Remember events of any users; one with a known (user, id) is replaced.

        Args:
            events: Any iterable, consumed in batches; a batch costs one commit per table.

        Returns:
            How many there were.

        Raises:
            BadInput: Something is no event, or cannot be stored; batches before it are.
        """
        source, count = iter(events), 0
        while batch := list(islice(source, _BATCH)):
            strange = next((one for one in batch if not isinstance(one, UserEvent)), None)
            if strange is not None:
                raise BadInput(
                    f"Expected rag_embed.events.UserEvent, got {class_of(strange)}: write "
                    "UserEvent.of(user, text)."
                )
            # The last of those with one id counts, as if they had come one by one.
            latest = list({(one.user, one.id): one for one in batch}.values())
            keys = _encoded(self.encoder.encode_query, [one.text for one in latest])
            values = _encoded(self.encoder.encode_document, [one.value_text for one in latest])
            self.store.add(latest, keys, values)
            count += len(batch)
        return count

    def history(self, user: str, /) -> History:
        """See `protocols.Histories`."""
        return self.store.history(user)

    def count(self, user: str, ignored: Collection[str] = (), /) -> int:
        """See `protocols.Histories`."""
        return self.store.count(user, ignored)

    def near(self, user: str, row: Vectors, n: int, attention: Attention, /) -> History:
        """See `protocols.Histories`."""
        return self.store.near(user, row, n, attention)

    def total(self, user: str, /) -> DecayedSum:
        """See `protocols.Totals`."""
        return self.store.total(user)

    def profile(self, user: str, *, instruction: str = "", temperature: float = 0.05) -> Profile:
        """What is known of a user, on the whole or for one purpose.

        Args:
            user: Whose profile.
            instruction: What it is for: ``"which wines does this user like?"`` weighs the events
                that have to do with it. Empty takes the decayed mean of all.
            temperature: Of the attention to an instruction, > 0.
        """
        history = self.history(user)
        if not len(history):
            return Profile(user, 0, {}, None, None, None, (), ())
        total = self.total(user)
        vector, shares = total.direction, _faded(history, self.store.half_life)
        if instruction.strip():
            row = self.encoder.encode_query([instruction])[0]
            half_life = self.store.half_life
            pooling = AttentionPooling(self, temperature=temperature, half_life=half_life, top=None)
            pooled = pooling.pooled(history, row)
            vector, shares = (
                DecayedSum(pooled.vector.astype(np.float64), 1).direction,
                pooled.shares,
            )
        first = sorted(range(len(history)), key=lambda i: (-shares[i], history.events[i].id))
        return Profile(
            user=user,
            count=len(history),
            kinds=dict(sorted(Counter(event.kind for event in history.events).items())),
            first=history.events[0].time,
            last=history.events[-1].time,
            vector=vector,
            foremost=tuple(history.events[i] for i in first[:_SHOWN]),
            shares=tuple(float(shares[i]) for i in first[:_SHOWN]),
        )

    def forget(self, user: str, ids: Sequence[str] | None = None) -> int:
        """Erase a user, or some of their events; returns how many events there were.

        No byte of their texts and vectors is left in the store's files. What was *trained* on them
        (`persona_plug`) or copied elsewhere is not reached: delete it where it is.

        Raises:
            BadInput: ``ids`` is one str, or the user id is none.
            StoreError: It could not be finished; it is when the store is next opened.
        """
        if ids is not None:
            check_ids(ids)
        return self.store.forget(user, ids)

    def users(self) -> list[str]:
        """Ids of all users with events, sorted."""
        return self.store.users()


def _day(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):  # a clock of another kind
        return f"{seconds:g}"


def _encoded(encode: Callable[[list[str]], Vectors], texts: list[str]) -> Vectors:
    """Each distinct text once."""
    distinct = list(dict.fromkeys(texts))
    at = {text: i for i, text in enumerate(distinct)}
    rows = encode(distinct)
    return rows[[at[text] for text in texts]]


def _faded(
    history: History, half_life: float | None
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Share of each event in the decayed sum."""
    ages = history.times.max() - history.times
    weights = history.weights * (1.0 if half_life is None else np.exp2(-ages / half_life))
    return np.asarray(weights / weights.sum(), dtype=np.float64)
