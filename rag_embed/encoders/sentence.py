"""Any sentence-transformers model as an encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import Encoding

from rag_embed.encoders.batching import Seen, batches, encoded_once
from rag_embed.encoders.loading import budget, loaded
from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.models import prompt_of, recipe, resolve
from rag_embed.encoders.positions.applied import extended, restored
from rag_embed.encoders.prompted import Prompted
from rag_embed.encoders.recipe import Recipe
from rag_embed.encoders.remade import Remade
from rag_embed.encoders.token_outputs import with_tokens
from rag_embed.encoders.tokens import Tokens
from rag_embed.errors import ModelUnavailable
from rag_embed.maths.vectors import unit
from rag_embed.processes import PerProcess
from rag_embed.types import Signature, TokenRows, Vectors

T = TypeVar("T")

_MEANS = ("mean", "cls", "max", "lasttoken")
"""Poolings after which no module changes directions: a vector cut short is pooled of tokens cut short."""


class SentenceEncoder(Prompted, Remade):
    """A sentence-transformers model, its prompts respected.

    Texts are sorted by length and padded to lengths that depend on each text alone, so a vector
    does not depend on the batch it was computed in. Safe to use from several threads.

    Args:
        model: Name or path; see `models.resolve`.
        device: ``"cuda"``, ``"mps"``, ``"cpu"``; the best there is by default.
        query_prompt: Put before queries; the model's own ``query`` prompt by default.
        document_prompt: Put before documents; the model's own ``document`` prompt by default.
        token_budget: Padded tokens per batch; by default 4,096 on a CPU, 65,536 on a GPU.
        revision: Branch, tag or commit on the model hub.
        trust_remote_code: Let the model run its own code.

    Raises:
        ModelUnavailable: The model cannot be loaded.
    """

    _recipe: Callable[[], Recipe | None] = staticmethod(lambda: None)

    def __init__(
        self,
        model: str = DEFAULT,
        *,
        device: str | None = None,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        token_budget: int | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        files = resolve(model, revision)
        plain = loaded(SentenceTransformer, files, device, trust_remote_code)
        own = restored(plain, files.path)
        prompts = {"query_prompt": query_prompt, "document_prompt": document_prompt}
        if not trust_remote_code:  # nobody's code runs because an index says so
            self._recipe = partial(recipe, files, revision=revision, **prompts)
        self._set(own, files.name, files.weights, query_prompt, document_prompt, token_budget)

    @classmethod
    def wrap(
        cls,
        model: SentenceTransformer,
        *,
        name: str = "wrapped",
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        token_budget: int | None = None,
    ) -> SentenceEncoder:
        """Use a model that is loaded already; its weights are hashed for the signature."""
        encoder = cls.__new__(cls)
        prompts = {"query_prompt": query_prompt, "document_prompt": document_prompt}
        encoder._make = partial(cls.wrap, model, name=name, token_budget=token_budget, **prompts)
        encoder._recipe = partial(_wrapped, model, name=name, **prompts)
        weights = _state_hash(model)
        encoder._set(model, name, weights, query_prompt, document_prompt, token_budget)
        return encoder

    @property
    def recipe(self) -> Recipe | None:
        """How it is made again; None for a model that has no name, or that runs its own code."""
        return self._recipe()

    def _set(
        self,
        model: SentenceTransformer,
        name: str,
        weights: str,
        query_prompt: str | None,
        document_prompt: str | None,
        token_budget: int | None,
    ) -> None:
        self.model = model.eval()
        self.token_budget = budget(token_budget, model.device.type)
        tokenizer = getattr(model.tokenizer, "backend_tokenizer", None)
        if tokenizer is None:
            raise ModelUnavailable(
                f"{name!r} has no fast tokenizer, so tokens cannot be traced to characters. "
                "Save it with a tokenizer.json."
            )
        max_tokens = model.max_seq_length or int(model.tokenizer.model_max_length)
        self.tokens = Tokens(tokenizer.to_str(), max_tokens)
        signature = Signature(
            model=name,
            weights=weights,
            dim=int(model.get_embedding_dimension() or 0),
            max_tokens=max_tokens,
            pooling=_pooling(model),
            query_prompt=prompt_of(model.prompts, "query", query_prompt),
            document_prompt=prompt_of(model.prompts, "document", document_prompt),
        )
        self.signature = replace(signature, alike=_alike(model, signature))
        self._kept = signature.dim if signature.pooling in _MEANS else None
        self._turn = PerProcess(Lock)

    def _encode_tokens(
        self, texts: Sequence[str], prompt: str, keep: Callable[[TokenRows], T]
    ) -> tuple[Vectors, list[T]]:
        def forward(distinct: list[str], encodings: list[Encoding], seen: Seen) -> Vectors:
            clipped = [self.tokens.read(text) for text in distinct]
            return self._rows(clipped, [len(one.ids) for one in encodings], prompt, seen)

        return with_tokens(texts, prompt, self.tokens, forward, keep)

    def _encode(self, texts: Sequence[str], prompt: str) -> Vectors:
        def encode(distinct: list[str]) -> Vectors:
            clipped = [self.tokens.read(text) for text in distinct]
            lengths = [len(ids) for ids in self.tokens.ids([prompt + text for text in clipped])]
            return self._rows(clipped, lengths, prompt, None)

        return encoded_once(texts, self.signature.dim, encode)

    def _rows(
        self, texts: list[str], lengths: list[int], prompt: str, seen: Seen | None
    ) -> Vectors:
        rows = np.empty((len(texts), self.signature.dim), dtype=np.float32)
        for padded, members in batches(lengths, self.token_budget):
            outputs = self._forward([texts[i] for i in members], prompt, padded, seen is not None)
            if seen is None:
                rows[members] = outputs
                continue
            for i, output in zip(members, outputs, strict=True):
                rows[i] = _array(output["sentence_embedding"])
                tokens = output["token_embeddings"][output["attention_mask"].bool()]
                seen(i, _array(tokens[:, : self._kept]))
        return unit(rows)

    def _forward(self, texts: list[str], prompt: str, padded: int, tokens: bool) -> Any:  # noqa: ANN401
        """``(n, dim)`` rows; with ``tokens`` each text's outputs of all modules, by name."""
        options: dict[str, Any] = {"output_value": None} if tokens else {"convert_to_numpy": True}
        if isinstance(self.model[0], Transformer):
            length = min(padded, self.signature.max_tokens)
            padding = {"padding": "max_length", "truncation": True, "max_length": length}
            options["processing_kwargs"] = {"text": padding}
        with self._turn.get(), torch.inference_mode():
            return self.model.encode(
                texts,
                prompt=prompt or "",
                batch_size=len(texts),
                show_progress_bar=False,
                **options,
            )


