"""SPLADE through OpenVINO on a CPU: the model, its head and the pooling over tokens in one graph.

The logits of a text, a number for every token and every word of the vocabulary, never leave the graph:
what comes out is one number a word. Texts run one by one and unpadded, each core its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from rag_embed.encoders.conversion import (
    Conversion,
    faithful,
    kept_graph,
    traced,
)
from rag_embed.encoders.models import ModelFiles, prompt_of, resolve
from rag_embed.encoders.ov import openvino as ov
from rag_embed.encoders.ov import ran
from rag_embed.encoders.precision import Precision, check_precision
from rag_embed.encoders.probes import PROBES
from rag_embed.encoders.recipe import Recipe
from rag_embed.encoders.remade import Remade
from rag_embed.encoders.runner import Graph
from rag_embed.encoders.splade import Splade, check_sparse, sparse_recipe
from rag_embed.encoders.tokens import Tokens
from rag_embed.types import Signature, SparseVector, Vectors

_FORMAT = 1


class OpenVINOSparseEncoder(Remade):
    """A SPLADE model on the CPU, its weights those of torch; a `protocols.SparseEncoder`.

    The model is converted once, compared with torch on texts of many kinds, and kept in the cache
    folder under the hash of its weights; from then on torch is not imported. Vectors live in the space
    of a `SparseEncoder` of the same model. Safe to use from several threads.

    Args:
        model: Name or path; see `models.resolve`.
        query_prompt: Put before queries; the model's own ``query`` prompt by default.
        document_prompt: Put before documents; the model's own ``document`` prompt by default.
        precision: As of an `OpenVINOEncoder`.

    Raises:
        ModelUnavailable: The model cannot be found, or was not trained to weigh terms.
        UnsupportedModel: It is more than a transformer with a head and SPLADE pooling.
        UnfaithfulEncoder: Its weights are not those of torch.
    """

    def __init__(
        self,
        model: str,
        *,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        precision: Precision = "auto",
    ) -> None:
        check_precision(precision)
        files = resolve(model)
        check_sparse(files)
        layout = Splade.of(files)
        self._tokens = Tokens(layout.tokenizer.read_text(encoding="utf-8"), layout.max_tokens)
        prompts = {"query_prompt": query_prompt, "document_prompt": document_prompt}
        asked = None if precision == "auto" else precision
        self._recipe = sparse_recipe(files.name, **prompts, precision=asked)
        self._runner, self.precision = _faithful(files, layout, self._tokens, precision)
        self.signature = Signature(
            model=files.name,
            weights=files.weights,
            dim=layout.vocabulary,
            max_tokens=layout.max_tokens,
            pooling=layout.way,
            query_prompt=prompt_of(layout.prompts, "query", query_prompt),
            document_prompt=prompt_of(layout.prompts, "document", document_prompt),
        )

    @property
    def recipe(self) -> Recipe:
        """How it is made again; see `encoders.recipe`."""
        return self._recipe

    def encode_query(self, texts: Sequence[str], /) -> list[SparseVector]:
        """See `protocols.SparseEncoder`."""
        return self._encode(texts, self.signature.query_prompt)

    def encode_document(self, texts: Sequence[str], /) -> list[SparseVector]:
        """See `protocols.SparseEncoder`."""
        return self._encode(texts, self.signature.document_prompt)

    def terms(self, ids: Sequence[int], /) -> list[str]:
        """See `protocols.SparseEncoder`."""
        return self._tokens.written(ids)

    def _encode(self, texts: Sequence[str], prompt: str) -> list[SparseVector]:
        distinct = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        rows = self._runner.rows(self._tokens.ids([prompt + text for text in distinct]))
        return [rows[distinct[text]] for text in texts]


class _Runner:
    """Token ids in, weights of terms out: one text after the other on every core."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.rows([[0]])  # all that is set up at first use is, before there are threads

    def rows(self, ids: Sequence[Sequence[int]]) -> list[SparseVector]:
        own = self.graph.own

        def one(i: int) -> SparseVector:
            return SparseVector.of(ran(own.request(), np.array([ids[i]], dtype=np.int64))[0])

        if len(ids) == 1:
            return [one(0)]
        longest_first = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
        found = dict(zip(longest_first, own.workers.map(one, longest_first), strict=True))
        return [found[i] for i in range(len(ids))]


def _faithful(
    files: ModelFiles, layout: Splade, tokens: Tokens, precision: str
) -> tuple[_Runner, str]:
    """A runner whose weights are those of torch, and the precision it computes in."""
    folder = f"{files.weights[:32]}-{layout.pooling}-{layout.activation}-{_FORMAT}"

    def worst(runner: _Runner, reference: Vectors) -> float:
        rows = runner.rows(tokens.ids(PROBES))
        return min(_cosine(own, row) for own, row in zip(rows, reference, strict=True))

    return faithful(
        Conversion(files, folder, "SparseEncoder"),
        precision,
        partial(_converted, files, layout),
        _Runner,
        worst,
    )


def _cosine(own: SparseVector, row: Vectors) -> float:
    """Cosine of a sparse vector to the same in full; 1 where both are empty, 0 where one is."""
    lengths = float(np.linalg.norm(own.weights) * np.linalg.norm(row))
    same = not len(own.ids) and not row.any()
    return float(own.weights @ row[own.ids]) / lengths if lengths else float(same)


def _converted(files: ModelFiles, layout: Splade, folder: Path) -> tuple[ov.Model, Vectors]:
    """Convert with torch, and keep the result where the cache can be written."""
    import torch

    from rag_embed.encoders.sparse import SparseEncoder

    encoder = SparseEncoder(str(files.path), device="cpu", query_prompt="", document_prompt="")
    reference = np.zeros((len(PROBES), layout.vocabulary), dtype=np.float32)
    for row, one in zip(reference, encoder.encode_document(PROBES), strict=True):
        row[one.ids] = one.weights

    class Weights(torch.nn.Module):
        def __init__(self, model: torch.nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            logits: Any = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            if layout.pooling == "max":  # the largest first, since logarithms keep the order
                return self._active(logits.amax(dim=1))
            return self._active(logits).sum(dim=1)

        def _active(self, logits: torch.Tensor) -> torch.Tensor:
            weights = torch.log1p(torch.relu(logits))
            return torch.log1p(weights) if layout.activation == "log1p_relu" else weights

    module = Weights(cast(torch.nn.Module, encoder.model.transformers_model)).eval()
    ids = torch.ones((1, 16), dtype=torch.long)
    model = traced(module, (ids,), [ov.PartialShape([1, -1])], files, "SparseEncoder")
    kept_graph(model, reference, folder)
    return model, reference
