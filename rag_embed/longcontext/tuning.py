"""`tune_positions`: new rows of a position table learn from long texts, and nothing else does.

Zhu et al., LongEmbed (EMNLP 2024), section 4.2: the model is frozen, rows beyond the trained length
begin as a training-free extension has them and are trained with a contrastive loss. Differences: whole
long texts are read here instead of short ones at shifted positions, so a row is trained where it is used.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import SentenceTransformer
from torch.nn import functional

from rag_embed.encoders.batching import batches
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput
from rag_embed.longcontext import absolute
from rag_embed.longcontext.architecture import Architecture
from rag_embed.longcontext.extending import Extended, extension_of, loaded, remember
from rag_embed.longcontext.extension import Extension
from rag_embed.longcontext.tuning_texts import LongTexts, cut_out
from rag_embed.maths.positions import Map
from rag_embed.training.loop import Progress, Schedule, fit
from rag_embed.training.lora import embed, embedded
from rag_embed.training.losses import softmax_loss

_CHOSEN_ON = 0.2
_log = logging.getLogger(__name__)


def tune_positions(
    model: SentenceTransformer | str,
    max_tokens: int,
    texts: Sequence[str] | Sequence[tuple[str, str]],
    *,
    start: Map = "recurrent",
    trained_tokens: int | None = None,
    batch: int = 16,
    temperature: float = 0.05,
    schedule: Schedule | None = None,
    progress: Progress | None = None,
) -> SentenceTransformer:
    """A copy of a model whose table of positions goes on to ``max_tokens``, its new rows trained.

    All other weights, rows of trained positions among them, stay what they are: texts within the
    trained length have the vectors they had, bit for bit. The result is an ordinary model with a
    longer table; `saving.bake` writes it, and sentence-transformers alone reads that.

    A fifth of the documents is kept aside. The rows of the evaluation with the lowest loss on them are
    taken, which are those of ``start`` where training did not help. Rows that no text reaches stay as
    they start. Every document of a batch is encoded twice, once with gradients, in parts of the
    encoder's token budget: memory grows with the longest text, not with the batch.

    Args:
        model: A sentence-transformers model with a table of positions, which stays as it is; or its
            name or path.
        max_tokens: Tokens that are read, special tokens included.
        texts: Pairs of a query, within the trained length, and a document that answers it; or long
            texts, whose own sentences are then cut out of them as queries (inverse cloze task).
        start: The map that new rows begin from, see `extend`.
        trained_tokens: Tokens the model was trained on, where that is less than it has positions
            for.
        batch: Documents that a query is compared with in training, about.
        temperature: Of the softmax over them.
        schedule: Steps, rates and the seed; by default 3 epochs at LongEmbed's rate of 5e-4 without
            weight decay.
        progress: Called after every step; its score is the best loss so far on the documents kept
            aside, negated.

    Raises:
        BadInput: The model has no table of positions or was extended already, no text is longer
            than the trained length, a query is, or texts are too few.
        UnsupportedModel: The model's positions cannot be changed; use `windows`.
        ModelUnavailable: The model cannot be loaded.

    Examples:
        >>> from rag_embed.encoders.models import DEFAULT
        >>> tune_positions(DEFAULT, 1024, ["a short text"] * 8)
        Traceback (most recent call last):
        rag_embed.errors.BadInput: No text is longer than the 512 tokens that the model was trained ...
    """
    if batch < 2 or temperature <= 0:
        raise BadInput(
            f"batch must be at least 2 and temperature > 0, got {batch} and {temperature}."
        )
    plan = schedule or Schedule(epochs=3, learning_rate=5e-4, weight_decay=0.0)
    base = loaded(model)
    long, extension = _lengthened(base, max_tokens, start, trained_tokens)
    encoder = SentenceEncoder.wrap(copy.deepcopy(long))
    sides = _sides(encoder, texts, extension.trained_tokens, plan.seed)
    architecture = Architecture.of(long)
    table = architecture.backbone.embeddings.position_embeddings.weight
    first = architecture.offset + extension.trained_tokens
    task = _Tuning(encoder, _freed(encoder.model, first), *sides, batch, temperature, plan.seed)
    fitted = fit(task, plan, progress=progress)
    _log.info(
        "Loss on documents kept aside: %.4f at the start, %.4f after step %d.",
        -fitted.history[0][2],
        -fitted.score,
        fitted.step,
    )
    with torch.no_grad():
        table[first:].copy_(fitted.best[_NAME])
    return long


_NAME = "position_embeddings"


def _lengthened(
    base: SentenceTransformer, max_tokens: int, start: Map, trained_tokens: int | None
) -> tuple[SentenceTransformer, Extension]:
    """A copy with a longer table of its own, whose trained rows are those of the model."""
    if extension_of(base) is not None:
        raise BadInput("The model is extended already; tune the one it was made from.")
    architecture = Architecture.of(base)
    if architecture.kind != "absolute":
        raise BadInput(
            "Only models with a table of positions have rows to tune; the positions of this one are "
            "rotary and have no weights. extend() lets it read longer texts without training."
        )
    trained = architecture.trained if trained_tokens is None else trained_tokens
    extension = Extension(start, max_tokens, trained)
    long = copy.deepcopy(base, {id(one): one for one in base.parameters()})
    absolute.bake(Architecture.of(long), extension)
    # A baked table of the other maps begins differently: short texts would change.
    first = architecture.offset + trained
    rows = architecture.backbone.embeddings.position_embeddings.weight[:first]
    with torch.no_grad():
        Architecture.of(long).backbone.embeddings.position_embeddings.weight[:first].copy_(rows)
    long.max_seq_length = max_tokens
    tuned = Extension(start, max_tokens, trained, baked=True)
    remember(long, Extended(tuned, None))
    return long.eval(), tuned


class _Growing(torch.nn.Module):
    """A table of positions of which the rows after the first few learn."""

    def __init__(self, rows: torch.Tensor, first: int) -> None:
        super().__init__()
        self.register_buffer("old", rows.detach()[:first])
        self.new = torch.nn.Parameter(rows.detach()[first:].float())

    def forward(self, at: torch.Tensor) -> torch.Tensor:
        old: torch.Tensor = self.get_buffer("old")
        return functional.embedding(at, torch.cat([old, self.new.to(old.dtype)]))


def _freed(model: SentenceTransformer, first: int) -> torch.nn.Parameter:
    """The rows that learn; all else in the model is frozen."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    embeddings = Architecture.of(model).backbone.embeddings
    growing = _Growing(embeddings.position_embeddings.weight.clone(), first)
    embeddings.position_embeddings = growing
    return growing.new


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Documents and the queries that they answer.

    Attributes:
        ids: Token ids of each document.
        queries: ``(n, dim)`` by the model as it was; they read no row that changes.
        right: ``(n, documents)`` bool.
    """

    ids: list[list[int]]
    queries: torch.Tensor
    right: torch.Tensor

    def loss(
        self, rows: torch.Tensor, members: npt.NDArray[np.intp], temperature: float
    ) -> torch.Tensor:
        """Mean loss of the queries that some documents answer, with these vectors, among them."""
        right = self.right[:, torch.from_numpy(members)]
        asked = right.any(dim=1)
        scores = self.queries[asked] @ rows.T
        return softmax_loss(scores, right[asked], temperature=temperature).mean()


def _sides(
    encoder: SentenceEncoder,
    texts: Sequence[str] | Sequence[tuple[str, str]],
    trained: int,
    seed: int,
) -> tuple[_Side, _Side]:
    """What is learned from and what is chosen on.

    Args:
        encoder: Of the lengthened model, not trained yet.
        texts: Pairs or texts.
        trained: Tokens it was trained on.
        seed: Deals the documents.
    """
    found = LongTexts.of(_pairs(texts, encoder, trained))
    of = encoder.signature
    ids = encoder.tokens.ids([of.document_prompt + text for text in found.documents])
    asked = encoder.tokens.ids([of.query_prompt + query for query in found.queries])
    if max(map(len, ids)) <= trained:
        raise BadInput(
            f"No text is longer than the {trained} tokens that the model was trained on, so no new "
            f"row would be read. The longest has {max(map(len, ids))}."
        )
    if max(map(len, asked)) > trained:
        raise BadInput(
            f"A query has {max(map(len, asked))} tokens; queries must be within the {trained} tokens "
            "that the model was trained on."
        )
    queries = embedded(encoder, asked).clone()
    right = torch.zeros(len(found.queries), len(found.documents), dtype=torch.bool)
    for query, documents in enumerate(found.answers):
        right[query, list(documents)] = True
    sides = []
    for members, mine in found.sides(_CHOSEN_ON, seed):
        own = [ids[i] for i in members]
        sides.append(_Side(own, queries[mine], right[mine][:, torch.from_numpy(members)]))
    return sides[0], sides[1]


class _Tuning:
    """The `loop.Task` of position rows."""

    def __init__(
        self,
        encoder: SentenceEncoder,
        rows: torch.nn.Parameter,
        train: _Side,
        validation: _Side,
        batch: int,
        temperature: float,
        seed: int,
    ) -> None:
        self.parameters = {_NAME: rows}
        self.steps = max(1, len(train.ids) // batch)
        self._encoder = encoder
        self._train = train
        self._validation = validation
        self._temperature = temperature
        self._seed = seed

    def losses(self, epoch: int, step: int, /) -> Iterator[torch.Tensor]:
        """See `loop.Task`; the gradient of a part is that of the whole batch's loss.

        Vectors of all documents first, without gradients, and the gradient of the loss in them;
        then the documents once more, part by part (Gao et al., Scaling Deep Contrastive Learning
        Batch Size under Memory Limited Setup, 2021).
        """
        rng = np.random.default_rng([self._seed, epoch])
        order = rng.permutation(len(self._train.ids))
        batch = np.array_split(order, self.steps)[step]
        ids = [self._train.ids[i] for i in batch]
        rows = embedded(self._encoder, ids).clone().requires_grad_()
        loss = self._train.loss(rows, batch, self._temperature)
        [gradient] = torch.autograd.grad(loss, rows)
        for _, members in batches([len(one) for one in ids], self._encoder.token_budget):
            again = embed(self._encoder, [ids[i] for i in members]).cpu()
            linear = (again * gradient[members]).sum()
            yield linear - linear.detach() + loss.detach() * len(members) / len(ids)

    def score(self) -> float:
        """See `loop.Task`: the negative loss on the documents kept aside."""
        rows = embedded(self._encoder, self._validation.ids)
        everything = np.arange(len(rows), dtype=np.intp)
        return -float(self._validation.loss(rows, everything, self._temperature))


def _pairs(
    texts: Sequence[str] | Sequence[tuple[str, str]], encoder: SentenceEncoder, trained: int
) -> list[tuple[str, str]]:
    """The pairs that were given, or those made of the texts that were given."""
    if not isinstance(texts, str):
        plain = [one for one in texts if isinstance(one, str)]
        if len(plain) == len(texts):
            return cut_out(plain, encoder, trained)
        pairs = [tuple(one) for one in texts if isinstance(one, tuple | list)]
        found = [(one[0], one[1]) for one in pairs if [type(text) for text in one] == [str, str]]
        if len(found) == len(texts):
            return found
    raise BadInput(
        "texts must be a sequence of long texts, or of (query, document) pairs of strings; got a "
        f"{type(texts).__name__} of {sorted({type(one).__name__ for one in texts})}."
    )
