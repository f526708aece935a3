"""A cross-encoder through OpenVINO on a CPU: several times faster, and started without torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from rag_embed.encoders.batching import batches
from rag_embed.encoders.conversion import Conversion, faithful, kept_graph, traced
from rag_embed.encoders.cross_layout import CrossLayout, PairTokens, refuse_others
from rag_embed.encoders.models import ModelFiles, resolve
from rag_embed.encoders.ov import openvino as ov
from rag_embed.encoders.ov import ran
from rag_embed.encoders.precision import Precision, check_precision
from rag_embed.encoders.probes import PROBES
from rag_embed.encoders.remade import Remade
from rag_embed.encoders.runner import Graph
from rag_embed.texts import Read, read_titled
from rag_embed.types import Hit, Query, Scores, Vectors

_FORMAT = 1
_BUDGET = 2048
_ASKED = PROBES[2:6]
"""Probes that are asked; each of all is a text for each of them."""


class OpenVINOReranker(Remade):
    """A cross-encoder of BERT's kind on the CPU as a `protocols.Reranker`, its scores those of torch.

    The model is converted once and compared with torch on pairs of texts of many kinds: the correlation of its
    scores with those of torch is at least .999 (.99 in ``"int8"``). It is kept in the cache folder under the
    hash of its weights; from then on torch is not imported. Safe to use from several threads.

    Args:
        model: Name or path; see `models.resolve`.
        read: What the model reads of a hit; title, headings and text by default. Where query and
            text are too long together, the longer of the two is cut at its end.
        token_budget: Padded tokens per batch.
        precision: As of an `OpenVINOEncoder`.

    Raises:
        ModelUnavailable: The model cannot be found, or is no cross-encoder.
        UnsupportedModel: It is more than a BERT with a head of one score.
        UnfaithfulEncoder: Its scores are not those of torch.
    """

    def __init__(
        self,
        model: str,
        *,
        read: Read = read_titled,
        token_budget: int = _BUDGET,
        precision: Precision = "auto",
    ) -> None:
        check_precision(precision)
        files = resolve(model)
        refuse_others(model, files.path)
        layout = CrossLayout.of(files)
        self.name = model
        self.read = read
        self._tokens = PairTokens(layout.tokenizer.read_text(encoding="utf-8"), layout.max_tokens)
        self._runner, self.precision = _faithful(
            files, layout, self._tokens, precision, token_budget
        )

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores:
        """See `protocols.Reranker`."""
        clipped = self._tokens.clipped
        text = clipped(query.text)
        pairs = [(text, clipped(self.read(hit))) for hit in hits]
        position = {pair: i for i, pair in enumerate(dict.fromkeys(pairs))}
        return self._runner.scores(list(position))[[position[pair] for pair in pairs]]


class _Runner:
    """Pairs in, scores out; every core computes batches of its own."""

    def __init__(self, graph: Graph, layout: CrossLayout, tokens: PairTokens, budget: int) -> None:
        self.graph = graph
        self._layout = layout
        self._tokens = tokens
        self._budget = budget
        self.scores([("", "")])  # all that is set up at first use is, before there are threads

    def scores(self, pairs: list[tuple[str, str]]) -> Scores:
        scores = np.empty(len(pairs), dtype=np.float32)
        encodings = self._tokens.encoded(pairs)

        def one(batch: tuple[int, list[int]]) -> None:
            padded, members = batch
            ids = np.full((len(members), padded), self._layout.pad, dtype=np.int64)
            mask, types = np.zeros_like(ids), np.zeros_like(ids)
            for row, i in enumerate(members):
                length = len(encodings[i].ids)
                ids[row, :length] = encodings[i].ids
                types[row, :length] = encodings[i].type_ids
                mask[row, :length] = 1
            scores[members] = ran(own.request(), ids, mask, types)[:, 0]

        parts = list(batches([len(one.ids) for one in encodings], self._budget))
        own = self.graph.own
        if len(parts) == 1:
            one(parts[0])
        else:
            list(own.workers.map(one, parts))
        return scores


def _faithful(
    files: ModelFiles, layout: CrossLayout, tokens: PairTokens, precision: str, budget: int
) -> tuple[_Runner, str]:
    """A runner whose scores are those of torch, and the precision it computes in."""

    def worst(runner: _Runner, reference: Vectors) -> float:
        return float(np.corrcoef(runner.scores(_probes(tokens)), reference)[0, 1])

    return faithful(
        Conversion(files, f"{files.weights[:32]}-cross-{_FORMAT}", "CrossEncoderReranker"),
        precision,
        partial(_converted, files, layout, tokens),
        lambda graph: _Runner(graph, layout, tokens, budget),
        worst,
    )


def _probes(tokens: PairTokens) -> list[tuple[str, str]]:
    return [(tokens.clipped(a), tokens.clipped(b)) for a in _ASKED for b in PROBES]


def _converted(
    files: ModelFiles, layout: CrossLayout, tokens: PairTokens, folder: Path
) -> tuple[ov.Model, Vectors]:
    """Convert with torch, and keep the result where the cache can be written."""
    import torch

    from rag_embed.encoders.cross import CrossEncoderReranker

    reranker = CrossEncoderReranker(str(files.path), device="cpu")
    reference = reranker.scores(_probes(tokens))
    typed = "token_type_ids" in reranker.model.preprocess([("a", "b")])

    class Logits(torch.nn.Module):
        def __init__(self, model: torch.nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(
            self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor
        ) -> torch.Tensor:
            types = types if typed else types * 0  # as the model's own tokenizer leaves them out
            features = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
            logits: torch.Tensor = self.model(features)["scores"]
            return logits

    module = Logits(reranker.model).eval()
    ids = torch.full((2, 16), layout.pad + 1, dtype=torch.long)
    mask, types = torch.ones_like(ids), torch.zeros_like(ids)
    mask[1, 8:] = 0
    types[:, 4:] = 1
    free = [ov.PartialShape([-1, -1])] * 3
    model = traced(module, (ids, mask, types), free, files, "CrossEncoderReranker")
    kept_graph(model, reference, folder)
    return model, reference
