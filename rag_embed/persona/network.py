"""What Persona-Plug trains: input encoder, attention over the history, projector, instruction.

Liu et al., "LLMs + Persona-Plug = Personalized LLMs" (2024, arXiv 2409.11901), section 3. The frozen
history encoder is any `protocols.Encoder`; the frozen language model is in `persona_lm`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn.functional import normalize

_GELU_POWER = 0.4252
"""Mean of GELU(z)^2 for a standard normal z."""


def attention(query: Tensor, history: Tensor, temperature: float = 1.0) -> Tensor:
    """How much each event of a history counts for an input (equation 3).

    ``w_i = exp(x . h_i / temperature) / sum_k exp(x . h_k / temperature)``

    Args:
        query: ``(dim,)`` vector of the input.
        history: ``(n, dim)`` vectors of the events, ``n >= 1``.
        temperature: 1 in the paper; ``inf`` gives every event the same weight.

    Returns:
        ``(n,)`` weights >= 0 that add up to 1.

    Examples:
        >>> attention(torch.tensor([0.0, 1.0]), torch.eye(2), 1e-3).tolist()
        [0.0, 1.0]
    """
    return torch.softmax(history @ query / temperature, dim=0)


class Persona(nn.Module):
    """From inputs and histories to soft prompts ``[I; P]``.

    ``P = sum_i w_i Proj(h_i)`` (equation 4) with a projector of two layers,
    ``Proj(h) = W2 GELU(W1 h + b1) + b2``. ``I`` is a trained vector, the same for everybody
    (equation 5). Both are in units of ``scale``, so that one learning rate suits language models
    with small and with large embeddings; a constant factor changes nothing else.

    Args:
        encoder: The trainable input encoder; ``dim`` is the length of its vectors.
        width: Length of the language model's token embeddings.
        scale: Mean length of the language model's token embeddings.
        temperature: See `attention`.
    """

    def __init__(
        self, encoder: SentenceTransformer, width: int, scale: float, temperature: float
    ) -> None:
        super().__init__()
        dim = int(encoder.get_embedding_dimension() or 0)
        self.dim = dim
        self.encoder = encoder
        first, second = nn.Linear(dim, width), nn.Linear(width, width)
        # A unit vector comes out about as long as a token's embedding, and nothing but the input
        # decides its direction.
        nn.init.normal_(first.weight)
        nn.init.normal_(second.weight, std=1 / (width * math.sqrt(_GELU_POWER)))
        nn.init.zeros_(first.bias)
        nn.init.zeros_(second.bias)
        self.projector = nn.Sequential(first, nn.GELU(), second)
        self.instruction = nn.Parameter(torch.randn(width) / math.sqrt(width))
        self.scale = scale
        self.temperature = temperature

    def queries(self, texts: Sequence[str]) -> Tensor:
        """``(len(texts), dim)`` unit rows of inputs, with their gradients; equal ones read once.

        Zeros where the temperature is infinite, since nothing depends on them.
        """
        if math.isinf(self.temperature):
            return self.instruction.new_zeros(len(texts), self.dim)
        position = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        prompt = (self.encoder.prompts or {}).get("query") or None
        features = self.encoder.preprocess(list(position), prompt=prompt)
        device = self.instruction.device
        moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in features.items()}
        rows: Tensor = self.encoder(moved)["sentence_embedding"]
        return normalize(rows.float(), dim=1)[[position[text] for text in texts]]

    def forward(self, queries: Tensor, histories: Sequence[Tensor]) -> list[Tensor]:
        """The soft prompt of each row.

        Args:
            queries: ``(n, dim)`` vectors of the inputs.
            histories: One ``(events, dim)`` per input.

        Returns:
            One ``(2, width)`` per input: ``I`` and ``P``. A history without events has no ``P``:
            ``(1, width)``.
        """
        # All events go through the projector together; nothing is padded.
        projected = self.projector(torch.cat(list(histories)))
        parts = projected.split([len(one) for one in histories])
        prompts = []
        for query, history, part in zip(queries, histories, parts, strict=True):
            rows: list[Tensor] = [self.instruction]
            if len(history):
                rows.append(attention(query, history, self.temperature) @ part)
            prompts.append(self.scale * torch.stack(rows))
        return prompts
