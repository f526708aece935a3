"""`train_expert`: a query encoder for one kind of question, over documents that stay as they are.

Documents are encoded once, by the model as it is; only an adapter for queries is trained. So an
expert is a few hundred kilobytes, adding one to an index touches no stored vector, and many experts
search one space (RouterRetriever, 2024).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from rag_embed.arguments import check_made, check_numbers, set_counts
from rag_embed.encoders.adapter import Adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput
from rag_embed.training.candidates import Candidates
from rag_embed.training.corpus import Corpus
from rag_embed.training.encoded import Encoded, base_encoder
from rag_embed.training.folder import install_adapter, ready
from rag_embed.training.loop import Fitted, Schedule, fit
from rag_embed.training.lora import Targets, embed, extract, fill, inject
from rag_embed.training.losses import pull, softmax_loss
from rag_embed.training.outcome import card_of
from rag_embed.training.splits import Split
from rag_embed.types import OnProgress, Unit

_STRENGTHS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an expert is trained.

    Attributes:
        rank: Of the adapter.
        targets: ``"attention"`` adapts queries and values of the attention, ``"all"`` every layer.
        dropout: Of the adapter's inputs.
        batch: Pairs per step.
        temperature: Of the softmax over the corpus.
        pull: Weight of staying near the model's own query vector.
        corpus: Largest corpus whose every chunk is a negative; beyond it they are mined.
        mined: Negatives mined per pair; those of a batch are shared.
        schedule: Steps and rates.

    Raises:
        BadInput: A number is out of range.
    """

    rank: int = 16
    targets: Targets = "attention"
    dropout: float = 0.1
    batch: int = 32
    temperature: float = 0.05
    pull: float = 0.0
    corpus: int = 100_000
    mined: int = 255
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        set_counts(self, 1, "rank", "batch", "mined", "corpus")
        check_numbers(self, "temperature", "dropout", "pull")
        check_made("Recipe.schedule", self.schedule, Schedule)
        if self.temperature <= 0:
            raise BadInput(f"temperature must be > 0, got {self.temperature}.")
        if not 0 <= self.dropout < 1 or self.pull < 0 or self.targets not in ("attention", "all"):
            raise BadInput(
                "dropout must be in [0, 1), pull >= 0 and targets 'attention' or 'all', got "
                f"{self.dropout}, {self.pull} and {self.targets!r}."
            )


def train_expert(
    corpus: Corpus,
    split: Split,
    folder: str | os.PathLike[str],
    *,
    name: str = "expert",
    data: str = "",
    recipe: Recipe | None = None,
    group_by: Unit = "chunk",
    device: str | None = None,
    progress: OnProgress | None = None,
) -> Card:
    """Train a query adapter, and install it in ``folder`` if it is better on the held-out side.

    Steps, then the strength of the change, are chosen on the validation side; the held-out side is
    looked at once. Repeating an interrupted call goes on where it stopped, with the same result.

    Args:
        corpus: What is searched.
        split: Pairs whose chunks are in the corpus.
        folder: Gets ``card.json``, and the adapter if it is better.
        name: Of the expert.
        data: Says where the pairs come from.
        recipe: How it is trained.
        group_by: What is ranked for the scores: chunks, or documents by their best chunk.
        device: As in `SentenceEncoder`.
        progress: Called after every step.

    Returns:
        The card. ``card.installed`` is False if the interval of the gain reaches down to 0.

    Raises:
        BadInput: A pair is answered by a chunk that is not in the corpus; or the folder holds something else.
        SpaceMismatch: The corpus was encoded by another model than its signature names.
        MissingExtra: PEFT is not installed.
    """
    check_made("corpus", corpus, Corpus)
    check_made("split", split, Split)
    recipe = check_made("recipe", recipe or Recipe(), Recipe)
    folder = ready(folder, "expert")
    started = time.perf_counter()
    encoder = base_encoder(corpus, device)
    sides = {"train": split.train, "validation": split.validation, "held_out": split.held_out}
    before = {side: Encoded.of(encoder, corpus, pairs, group_by) for side, pairs in sides.items()}
    with torch.random.fork_rng():
        torch.manual_seed(recipe.schedule.seed)
        parameters = inject(
            encoder, rank=recipe.rank, dropout=recipe.dropout, targets=recipe.targets
        )
    task = _Expert(encoder, corpus, recipe, before["train"], before["validation"], parameters)
    mark = _fingerprint(corpus, split, recipe, group_by)
    fitted = fit(task, recipe.schedule, folder=folder, fingerprint=mark, progress=progress)
    adapter, strength = _strongest(encoder, fitted, task, before["validation"])
    held = before["held_out"]
    scores = (held.scores(held.queries), held.scores(held.again(encoder)))
    settings = {**asdict(recipe), "group_by": group_by, "chunks": len(corpus.ids)}
    base = (corpus.signature.model, corpus.signature.weights)
    card = card_of("expert", name, data, base, split, fitted, scores, settings, started, strength)
    install_adapter(card, adapter, folder)
    return card


