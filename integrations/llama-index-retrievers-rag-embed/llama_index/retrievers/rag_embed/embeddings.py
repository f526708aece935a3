"""Embedding models, both ways: rag_embed's in LlamaIndex, LlamaIndex's in rag_embed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.bridge.pydantic import ConfigDict, PrivateAttr, ValidationError
from llama_index.core.callbacks import CallbackManager
from llama_index.retrievers.rag_embed.models import loaded

from rag_embed.arguments import naming_keywords
from rag_embed.encoders import DEFAULT, Embed, FunctionEncoder
from rag_embed.errors import BadInput
from rag_embed.protocols import Encoder
from rag_embed.types import Vectors


class RagEmbedEmbedding(BaseEmbedding):
    """A rag_embed encoder as LlamaIndex's embedding model; vectors have unit length.

    A model given by name is loaded at first use, once per process, and pickling keeps the name.

    Args:
        model_name: Name or path of a sentence-transformers model; all-MiniLM-L6-v2 by default.
        encoder: An encoder to use instead; ``model_name`` then comes from its signature.
        embed_batch_size: Texts per call; large, since the encoder makes its own batches.
        callback_manager: See `BaseEmbedding`.
        num_workers: See `BaseEmbedding`.
        embeddings_cache: See `BaseEmbedding`.
        rate_limiter: See `BaseEmbedding`.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> model = RagEmbedEmbedding(encoder=HashEncoder(dim=8))
        >>> len(model.get_query_embedding("red foxes"))
        8
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True, extra="forbid", protected_namespaces=("pydantic_model_",)
    )
    _given: Encoder | None = PrivateAttr(default=None)

    @naming_keywords
    def __init__(
        self,
        model_name: str = DEFAULT,
        *,
        encoder: Encoder | None = None,
        embed_batch_size: int = 512,
        callback_manager: CallbackManager | None = None,
        num_workers: int | None = None,
        embeddings_cache: Any = None,  # noqa: ANN401
        rate_limiter: Any = None,  # noqa: ANN401
    ) -> None:
        if encoder is not None:
            space = encoder.signature
            model_name = f"{space.model}:{space.weights[:16]}:{space.dim}"
        super().__init__(
            model_name=model_name,
            embed_batch_size=embed_batch_size,
            callback_manager=callback_manager or CallbackManager([]),
            num_workers=num_workers,
            embeddings_cache=embeddings_cache,
            rate_limiter=rate_limiter,
        )
        self._given = encoder

    @classmethod
    def class_name(cls) -> str:
        """Name in serialised form."""
        return "RagEmbedEmbedding"

    @property
    def encoder(self) -> Encoder:
        """What encodes; loaded now if it was given by name.

        Raises:
            ModelUnavailable: The model cannot be loaded.
        """
        return self._given or loaded(self.model_name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.to_dict(), self._given)

    def _get_query_embedding(self, query: str) -> Embedding:
        return _lists(self.encoder.encode_query([query]))[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return await asyncio.to_thread(self._get_text_embedding, text)

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return _lists(self.encoder.encode_document(texts))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)


def _lists(rows: Vectors) -> list[Embedding]:
    lists: list[Embedding] = rows.tolist()
    return lists


def _rebuilt(
    cls: type[RagEmbedEmbedding], data: dict[str, Any], given: Encoder | None
) -> RagEmbedEmbedding:
    return cls.from_dict(data) if given is None else cls.from_dict({**data, "encoder": given})


class EmbeddingEncoder(FunctionEncoder):
    """A LlamaIndex embedding model as rag_embed's encoder, for ``Index.create(encoder=...)``.

    Args:
        embed_model: Any embedding model of LlamaIndex.
        name: What the index remembers the model by; made of class and model name otherwise.
            Another name is another space.
        max_tokens: Tokens the model reads; its tokeniser is unknown, so they are words and marks.

    Raises:
        BadInput: An argument is wrong.

    Examples:
        >>> from llama_index.core.embeddings import MockEmbedding
        >>> EmbeddingEncoder(MockEmbedding(embed_dim=4)).encode_query(["fox"]).shape
        (1, 4)
    """

    @naming_keywords
    def __init__(
        self, embed_model: BaseEmbedding, *, name: str | None = None, max_tokens: int = 8192
    ) -> None:
        if not isinstance(embed_model, BaseEmbedding):
            raise BadInput(
                f"Expected a LlamaIndex embedding model, got {type(embed_model).__name__}. "
                "A rag_embed encoder goes to the index directly."
            )
        known = embed_model.model_name if embed_model.model_name != "unknown" else ""
        name = name or f"llama_index:{type(embed_model).__name__}:{known}"
        self.embed_model = embed_model

        def queries(texts: list[str]) -> list[Embedding]:
            return [embed_model.get_query_embedding(text) for text in texts]

        def checked(embed: Callable[[list[str]], list[Embedding]]) -> Embed:
            def embedded(texts: list[str]) -> list[Embedding]:
                try:
                    return embed(texts)
                except ValidationError as error:  # of the framework's own event about the result
                    raise BadInput(f"{name}: no list of vectors came back: {error}") from error

            return embedded

        documents = embed_model.get_text_embedding_batch
        super().__init__(checked(documents), checked(queries), name=name, max_tokens=max_tokens)
