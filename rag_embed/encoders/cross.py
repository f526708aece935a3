"""A cross-encoder as a re-ranker: query and text go through the model together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.base.modules import Transformer

from rag_embed.encoders.batching import batches
from rag_embed.encoders.cross_layout import PairTokens, is_joint, refuse_others
from rag_embed.encoders.joint import joint
from rag_embed.encoders.loading import budget, loaded
from rag_embed.encoders.models import resolve
from rag_embed.encoders.remade import Remade
from rag_embed.errors import ModelUnavailable
from rag_embed.processes import PerProcess
from rag_embed.texts import Read, read_titled
from rag_embed.types import Hit, Query, Scores


class CrossEncoderReranker(Remade):
    """A sentence-transformers cross-encoder as a `protocols.Reranker`.

    Scores are the model's logits: a sigmoid would round what it is sure of to the same 1.0. Pairs are
    padded to lengths that depend on each pair alone, so that a score depends on the other hits in its
    last bits at most. Models that put pairs into a chat template (such as those built on a decoder)
    run pair by pair for the same reason. Safe to use from several threads.

    Args:
        model: Name or path; see `models.resolve`.
        device: ``"cuda"``, ``"mps"``, ``"cpu"``; the best there is by default.
        read: What the model reads of a hit; title, headings and text by default. Where query and
            text are too long together, the longer of the two is cut at its end.
        token_budget: Padded tokens per batch; by default 4,096 on a CPU, 65,536 on a GPU.
        revision: Branch, tag or commit on the model hub.
        trust_remote_code: Let the model run its own code.

    Raises:
        ModelUnavailable: The model cannot be loaded, or is no cross-encoder with one score.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str | None = None,
        read: Read = read_titled,
        token_budget: int | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        files = resolve(model, revision)
        refuse_others(model, files.path)
        kind = joint if is_joint(files.path) else CrossEncoder
        own: CrossEncoder = loaded(kind, files, device, trust_remote_code)
        self._set(own, model, read, token_budget)

    @classmethod
    def wrap(
        cls,
        model: CrossEncoder,
        *,
        name: str = "wrapped",
        read: Read = read_titled,
        token_budget: int | None = None,
    ) -> CrossEncoderReranker:
        """Use a model that is loaded already."""
        reranker = cls.__new__(cls)
        reranker._make = partial(cls.wrap, model, name=name, read=read, token_budget=token_budget)
        reranker._set(model, name, read, token_budget)
        return reranker

    def _set(self, model: CrossEncoder, name: str, read: Read, token_budget: int | None) -> None:
        if model.num_labels != 1:
            raise ModelUnavailable(
                f"{name!r} gives {model.num_labels} scores a pair; a re-ranker needs a model with one."
            )
        tokenizer = getattr(model.tokenizer, "backend_tokenizer", None)
        if tokenizer is None:
            raise ModelUnavailable(
                f"{name!r} has no fast tokenizer. Save it with a tokenizer.json."
            )
        self.name = name
        self.model = model.eval()
        self.read = read
        self.max_tokens = int(model.max_seq_length or model.tokenizer.model_max_length)
        self.token_budget = budget(token_budget, model.device.type)
        self._tokens = PairTokens(tokenizer.to_str(), self.max_tokens)
        self._turn = PerProcess(Lock)

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores:
        """See `protocols.Reranker`."""
        pairs = self.pairs(query, hits)
        position = {pair: i for i, pair in enumerate(dict.fromkeys(pairs))}
        return self.scores(list(position))[[position[pair] for pair in pairs]]

    def pairs(self, query: Query, hits: Sequence[Hit]) -> list[tuple[str, str]]:
        """The query with what is read of each hit."""
        clipped = self._tokens.clipped
        text = clipped(query.text)
        return [(text, clipped(self.read(hit))) for hit in hits]

    def scores(self, pairs: list[tuple[str, str]]) -> Scores:
        """``(len(pairs),)`` logits of queries with texts that are no longer than `PairTokens.clipped`."""
        scores = np.empty(len(pairs), dtype=np.float32)
        if not self._plain:
            for i, pair in enumerate(pairs):
                scores[i] = self._predicted([pair])[0]
            return scores
        prompt = (self.model.prompts or {}).get(self.model.default_prompt_name or "") or ""
        prompted = [(prompt + query, text) for query, text in pairs]
        lengths = [len(one.ids) for one in self._tokens.encoded(prompted)]
        for padded, members in batches(lengths, self.token_budget):
            length = min(padded, self.max_tokens)
            padding = {"padding": "max_length", "truncation": "longest_first", "max_length": length}
            found = self._predicted(
                [pairs[i] for i in members], processing_kwargs={"text": padding}
            )
            scores[members] = found
        return scores

    @property
    def _plain(self) -> bool:
        """Whether pairs go into the tokenizer as they are."""
        first = self.model[0]
        return isinstance(first, Transformer) and "message" not in first.modality_config

    def _predicted(self, pairs: list[tuple[str, str]], **options: Any) -> Scores:  # noqa: ANN401
        with self._turn.get(), torch.inference_mode():
            found: Scores = self.model.predict(
                pairs,
                batch_size=len(pairs),
                show_progress_bar=False,
                activation_fn=torch.nn.Identity(),
                **options,
            )
        return found
