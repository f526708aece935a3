"""`tune_positions`: new rows of a position table learn from long texts, and nothing else does.

Zhu et al., LongEmbed (EMNLP 2024), section 4.2: the model is frozen, rows beyond the trained length
begin as a training-free extension has them and are trained with a contrastive loss. With recurrent
positions this is the paper's tuning, but for whole long texts in the place of short ones at shifted
positions. Its tuning on interpolated positions spreads the trained rows over the table, which moves short
texts to other rows; here trained rows stay where they are, whatever the others begin as.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence

import torch
from sentence_transformers import SentenceTransformer
from torch.nn import functional

from rag_embed.encoders.positions import absolute
from rag_embed.encoders.positions.applied import Extended, extension_of, remember
from rag_embed.encoders.positions.architecture import Architecture
from rag_embed.encoders.positions.extension import Extension
from rag_embed.encoders.sentence import SentenceEncoder, sentence_transformer
from rag_embed.errors import BadInput
from rag_embed.maths.positions import Map
from rag_embed.training.loop import Schedule, fit
from rag_embed.training.positions_loss import NAME, Tuning, sides_of
from rag_embed.types import OnProgress

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
    progress: OnProgress | None = None,
) -> SentenceTransformer:
    """A copy of a model whose table of positions goes on to ``max_tokens``, its new rows trained.

    All other weights, rows of trained positions among them, stay what they are: texts within the
    trained length have the vectors they had, bit for bit. The result is an ordinary model with a
    longer table; `saving.bake` writes it, and sentence-transformers alone reads that.

    A fifth of the documents is kept aside. The rows of the evaluation with the lowest loss on them are
    taken, which are those of ``start`` where training did not help. Rows that no text reaches stay as
    they start, unless the schedule has weight decay. Every document of a batch is encoded twice, once
    with gradients, in parts of the encoder's token budget: memory grows with the longest text, not with
    the batch.

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
        >>> from rag_embed.encoders.minilm import DEFAULT
        >>> pairs = [(f"part {i}", f"Part {i} of the report. " * n) for i, n in enumerate([90, 3] * 2)]
        >>> long = tune_positions(DEFAULT, 520, pairs, schedule=Schedule(1, weight_decay=0.0))
        >>> long.max_seq_length
        520
    """
    if batch < 2 or temperature <= 0:
        raise BadInput(
            f"batch must be at least 2 and temperature > 0, got {batch} and {temperature}."
        )
    plan = schedule or Schedule(epochs=3, learning_rate=5e-4, weight_decay=0.0)
    base = sentence_transformer(model)
    long, extension = _lengthened(base, max_tokens, start, trained_tokens)
    encoder = SentenceEncoder.wrap(copy.deepcopy(long))
    sides = sides_of(encoder, texts, extension.trained_tokens, plan.seed)
    architecture = Architecture.of(long)
    table = architecture.backbone.embeddings.position_embeddings.weight
    first = architecture.offset + extension.trained_tokens
    task = Tuning(encoder, _freed(encoder.model, first), *sides, batch, temperature, plan.seed)
    fitted = fit(task, plan, progress=progress)
    _log.info(
        "Loss on documents kept aside: %.4f at the start, %.4f after step %d.",
        -fitted.history[0][2],
        -fitted.score,
        fitted.step,
    )
    with torch.no_grad():
        table[first:].copy_(fitted.best[NAME])
    return long


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
