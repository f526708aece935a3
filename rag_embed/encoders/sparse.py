"""Models that weigh the terms of a vocabulary (SPLADE and its kin), with torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Literal, TypeAlias

import torch
from sentence_transformers import SparseEncoder as Model
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder, SpladePooling

from rag_embed.encoders.batching import batches
from rag_embed.encoders.loading import loaded
from rag_embed.encoders.models import prompt_of, resolve
from rag_embed.encoders.recipe import Recipe
from rag_embed.encoders.remade import Remade
from rag_embed.encoders.splade import Splade, check_sparse, sparse_recipe
from rag_embed.encoders.tokens import Tokens
from rag_embed.errors import ModelUnavailable, UnsupportedModel
from rag_embed.processes import PerProcess
from rag_embed.types import Signature, SparseVector

Task: TypeAlias = Literal["query", "document"]

_ALONE, _GPU_BUDGET = 1, 16_384
"""Padded tokens per batch. On a CPU a text is a batch of its own: the head over the vocabulary is all of
the cost, and is no faster for several texts; on a GPU the logits of a batch take 2 GiB."""


class SparseEncoder(Remade):
    """A sentence-transformers sparse model as a `protocols.SparseEncoder`, its prompts respected.

    SPLADE, models whose queries need no inference (weights of their tokens, looked up), and sparse
    autoencoders, as the checkpoint says. A text's vector does not depend on its batch; on a GPU its
    last bits may. Safe to use from several threads.

    Args:
        model: Name or path; see `models.resolve`. A masked language model is pooled as SPLADE does.
        device: ``"cuda"``, ``"mps"``, ``"cpu"``; the best there is by default.
        query_prompt: Put before queries; the model's own ``query`` prompt by default.
        document_prompt: Put before documents; the model's own ``document`` prompt by default.
        token_budget: Padded tokens per batch; by default a text alone on a CPU, 16,384 on a GPU.
        revision: Branch, tag or commit on the model hub.
        trust_remote_code: Let the model run its own code.

    Raises:
        ModelUnavailable: The model cannot be loaded, or was not trained to weigh terms.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str | None = None,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        token_budget: int | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        files = resolve(model, revision)
        check_sparse(files)
        own = loaded(Model, files, device, trust_remote_code)
        tokenizer = getattr(own.tokenizer, "backend_tokenizer", None)
        if tokenizer is None:
            raise ModelUnavailable(
                f"{model!r} has no fast tokenizer, so any text cannot be read. Save it with a "
                "tokenizer.json."
            )
        self.model = own.eval()
        on_cpu = own.device.type == "cpu"
        self.token_budget = token_budget or (_ALONE if on_cpu else _GPU_BUDGET)
        most = int(own.max_seq_length or own.tokenizer.model_max_length)
        self._tokens = Tokens(tokenizer.to_str(), most)
        self._padded = isinstance(own[0], Transformer)
        self._turn = PerProcess(Lock)
        whole = self._forward([""], "document", "", self._tokens.max_tokens)
        self.signature = Signature(
            model=files.name,
            weights=files.weights,
            dim=int(whole.shape[1]),
            max_tokens=most,
            pooling=_pooling(own, lambda: Splade.of(files)),
            query_prompt=prompt_of(own.prompts, "query", query_prompt),
            document_prompt=prompt_of(own.prompts, "document", document_prompt),
        )
        self._named = not any(isinstance(one, SparseAutoEncoder) for one in own.modules())
        prompts = {"query_prompt": query_prompt, "document_prompt": document_prompt}
        made = sparse_recipe(files.name, revision=revision, **prompts)
        self._recipe = (
            None if trust_remote_code else made
        )  # nobody's code runs because an index says so

    @property
    def recipe(self) -> Recipe | None:
        """How it is made again; see `encoders.recipe`."""
        return self._recipe

    def encode_query(self, texts: Sequence[str], /) -> list[SparseVector]:
        """See `protocols.SparseEncoder`."""
        return self._encode(texts, "query", self.signature.query_prompt)

    def encode_document(self, texts: Sequence[str], /) -> list[SparseVector]:
        """See `protocols.SparseEncoder`."""
        return self._encode(texts, "document", self.signature.document_prompt)

    def terms(self, ids: Sequence[int], /) -> list[str]:
        """See `protocols.SparseEncoder`."""
        return self._tokens.written(ids) if self._named else [str(id) for id in ids]

    def _encode(self, texts: Sequence[str], task: Task, prompt: str) -> list[SparseVector]:
        distinct = [self._tokens.read(text) for text in dict.fromkeys(texts)]
        lengths = [len(ids) for ids in self._tokens.ids([prompt + text for text in distinct])]
        rows: dict[int, SparseVector] = {}
        for padded, members in batches(lengths, self.token_budget):
            found = self._forward([distinct[i] for i in members], task, prompt, padded)
            rows |= {i: SparseVector.of(row) for i, row in zip(members, found, strict=True)}
        position = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        return [rows[position[text]] for text in texts]

    def _forward(self, texts: list[str], task: Task, prompt: str, padded: int) -> Any:  # noqa: ANN401
        options: dict[str, Any] = {}
        if self._padded:
            length = min(padded, self._tokens.max_tokens)
            padding = {"padding": "max_length", "truncation": True, "max_length": length}
            options["processing_kwargs"] = {"text": padding}
        with self._turn.get(), torch.inference_mode():
            return self.model.encode(
                texts,
                task=task,
                prompt=prompt,
                batch_size=len(texts),
                show_progress_bar=False,
                convert_to_sparse_tensor=False,
                save_to_cpu=True,
                **options,
            ).numpy()


def _pooling(model: Model, layout: Callable[[], Splade]) -> str:
    """What makes a vector of tokens: as `Splade.way` says, or the names of the modules."""
    modules = list(model)
    if len(modules) == 2 and isinstance(modules[1], SpladePooling):
        try:
            return layout().way
        except UnsupportedModel:
            pass  # a limit of terms, which is another space
    limit = [f"{model.max_active_dims} terms"] if model.max_active_dims else []
    return " ".join([*(type(one).__name__ for one in modules), *limit])
