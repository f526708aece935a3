"""What a query encoder is trained against: the frozen vectors of all chunks, and how well they rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.vectors import best
from rag_embed.protocols import Encoder, View
from rag_embed.situated.titled import Titled
from rag_embed.training.pairs import Pair
from rag_embed.types import DENSE, Chunk, Cut, Signature, Unit, Vectors

K = 10
"""The cut-off of the nDCG that everything is chosen and reported by."""

_OUT = -2.0
"""Below every cosine."""

_BLOCK = 4_000_000
"""Scores held at once."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Chunks as the searched space has them. Nothing here is ever changed by training.

    Attributes:
        ids: ``n`` ids of chunks, distinct.
        documents: The document of each.
        vectors: ``(n, dim)`` float32 unit rows.
        signature: Of the encoder whose space it is.

    Raises:
        BadInput: Lengths differ, or an id occurs twice.
    """

    ids: tuple[str, ...]
    documents: tuple[str, ...]
    vectors: Vectors
    signature: Signature

    def __post_init__(self) -> None:
        n = len(self.ids)
        if len(self.documents) != n or self.vectors.shape != (n, self.signature.dim) or n == 0:
            raise BadInput(
                f"A corpus needs as many documents and vectors as ids, and at least one: got {n} "
                f"ids, {len(self.documents)} documents and vectors of {self.vectors.shape}."
            )
        if len(self.row) != n:
            raise BadInput("The ids of a corpus must be distinct.")

    @cached_property
    def row(self) -> dict[str, int]:
        """Where each chunk is."""
        return {id: i for i, id in enumerate(self.ids)}

    @classmethod
    def of_collection(cls, collection: Collection, encoder: Encoder) -> Corpus:
        """Encode the entries of a collection, each as one chunk under its title."""
        cuts = [Cut(d, [Chunk.of(d, 0, len(d.text))]) for d in collection.documents]
        return cls(
            tuple(d.id for d in collection.documents),
            tuple(str(d.metadata.get("doc_id", d.id)) for d in collection.documents),
            Titled(encoder).encode_chunks(cuts),
            encoder.signature,
        )

    @classmethod
    def of_view(
        cls, view: View, chunks: Sequence[Chunk], signature: Signature, space: str = DENSE
    ) -> Corpus:
        """The stored vectors of chunks; nothing is encoded."""
        ids = [chunk.id for chunk in chunks]
        return cls(
            tuple(ids),
            tuple(chunk.doc_id for chunk in chunks),
            view.vectors(space, ids),
            signature,
        )

    def rows_of(self, ids: Sequence[str]) -> npt.NDArray[np.intp]:
        """Where chunks are.

        Raises:
            BadInput: One is not in the corpus.
        """
        try:
            return np.array([self.row[id] for id in ids], dtype=np.intp)
        except KeyError as error:
            raise BadInput(
                f"A pair names the chunk {error}, which is not in the corpus; take pairs and corpus "
                "from the same index."
            ) from None

    def ndcg(
        self,
        pairs: Sequence[Pair],
        queries: Vectors,
        targets: Vectors,
        group_by: Unit = "chunk",
    ) -> npt.NDArray[np.float64]:
        """nDCG@10 of every pair.

        Args:
            pairs: ``b`` of them.
            queries: ``(b, dim)`` their encoded queries.
            targets: ``(b, dim)`` their encoded ``text``; rows of pairs without one are not read.
            group_by: ``"document"`` ranks documents by their best chunk.

        Returns:
            ``(b,)`` float64.
        """
        names, unit = self._units(group_by)
        found = np.empty(len(pairs))
        step = max(1, _BLOCK // len(self.ids))
        for start in range(0, len(pairs), step):
            scores = queries[start : start + step] @ self.vectors.T
            for i, row in enumerate(scores, start):
                at = self.rows_of(pairs[i].chunks)
                row[self.rows_of(pairs[i].ignored)] = _OUT
                if pairs[i].text:
                    row[at] = queries[i] @ targets[i]
                grouped = np.full(len(names), _OUT, dtype=np.float32)
                np.maximum.at(grouped, unit, row)
                ranked = [names[j] for j in best(names, grouped, K) if grouped[j] > _OUT]
                found[i] = ndcg(ranked, {names[unit[j]]: 1 for j in at}, K)
        return found

    def _units(self, group_by: Unit) -> tuple[Sequence[str], npt.NDArray[np.intp]]:
        if group_by == "chunk":
            return self.ids, np.arange(len(self.ids))
        names = sorted(set(self.documents))
        place = {name: i for i, name in enumerate(names)}
        return names, np.array([place[name] for name in self.documents], dtype=np.intp)