class _Expert:
    """The `loop.Task` of a query adapter."""

    def __init__(
        self,
        encoder: SentenceEncoder,
        corpus: Corpus,
        recipe: Recipe,
        train: Encoded,
        validation: Encoded,
        parameters: dict[str, torch.nn.Parameter],
    ) -> None:
        self.parameters = parameters
        self.steps = -(-len(train.pairs) // recipe.batch)
        self._encoder = encoder
        self._recipe = recipe
        self._train = train
        self._validation = validation
        self._queries = torch.from_numpy(train.queries)
        self._candidates = Candidates.of(corpus, train, recipe.corpus, recipe.mined)

    def losses(self, epoch: int, step: int, /) -> Iterator[torch.Tensor]:
        """See `loop.Task`; parts are as long as the encoder's token budget allows."""
        rng = np.random.default_rng([self._recipe.schedule.seed, epoch])
        order = rng.permutation(len(self._train.pairs))
        batch = order[step * self._recipe.batch : (step + 1) * self._recipe.batch]
        columns = self._candidates.columns(batch)
        self._encoder.model.train()
        for part in self._parts(batch):
            rows = embed(self._encoder, [self._train.ids[i] for i in part]).cpu()
            vectors, right, ignored = self._candidates.judged(part, columns)
            each = softmax_loss(
                rows @ vectors.T, right, ignored, temperature=self._recipe.temperature
            )
            if self._recipe.pull:
                each = each + self._recipe.pull * pull(rows, self._queries[part])
            yield each.sum() / len(batch)

    def score(self) -> float:
        """See `loop.Task`."""
        return float(self._validation.scores(self._validation.again(self._encoder)).mean())

    def _parts(self, batch: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
        longest = max(len(self._train.ids[i]) for i in batch)
        size = max(1, self._encoder.token_budget // longest)
        for start in range(0, len(batch), size):
            yield batch[start : start + size]


def _strongest(
    encoder: SentenceEncoder, fitted: Fitted, task: _Expert, validation: Encoded
) -> tuple[Adapter, float]:
    """The share of the change that validation likes best, the smaller one of equals.

    Between a model and its fine-tuned self lies what keeps more of both (Wortsman et al., Robust
    fine-tuning of zero-shot models, 2022).
    """
    scored = []
    for strength in _STRENGTHS:
        fill(task.parameters, _scaled(fitted.best, strength))
        scored.append((validation.scores(validation.again(encoder)).mean(), -strength))
    strength = -max(scored)[1]
    best = _scaled(fitted.best, strength)
    fill(task.parameters, best)
    return extract(encoder, best), strength


def _scaled(tensors: Mapping[str, torch.Tensor], strength: float) -> dict[str, torch.Tensor]:
    return {n: t * strength if ".lora_B." in n else t for n, t in tensors.items()}


def _fingerprint(corpus: Corpus, split: Split, recipe: Recipe, group_by: Unit) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(corpus.vectors).data)
    settings = [corpus.ids, asdict(split), asdict(recipe), group_by]
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()
