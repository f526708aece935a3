"""The late part as a `loop.Task`, and what the frozen model says about either side of the split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput
from rag_embed.maths.vectors import unit
from rag_embed.situated.expressions import situated
from rag_embed.situated.late import Late
from rag_embed.training.corpus import Corpus
from rag_embed.training.losses import insent_loss, margin_loss, pull
from rag_embed.training.pairs import Pair
from rag_embed.training.pooled import Pooled, pooled_rows, read_windows
from rag_embed.training.situated_recipe import SituatedRecipe
from rag_embed.types import Cut, Vectors

WEIGHTS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
"""Shares of the late part that are tried, for the model as it is and for the trained one: what is
trained must be better than the chunk's own vector alone too."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side's documents and pairs, with everything that the frozen model says about them."""

    cuts: Sequence[Cut]
    pairs: tuple[Pair, ...]
    corpus: Corpus
    queries: Vectors
    late: Vectors
    spaces: Late

    @property
    def own(self) -> Vectors:
        """``(chunks, dim)`` each chunk's own vector."""
        return self.corpus.vectors

    @classmethod
    def of(
        cls,
        encoder: SentenceEncoder,
        cuts: Sequence[Cut],
        pairs: tuple[Pair, ...],
        recipe: SituatedRecipe,
    ) -> Side:
        """All that the encoder says about these documents and pairs, as it is now."""
        wanted = {document for pair in pairs for document in pair.documents}
        mine = [Cut(document, chunks) for document, chunks in cuts if document.id in wanted]
        chunks = [chunk for _, some in mine for chunk in some]
        corpus = Corpus(
            tuple(chunk.id for chunk in chunks),
            tuple(chunk.doc_id for chunk in chunks),
            situated(recipe.own, encoder).encode_chunks(mine),
            encoder.signature,
        )
        for pair in pairs:
            corpus.rows_of(pair.chunks)
        late = Late(encoder, recipe.window, recipe.overlap)
        queries = encoder.encode_query([pair.query for pair in pairs])
        return cls(mine, pairs, corpus, queries, late.encode_chunks(mine), late)

    def encoded(self, encoder: SentenceEncoder) -> Vectors:
        """The late part by the encoder as it is now."""
        encoder.model.eval()
        return self.spaces.encode_chunks(self.cuts)

    def scores(self, late: Vectors, weight: float) -> npt.NDArray[np.float64]:
        """Per pair nDCG@10 of the sum, among the chunks of this side's documents."""
        rows = unit(self.own + np.float32(weight) * late)
        corpus = Corpus(self.corpus.ids, self.corpus.documents, rows, self.corpus.signature)
        known = set(self.corpus.ids)
        pairs = [_within(pair, known) for pair in self.pairs]
        return corpus.ndcg(pairs, self.queries, np.zeros_like(self.queries))

    def best_weight(self, late: Vectors) -> float:
        """Of `WEIGHTS` the best one here."""
        return max(WEIGHTS, key=lambda weight: self.scores(late, weight).mean())


def _within(pair: Pair, known: set[str]) -> Pair:
    ignored = tuple(id for id in pair.ignored if id in known)
    return Pair(pair.query, pair.chunks, pair.documents, ignored)


class LatePart:
    """The `loop.Task` of the late part."""

    def __init__(
        self,
        encoder: SentenceEncoder,
        recipe: SituatedRecipe,
        train: Side,
        validation: Side,
        parameters: dict[str, torch.nn.Parameter],
    ) -> None:
        self.parameters = parameters
        self._encoder = encoder
        self._recipe = recipe
        self._train = train
        self._validation = validation
        self._own = torch.from_numpy(train.own)
        self._late = torch.from_numpy(train.late)
        self._queries = torch.from_numpy(train.queries)
        self._right = [train.corpus.rows_of(pair.chunks) for pair in train.pairs]
        self._document = np.unique(train.corpus.documents, return_inverse=True)[1]
        asked = {int(row) for rows in self._right for row in rows}
        windows = read_windows(encoder, train.spaces, train.cuts)
        self._runs = _runs([one for one in windows if asked & set(one.chunks)], recipe.run)
        if not self._runs:
            raise BadInput(
                "No window holds a whole chunk that a query asks for; cut shorter chunks."
            )
        self.steps = -(-len(self._runs) // recipe.runs)

    def losses(self, epoch: int, step: int, /) -> Iterator[torch.Tensor]:
        """See `loop.Task`."""
        rng = np.random.default_rng([self._recipe.schedule.seed, epoch])
        order = rng.permutation(len(self._runs))
        batch = order[step * self._recipe.runs : (step + 1) * self._recipe.runs]
        self._encoder.model.train()
        chunks, late = pooled_rows(self._encoder, [one for i in batch for one in self._runs[i]])
        yield self._loss(chunks, late.cpu())

    def score(self) -> float:
        """See `loop.Task`."""
        late = self._validation.encoded(self._encoder)
        return float(self._validation.scores(late, self._recipe.weight).mean())

    def _loss(self, chunks: npt.NDArray[np.intp], late: torch.Tensor) -> torch.Tensor:
        recipe = self._recipe
        rows = torch.nn.functional.normalize(self._own[chunks] + recipe.weight * late, dim=1)
        right = np.stack([np.isin(chunks, one) for one in self._right])
        asked = np.flatnonzero(right.any(axis=1))
        right = right[asked]
        mine = self._document[chunks[right.argmax(axis=1)]]
        same = self._document[chunks][None, :] == mine[:, None]
        scores = self._queries[asked] @ rows.T
        marks = torch.from_numpy(right)
        if recipe.objective == "insent":
            loss = insent_loss(
                scores,
                marks,
                torch.from_numpy(same),
                weight=recipe.within,
                temperature=recipe.temperature,
            )
        else:
            loss = margin_loss(scores, marks, margin=recipe.margin, ignored=torch.zeros_like(marks))
        return loss.mean() + recipe.pull * pull(late, self._late[chunks]).mean()


def _runs(windows: Sequence[Pooled], size: int) -> list[list[Pooled]]:
    """Neighbouring windows of one document, so that a batch holds what must be told apart."""
    runs: list[list[Pooled]] = []
    for one in windows:
        if not runs or len(runs[-1]) == size or runs[-1][-1].document != one.document:
            runs.append([])
        runs[-1].append(one)
    return runs
