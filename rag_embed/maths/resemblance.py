"""How much of two texts is the same: Broder, On the resemblance and containment of documents, 1997."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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


_BANDS, _ROWS = 16, 4
_SEED = 1997


def buckets(text: str) -> list[int]:
    """Numbers of which two texts that are alike share one: min-wise hashes in bands.

    Texts that resemble each other by 4/5 share one with a probability of .9998, by a half with .64, by a
    fifth with .03; so only few of all pairs have to be compared. See `Runs.resemblance`.

    Returns:
        16 numbers, the same for the same text in every process.

    References:
        Broder, On the resemblance and containment of documents, 1997; Indyk and Motwani, Approximate
        nearest neighbors: towards removing the curse of dimensionality, 1998.

    Examples:
        >>> text = "Parents may stay at home for thirty days of every year, with full pay. " * 3
        >>> len(set(buckets(text)) & set(buckets(text.upper().replace("THIRTY", "FORTY")))) > 0
        True
    """
    plain = " ".join(text.casefold().split())
    letters = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    runs = np.zeros(max(1, len(letters) - RUN + 1), np.uint64)
    for at in range(min(RUN, len(letters))):
        runs = runs * np.uint64(0x9E3779B97F4A7C15) + letters[at : at + len(runs)]
    runs = np.unique(runs)
    factors = np.random.default_rng(_SEED).integers(1, 2**63, _BANDS * _ROWS, np.uint64) * 2 + 1
    least = np.array([(_mixed(runs * factor)).min() for factor in factors], np.uint64)
    bands = np.zeros(_BANDS, np.uint64)
    for row in least.reshape(_BANDS, _ROWS).T:
        bands = _mixed(bands * np.uint64(0xBF58476D1CE4E5B9) + row)
    found: list[int] = (bands + np.arange(_BANDS, dtype=np.uint64)).tolist()
    return found


def _mixed(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Every bit of each number made to depend on all of it, as in splitmix64."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))
