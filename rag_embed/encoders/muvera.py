"""MUVERA: many token vectors as one long vector whose dot products approximate MaxSim.

Fixed dimensional encodings of Jayaram, Dhulipala, Hadian, Lee and Mirrokni (2024, arXiv 2405.19504),
computed by fastembed (extra ``muvera``); no model is loaded or downloaded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from rag_embed.arguments import count
from rag_embed.errors import BadInput, MissingExtra


@dataclass(frozen=True, slots=True)
class Muvera:
    """Encodings of ``repetitions * 2**hyperplanes * projection`` numbers.

    Space is cut by random hyperplanes into ``2**hyperplanes`` parts. A query's encoding holds, part by
    part, the sum of its tokens there; a document's holds the mean of its tokens there, and where it has
    none, its token nearest in sides of hyperplanes. So the dot product adds up, for every query token,
    its similarity to a document token that is likely the best one. Each part is shortened by a random
    projection, and all is repeated. Encodings of different settings, or of other libraries, must not
    be mixed: `name` is part of a space's signature.

    The defaults are the smallest point of the paper's cost-quality frontier, 1,280 numbers; more
    repetitions help most. A space keeps ``size**2`` numbers of statistics: 13 MB for 1,280, 840 MB for
    fastembed's own defaults (20, 5, 16).

    Attributes:
        dim: Length of a token vector.
        repetitions: >= 1.
        hyperplanes: 1 to 12.
        projection: Numbers kept of a part, 1 to ``dim``.
        seed: Of the random hyperplanes and projections.

    Raises:
        BadInput: A setting is out of range.
        MissingExtra: fastembed is not installed.
    """

    dim: int = 128
    repetitions: int = 20
    hyperplanes: int = 3
    projection: int = 8
    seed: int = 42

    def __post_init__(self) -> None:
        limits = {
            "dim": (1, 65_536),
            "repetitions": (1, 1_000),
            "hyperplanes": (1, 12),
            "projection": (1, self.dim),
            "seed": (0, 2**63),
        }
        for name, (low, high) in limits.items():
            plain = count(f"Muvera.{name}", getattr(self, name), low, high)
            object.__setattr__(self, name, plain)
        _maker(self)  # a missing package shows here and not at the first text

    @property
    def size(self) -> int:
        """Numbers of an encoding."""
        return int(self.repetitions * 2**self.hyperplanes * self.projection)

    @property
    def name(self) -> str:
        """Identity of the encoding for a space's signature: settings, and what was drawn at random.

        Another version of numpy or fastembed may draw other hyperplanes from the same seed.
        """
        maker = _maker(self)
        drawn = hashlib.blake2b(digest_size=4)
        for planes in (one.simhash_vectors for one in maker.simhash_projections):
            drawn.update(np.round(planes, 3).astype(np.float32).tobytes())
        drawn.update(np.asarray(maker.dim_reduction_projections, dtype=np.int8).tobytes())
        shape = f"{self.repetitions}x{2**self.hyperplanes}x{self.projection}"
        return f"muvera {self.dim} -> {shape} {drawn.hexdigest()}"

    def query(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Encoding of a query's tokens.

        Args:
            rows: ``(n, dim)`` with n >= 1.

        Returns:
            ``(size,)`` float32, not of length 1.

        Raises:
            BadInput: The rows have another shape.
        """
        return np.asarray(_maker(self).process_query(self._fitting(rows)), dtype=np.float32)

    def document(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Encoding of a document's tokens; see `query`."""
        return np.asarray(_maker(self).process_document(self._fitting(rows)), dtype=np.float32)

    def _fitting(self, rows: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        if rows.ndim != 2 or not len(rows) or rows.shape[1] != self.dim:
            raise BadInput(
                f"Muvera needs rows of shape (1 or more, {self.dim}), got {rows.shape}; "
                "set Muvera.dim to the length of the model's token vectors."
            )
        return rows


@lru_cache(maxsize=8)
def _maker(settings: Muvera) -> Any:  # noqa: ANN401
    try:
        from fastembed.postprocess import Muvera as Maker
    except ImportError as error:
        raise MissingExtra("fastembed", "muvera", "Muvera") from error
    return Maker(
        settings.dim,
        k_sim=settings.hyperplanes,
        dim_proj=settings.projection,
        r_reps=settings.repetitions,
        random_seed=settings.seed,
    )
