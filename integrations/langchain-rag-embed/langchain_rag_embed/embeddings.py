"""Encoders as LangChain embeddings, and LangChain embeddings as an encoder."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from rag_embed.arguments import naming_keywords
from rag_embed.encoders import FunctionEncoder, load
from rag_embed.errors import BadInput
from rag_embed.protocols import Encoder

_NAMES = ("model", "model_name", "model_id", "deployment", "repo_id")


class RagEmbedEmbeddings(Embeddings):
    """A rag_embed encoder as LangChain embeddings. The vectors have unit length.

    Args:
        model: An encoder, or the name or path of a sentence-transformers model; rag_embed's default
            model when it is left out.

    Raises:
        ModelUnavailable: The model cannot be loaded.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> len(RagEmbedEmbeddings(HashEncoder(dim=8)).embed_query("a red fox"))
        8
    """

    @naming_keywords
    def __init__(self, model: Encoder | str | None = None) -> None:
        if model is None:
            self.encoder = load()
        else:
            self.encoder = load(model) if isinstance(model, str) else model

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector per text."""
        rows: list[list[float]] = self.encoder.encode_document(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """The vector of a query."""
        row: list[float] = self.encoder.encode_query([text])[0].tolist()
        return row


class EmbeddingsEncoder(FunctionEncoder):
    """LangChain embeddings as a rag_embed encoder.

    The first use embeds one short text, to learn the length of a vector. A chunk's length is
    counted in words and punctuation marks, since the model's tokeniser is unknown: leave some room.
    LangChain embeds queries one at a time.

    Args:
        embeddings: Any LangChain embeddings.
        name: Names the model in the index. Give one if two models would get the same name, or if
            the class of the embeddings may change; by default class and model name.
        max_tokens: How many tokens the model reads.

    Raises:
        BadInput: An argument is wrong; when used: the embeddings are no finite vectors.

    Examples:
        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> encoder = EmbeddingsEncoder(DeterministicFakeEmbedding(size=8))
        >>> encoder.encode_document(["a red fox", "the sea"]).shape
        (2, 8)
        >>> encoder.signature.model
        'langchain:DeterministicFakeEmbedding:'
    """

    @naming_keywords
    def __init__(
        self, embeddings: Embeddings, *, name: str | None = None, max_tokens: int = 8192
    ) -> None:
        if not isinstance(embeddings, Embeddings):
            raise BadInput(f"Expected LangChain Embeddings, got {type(embeddings).__name__}.")
        super().__init__(
            embeddings.embed_documents,
            lambda texts: [embeddings.embed_query(text) for text in texts],
            name=name or f"langchain:{type(embeddings).__name__}:{_model_name(embeddings)}",
            max_tokens=max_tokens,
        )
        self.embeddings = embeddings


def _model_name(embeddings: Embeddings) -> str:
    values = (getattr(embeddings, name, None) for name in _NAMES)
    return next((value for value in values if isinstance(value, str) and value), "")