def _array(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


def _pooling(model: SentenceTransformer) -> str:
    """How token vectors become one: the mode, and any module after it that changes directions."""
    modes = [module.pooling_mode for module in model if isinstance(module, Pooling)]
    plain = ("Transformer", "Pooling", "Normalize")
    others = [type(module).__name__ for module in model if type(module).__name__ not in plain]
    return "+".join([*map(str, modes), *others])


def _wrapped(model: SentenceTransformer, **options: str | None) -> Recipe | None:
    """How a model that was loaded already is made again, where it was extended by its name."""
    found = extended(model)
    if found is None or not found.name:
        return None
    settings = {"model": found.name, "extension": asdict(found.extension), **options}
    return Recipe("extended", settings)


def _alike(model: SentenceTransformer, own: Signature) -> str:
    """Fingerprint of the model that was extended, where it reads short texts as it ever did."""
    found = extended(model)
    if found is None or found.original is None or not found.extension.keeps_short_texts:
        return ""
    if found.extension.trained_tokens < int(found.original.max_seq_length or 0):
        return ""
    return replace(own, weights=_state_hash(found.original)).fingerprint


def _state_hash(model: SentenceTransformer) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    if (found := extended(model)) is not None:
        digest.update(found.extension.digest.encode())
    return digest.hexdigest()


def sentence_transformer(model: SentenceTransformer | str) -> SentenceTransformer:
    """A model, from its name or path if need be.

    Raises:
        ModelUnavailable: It cannot be loaded.
    """
    if not isinstance(model, str):
        return model
    return SentenceEncoder(model).model
