"""Models trained to give one vector a token (ColBERT and its kin) as encoders of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from threading import Lock
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import MultiVectorEncoder as Model
from sentence_transformers.base.modules import Transformer
from sentence_transformers.multi_vector_encoder.modules.token_pooling import BaseTokenPooling
from tokenizers import Encoding

from rag_embed.encoders.batching import batches
from rag_embed.encoders.loading import budget, loaded
from rag_embed.encoders.model_kind import Kind
from rag_embed.encoders.models import prompt_of, resolve
from rag_embed.encoders.muvera import Muvera
from rag_embed.encoders.recipe import Recipe
from rag_embed.encoders.remade import Remade
from rag_embed.encoders.tokens import Tokens, content
from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.maths.vectors import unit
from rag_embed.processes import PerProcess
from rag_embed.types import Signature, Spans, TokenRows, Vectors

T = TypeVar("T")

Task: TypeAlias = Literal["query", "document"]

_SAVED_AS = ("MultiVectorEncoder", "ColBERT")


class MultiVectorEncoder(Remade):
    """A sentence-transformers, PyLate or Stanford ColBERT checkpoint as a `protocols.TokenEncoder`.

    Its tokens are those that the model itself scores: markers such as ``[Q]`` and ``[D]``, masks that
    fill a query up, no skipped punctuation, all as the checkpoint says. A token that stands for no
    characters of the text has an empty span. ``Index.create(encoder=..., tokens=True)`` keeps them;
    `ranking.multivector` scores with them the way the model was trained.

    The one vector of a text, for the first stage, is the mean of its tokens, or a `Muvera` encoding
    of them. An index of the latter keeps no tokens (a store expects them as long as its vectors):
    score again with `ranking.multivector.MaxSimReranker`. Safe to use from several threads; a
    text's vectors do not depend on its batch.

    Args:
        model: Name or path; see `models.resolve`.
        device: ``"cuda"``, ``"mps"``, ``"cpu"``; the best there is by default.
        muvera: How a text's tokens become one vector, instead of by their mean.
        query_prompt: Put before queries; the model's own by default.
        document_prompt: Put before documents; the model's own by default.
        token_budget: Padded tokens per batch; by default 4,096 on a CPU, 65,536 on a GPU.
        revision: Branch, tag or commit on the model hub.
        trust_remote_code: Let the model run its own code.

    Raises:
        ModelUnavailable: The model cannot be loaded, or was not trained to give one vector a token.
        BadInput: ``muvera`` is for vectors of another length.
    """

    def __init__(
        self,
        model: str,
        *,
        device: str | None = None,
        muvera: Muvera | None = None,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        token_budget: int | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        files = resolve(model, revision)
        kind = Kind.of(files.path)
        if kind.library not in _SAVED_AS and "HF_ColBERT" not in kind.architectures:
            raise ModelUnavailable(
                f"{model!r} was not trained to give one vector a token, it is {kind}. Use "
                "SentenceEncoder: Index.create(tokens=True) keeps the tokens of any model."
            )
        own = loaded(Model, files, device, trust_remote_code)
        first = own[0]
        tokenizer = getattr(own.tokenizer, "backend_tokenizer", None)
        pooled = any(isinstance(module, BaseTokenPooling) for module in own)
        if tokenizer is None or not isinstance(first, Transformer) or pooled:
            raise ModelUnavailable(
                f"The vectors of {model!r} cannot be traced to tokens: it needs a fast tokenizer "
                "(tokenizer.json), a transformer as its first module, and no module that merges "
                "tokens."
            )
        self.model = own.eval()
        self.token_budget = budget(token_budget, own.device.type)
        self.token_dim = int(own.get_embedding_dimension() or 0)
        if muvera and muvera.dim != self.token_dim:
            raise BadInput(
                f"The token vectors of {model!r} have {self.token_dim} numbers, the Muvera given is "
                f"for {muvera.dim}: pass Muvera(dim={self.token_dim})."
            )
        self.muvera = muvera
        self._filled_up = _fixed(first)
        self._left = own.tokenizer.padding_side == "left"
        definition, limits = tokenizer.to_str(), _limits(first)
        self._tokens = {task: Tokens(definition, limit) for task, limit in limits.items()}
        self.signature = Signature(
            model=files.name,
            weights=files.weights,
            dim=muvera.size if muvera else self.token_dim,
            max_tokens=limits["document"],
            pooling=muvera.name if muvera else "mean of scored tokens",
            query_prompt=prompt_of(own.prompts, "query", query_prompt),
            document_prompt=prompt_of(own.prompts, "document", document_prompt),
        )
        self._turn = PerProcess(Lock)
        options = {
            "revision": revision,
            "muvera": muvera and asdict(muvera),
            "query_prompt": query_prompt,
            "document_prompt": document_prompt,
        }
        given = {name: value for name, value in options.items() if value is not None}
        self._recipe = (  # nobody's code runs because an index says so
            None if trust_remote_code else Recipe("multivector", {"model": files.name, **given})
        )

    @property
    def recipe(self) -> Recipe | None:
        """How it is made again; see `encoders.recipe`."""
        return self._recipe

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        return self._encode(texts, "query", _nothing)[0]

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        return self._encode(texts, "document", _nothing)[0]

    def encode_query_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenEncoder`; tokens that stand for no characters have empty spans."""
        return self._encode(texts, "query", keep)

    def encode_document_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenEncoder`; tokens that stand for no characters have empty spans."""
        return self._encode(texts, "document", keep)

    def token_spans(self, text: str, /) -> Spans:
        """See `protocols.Encoder`."""
        return self._tokens["document"].spans(text)

    def _encode(
        self, texts: Sequence[str], task: Task, keep: Callable[[TokenRows], T]
    ) -> tuple[Vectors, list[T]]:
        position = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        rows = np.empty((len(position), self.signature.dim), dtype=np.float32)
        kept: dict[int, T] = {}
        for i, tokens in self._forward(list(position), task):
            rows[i] = self._one(tokens, task)
            kept[i] = keep(tokens)
        at = [position[text] for text in texts]
        return np.ascontiguousarray(unit(rows)[at]), [kept[i] for i in at]

    def _one(self, tokens: TokenRows, task: Task) -> npt.NDArray[np.float32]:
        if not len(tokens.rows):
            return np.zeros(self.signature.dim, dtype=np.float32)
        if self.muvera is None:
            mean: npt.NDArray[np.float32] = tokens.rows.mean(axis=0)
            return mean
        return (
            self.muvera.query(tokens.rows) if task == "query" else self.muvera.document(tokens.rows)
        )

    def _forward(self, texts: list[str], task: Task) -> Iterator[tuple[int, TokenRows]]:
        """Each text's scored tokens, batch by batch."""
        tokens = self._tokens[task]
        prompt = self.signature.query_prompt if task == "query" else self.signature.document_prompt
        texts = [tokens.clipped(text) for text in texts]
        encodings = tokens.traced([prompt + text for text in texts])
        for padded, members in batches([len(one.ids) for one in encodings], self.token_budget):
            length = min(padded, tokens.max_tokens)
            padding = {"padding": "max_length", "truncation": True, "max_length": length}
            if task == "query" and self._filled_up:
                padding = {}  # every query is filled up to one length
            with self._turn.get(), torch.inference_mode():
                outputs: Any = self.model.encode(
                    [tokens.read(texts[i]) for i in members],
                    task=task,
                    prompt=prompt,
                    batch_size=len(members),
                    show_progress_bar=False,
                    output_value=None,
                    processing_kwargs={"text": padding},
                )
            for i, output in zip(members, outputs, strict=True):
                yield i, self._rows(output, encodings[i], len(prompt))

    def _rows(self, output: dict[str, Any], encoding: Encoding, prompt: int) -> TokenRows:
        scored = output["attention_mask"].bool().cpu().numpy()
        states = output["token_embeddings"].float().cpu().numpy()
        spans = np.zeros((len(scored), 2), dtype=np.int64)
        at, found = content(encoding, prompt)
        spans[at + (len(scored) - len(encoding.ids) if self._left else 0)] = found
        ids = output["input_ids"].cpu().numpy().astype(np.int32)
        return TokenRows(ids[scored], unit(states[scored]), spans[scored])


def _limits(transformer: Transformer) -> dict[Task, int]:
    """Tokens that the model reads on each side."""
    most = int(transformer.max_seq_length or transformer.config.max_position_embeddings)
    query = transformer.query_length or most
    expansion = transformer.query_expansion
    if expansion is not None:
        query = expansion["length"] if _fixed(transformer) else max(query, expansion["length"])
    return {"query": query, "document": transformer.document_length or most}


def _fixed(transformer: Transformer) -> bool:
    expansion = transformer.query_expansion
    return expansion is not None and expansion["strategy"] == "fixed"


def _nothing(tokens: TokenRows) -> None:
    """What is kept where only the one vector is wanted."""
