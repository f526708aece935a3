"""How position rows learn: the loss, its gradient in parts, and what is kept aside to choose on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from rag_embed.encoders.batching import batches
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput
from rag_embed.training.lora import embed, embedded
from rag_embed.training.losses import softmax_loss
from rag_embed.training.positions_texts import LongTexts, given

NAME = "position_embeddings"
"""Of the parameter that is trained."""

_CHOSEN_ON = 0.2
"""Share of the documents that is kept aside."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
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


def sides_of(
    encoder: SentenceEncoder,
    texts: Sequence[str] | Sequence[tuple[str, str]],
    trained: int,
    seed: int,
) -> tuple[Side, Side]:
    """What is learned from and what is chosen on.

    Args:
        encoder: Of the lengthened model, not trained yet.
        texts: Pairs or texts.
        trained: Tokens it was trained on.
        seed: Deals the documents.
    """
    found = LongTexts.of(given(texts, encoder, trained))
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
    made = []
    for members, mine in found.sides(_CHOSEN_ON, seed):
        own = [ids[i] for i in members]
        made.append(Side(own, queries[mine], right[mine][:, torch.from_numpy(members)]))
    return made[0], made[1]


class Tuning:
    """The `loop.Task` of position rows."""

    def __init__(
        self,
        encoder: SentenceEncoder,
        rows: torch.nn.Parameter,
        train: Side,
        validation: Side,
        batch: int,
        temperature: float,
        seed: int,
    ) -> None:
        self.parameters = {NAME: rows}
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
