"""What kind of positions a model has, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer

from rag_embed.errors import UnsupportedModel

ABSOLUTE = (
    "bert",
    "camembert",
    "distilbert",
    "electra",
    "mpnet",
    "roberta",
    "xlm-roberta",
)
"""Model types with a table of positions."""

ROTARY = (
    "eurobert",
    "gemma3_text",
    "gte",
    "jina_embeddings_v3",
    "llama",
    "mistral",
    "modernbert",
    "nomic_bert",
    "qwen2",
    "qwen3",
    "ultrabert",
)
"""Model types with rotary positions, rotated by halves."""


@dataclass(frozen=True, slots=True, eq=False)
class Architecture:
    """Where a model keeps its positions.

    Attributes:
        kind: ``"absolute"`` (a table) or ``"rotary"``.
        transformer: The first module of the SentenceTransformer.
        backbone: The transformers model inside.
        trained: Positions the model has.
        offset: Rows of the table before the first position; RoBERTa and MPNet keep two.
    """

    kind: Literal["absolute", "rotary"]
    transformer: Transformer
    backbone: Any
    trained: int
    offset: int = 0

    @classmethod
    def of(cls, model: SentenceTransformer) -> Architecture:
        """Look into a model.

        Raises:
            UnsupportedModel: Its positions cannot be changed; `windows` reads long texts with it.
        """
        first = model[0]
        backbone = getattr(first, "model", None)
        kind = getattr(getattr(backbone, "config", None), "model_type", None)
        if isinstance(first, Transformer) and backbone is not None:
            trained = int(getattr(backbone.config, "max_position_embeddings", 0) or 0)
            if kind in ABSOLUTE:
                rows = cast(torch.nn.Embedding, backbone.embeddings.position_embeddings)
                offset = 0 if rows.padding_idx is None else rows.padding_idx + 1
                return cls("absolute", first, backbone, trained - offset, offset)
            if kind in ROTARY and hasattr(backbone, "rotary_emb"):
                return cls("rotary", first, backbone, trained)
        raise UnsupportedModel(
            f"Models of type {kind or type(first).__name__!r} cannot be extended; those that can "
            f"are {', '.join(sorted((*ABSOLUTE, *ROTARY)))}. windows() reads long texts with any "
            "model."
        )

    def lengthen_buffers(self, tokens: int) -> None:
        """Counters that a model makes for its longest text, made for ``tokens`` more than that."""
        for module in self.backbone.modules():
            for name, buffer in list(module.named_buffers(recurse=False)):
                if name in ("position_ids", "token_type_ids") and buffer.shape[-1] < tokens:
                    long = torch.zeros((1, tokens), dtype=buffer.dtype, device=buffer.device)
                    if name == "position_ids":
                        long[0] = torch.arange(tokens)
                    module.register_buffer(name, long, persistent=False)
