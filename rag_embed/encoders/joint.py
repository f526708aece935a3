"""A cross-encoder that begins as a bi-encoder: query and text are read together, and compared by their means.

A head with random weights has to learn from nothing what is alike; here a model that was trained to compare
texts goes on doing so, and learns what changes when it sees both.
"""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.base.modules import Transformer
from sentence_transformers.base.modules.module import Module


class JointCosine(Module):
    """The last module of a cross-encoder: the cosine of what stands for the query and for the text.

    Args:
        separator: Token that ends the query.
    """

    config_keys = ["separator"]  # noqa: RUF012

    def __init__(self, separator: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.separator = separator

    def forward(self, features: dict[str, Any], **_: object) -> dict[str, Any]:
        """Adds ``scores``, ``(n, 1)`` in [-1, 1]."""
        tokens, read = features["token_embeddings"].float(), features["attention_mask"]
        ends = (features["input_ids"] == self.separator).long()
        behind = ((ends.cumsum(1) - ends) > 0).long()
        query = (tokens * (read * (1 - behind))[..., None]).sum(1)
        text = (tokens * (read * behind)[..., None]).sum(1)
        rows = torch.nn.functional.normalize(query) * torch.nn.functional.normalize(text)
        features["scores"] = rows.sum(1, keepdim=True)
        return features

    def save(self, output_path: str, *_: object, **__: object) -> None:
        """Keep which token it is."""
        self.save_config(output_path)


def joint(
    path: str, layers: int | None = None, *, device: str | None, trust_remote_code: bool
) -> CrossEncoder:
    """A model that compares a query and a text after it has read both.

    Args:
        path: Folder of a transformer, or of what this made.
        layers: Its first layers, which are kept; all by default.
        device: As in `SentenceEncoder`.
        trust_remote_code: Let the model run its own code.
    """
    options = {"num_labels": 1} | ({} if layers is None else {"num_hidden_layers": layers})
    code = {"trust_remote_code": trust_remote_code}
    words = Transformer(path, config_kwargs={**options, **code}, model_kwargs={**code})
    head = JointCosine(words.tokenizer.sep_token_id)
    cross: CrossEncoder = CrossEncoder(modules=[words, head], device=device)
    return cross
