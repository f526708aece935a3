"""`train_situated`: an adapter that reads a chunk within its document, beside the chunk's own vector.

Trained is the second part of ``unit(own + weight * late)`` (`situated.residual`): windows of whole
documents are encoded, each chunk's tokens pooled, and the sum compared with the queries. The chunk's
own vector, which is that of the standard, and the queries stay those of the model as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import torch

from rag_embed.encoders.adapter import Adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput
from rag_embed.maths.resampling import paired_bootstrap
from rag_embed.maths.vectors import unit
from rag_embed.situated.expressions import STANDARD, situated
from rag_embed.situated.late import Late
from rag_embed.training.corpus import Corpus, K
from rag_embed.training.expert import install
from rag_embed.training.loop import Schedule, fit
from rag_embed.training.lora import Targets, extract, fill, inject
from rag_embed.training.losses import insent_loss, margin_loss, pull
from rag_embed.training.pairs import Pair
from rag_embed.training.pooled import Pooled, pooled_rows, read_windows
from rag_embed.training.splits import Split
from rag_embed.types import Cut, OnProgress, Vectors

Objective: TypeAlias = Literal["insent", "margin"]

WEIGHTS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
"""Shares of the late part that are tried, for the model as it is and for the trained one: what is
trained must be better than the chunk's own vector alone too."""


@dataclass(frozen=True, slots=True)
class SituatedRecipe:
    """How the late part is trained.

    Attributes:
        own: Name of the way (`situated.expressions`) that the late part is added to.
        objective: ``"insent"``: `losses.insent_loss`; ``"margin"``: `losses.margin_loss`.
        weight: Of the late part in training.
        within: Weight of negatives of the same document in ``"insent"``.
        margin: Of ``"margin"``.
        pull: Weight of staying near the untrained late vector.
        temperature: Of ``"insent"``.
        window: Tokens of a window; all the model reads when None.
        overlap: Tokens that neighbouring windows share.
        run: Windows of one document that are in a batch together.
        runs: Such runs in a batch.
        rank: Of the adapter.
        targets: Which layers it changes.
        dropout: Of its inputs.
        schedule: Steps and rates.

    Raises:
        BadInput: A number is out of range.
    """

    own: str = STANDARD
    objective: Objective = "insent"
    weight: float = 0.5
    within: float = 0.5
    margin: float = 0.1
    pull: float = 1.0
    temperature: float = 0.05
    window: int | None = None
    overlap: int = 64
    run: int = 4
    runs: int = 2
    rank: int = 16
    targets: Targets = "attention"
    dropout: float = 0.05
    schedule: Schedule = field(
        default_factory=lambda: Schedule(epochs=3, learning_rate=1e-4, evaluations=2)
    )

    def __post_init__(self) -> None:
        if self.objective not in get_args(Objective) or min(self.run, self.runs, self.rank) < 1:
            raise BadInput(
                f"objective must be one of {get_args(Objective)}, run, runs and rank at least 1, got "
                f"{self.objective!r}, {self.run}, {self.runs} and {self.rank}."
            )
        if min(self.weight, self.temperature) <= 0 or min(self.pull, self.margin) < 0:
            raise BadInput(
                "weight and temperature must be > 0, pull and margin >= 0, got "
                f"{self.weight}, {self.temperature}, {self.pull} and {self.margin}."
            )
        if not 0 <= self.within <= 1 or not 0 <= self.dropout < 1:
            raise BadInput(
                f"within must be in [0, 1] and dropout in [0, 1), got {self.within} and {self.dropout}."
            )


def train_situated(
    cuts: Sequence[Cut],
    split: Split,
    folder: str | os.PathLike[str],
    *,
    model: str,
    name: str = "situated",
    data: str = "",
    recipe: SituatedRecipe | None = None,
    device: str | None = None,
    progress: OnProgress | None = None,
) -> Card:
    """Train the late part, and install it in ``folder`` if it is better on the held-out side.

    Steps and the weight of the late part are chosen on the validation side, the weight also for the
    model as it is: the trained part is compared with the best untrained one, and with none.

    Args:
        cuts: Documents with their chunks.
        split: Pairs over these chunks.
        folder: Gets ``card.json``, and the adapter if it is better.
        model: Name or path of the model.
        name: Of the adapter.
        data: Says where the pairs come from.
        recipe: How it is trained.
        device: As in `SentenceEncoder`.
        progress: Called after every step.

    Returns:
        The card; ``settings["weights"]`` has the weight without and with the adapter.

    Raises:
        BadInput: A pair names a chunk that is in no group.
        MissingExtra: PEFT is not installed.
    """
    recipe, folder = recipe or SituatedRecipe(), Path(folder)
    started = time.perf_counter()
    encoder = SentenceEncoder(model, device=device)
    sides = {
        name: _Side.of(encoder, cuts, getattr(split, name), recipe)
        for name in ("train", "validation", "held_out")
    }
    with torch.random.fork_rng():
        torch.manual_seed(recipe.schedule.seed)
        parameters = inject(
            encoder, rank=recipe.rank, dropout=recipe.dropout, targets=recipe.targets
        )
    task = _Situated(encoder, recipe, sides["train"], sides["validation"], parameters)
    digest = hashlib.sha256(json.dumps([asdict(split), asdict(recipe)], sort_keys=True).encode())
    for side in sides.values():
        digest.update(side.own.tobytes())
    fitted = fit(
        task, recipe.schedule, folder=folder, fingerprint=digest.hexdigest(), progress=progress
    )
    fill(parameters, fitted.best)
    adapter: Adapter = extract(encoder, fitted.best)
    validation, held = sides["validation"], sides["held_out"]
    plain = validation.best_weight(validation.late)
    ours = validation.best_weight(validation.encoded(encoder))
    before, after = held.scores(held.late, plain), held.scores(held.encoded(encoder), ours)
    card = Card(
        kind="situated",
        name=name,
        data=data,
        base=encoder.signature.model,
        weights=encoder.signature.weights,
        pairs=split.pairs,
        documents=split.documents,
        settings={**asdict(recipe), "weights": {"untrained": plain, "trained": ours}},
        steps=fitted.step,
        strength=1.0,
        seconds=round(time.perf_counter() - started, 1),
        history=fitted.history,
        metric=f"ndcg@{K}",
        before=float(before.mean()),
        after=float(after.mean()),
        gain=paired_bootstrap(after, before),
    )
    install(card, adapter, folder)
    return card


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
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
    ) -> _Side:
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


class _Situated:
    """The `loop.Task` of the late part."""

    def __init__(
        self,
        encoder: SentenceEncoder,
        recipe: SituatedRecipe,
        train: _Side,
        validation: _Side,
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
