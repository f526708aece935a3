"""How much of two texts is the same: Broder, On the resemblance and containment of documents, 1997."""

from __future__ import annotations

from dataclasses import dataclass

RUN = 8
"""Characters of a run; texts are compared by the runs that they are made of."""

_BITS = 1024


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of characters of a text, upper and lower case and kinds of space being the same.

    Attributes:
        runs: All of them; of a text shorter than one, the text.
        bits: The same in 1,024 bits, for a quick look.

    Examples:
        >>> Runs.of("The  fox is red.").resemblance(Runs.of("the fox is RED."))
        1.0
        >>> red, blue = Runs.of("The fox is red today."), Runs.of("The fox is blue today.")
        >>> round(red.resemblance(blue), 2), red.alike(blue, 0.1), red.alike(blue, 0.5)
        (0.16, True, False)
    """

    runs: frozenset[str]
    bits: int

    @classmethod
    def of(cls, text: str) -> Runs:
        """Those of a text."""
        plain = " ".join(text.casefold().split())
        runs = frozenset(plain[i : i + RUN] for i in range(max(1, len(plain) - RUN + 1)))
        bits = 0
        for place in {hash(run) % _BITS for run in runs}:
            bits |= 1 << place
        return cls(runs, bits)

    def resemblance(self, other: Runs) -> float:
        """Runs that both have, as a share of those that either has; 1 for the same text."""
        shared = len(self.runs & other.runs)
        return shared / (len(self.runs) + len(other.runs) - shared)

    def alike(self, other: Runs, least: float) -> bool:
        """Whether `resemblance` is at least so much; told by the bits alone where they differ too much."""
        both = len(self.runs) + len(other.runs)
        apart = (1 - least) * both / (
            1 + least
        ) + 1e-6  # runs that only one of them has are no more then
        return (self.bits ^ other.bits).bit_count() <= apart and self.resemblance(other) >= least
