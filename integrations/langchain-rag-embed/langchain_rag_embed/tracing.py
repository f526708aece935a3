"""What LangSmith is told about a retriever."""

from __future__ import annotations

from langchain_core.retrievers import LangSmithRetrieverParams

from rag_embed import Index

_STORES = {"LanceStore": "lancedb", "MemoryStore": "memory"}
"""Our stores by the names that LangSmith knows; anybody else's is named by its class."""


def tracing_params(index: object) -> LangSmithRetrieverParams:
    """Name, store and embedding model; the latter two where an `Index` says them.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> tracing_params(Index.in_memory(encoder=HashEncoder()))["ls_embedding_model"]
        'hash'
    """
    params = LangSmithRetrieverParams(ls_retriever_name="rag_embed")
    if not isinstance(index, Index):
        return params
    store = type(index.store).__name__
    params["ls_vector_store_provider"] = _STORES.get(store, store)
    provider, model = _provider(index.spaces.own.signature.model)
    params["ls_embedding_provider"] = provider
    params["ls_embedding_model"] = model
    return params


def _provider(model: str) -> tuple[str, str]:
    """Class and model of LangChain embeddings, see `EmbeddingsEncoder`; else ours."""
    framework, _, rest = model.partition(":")
    provider, _, name = rest.partition(":")
    if framework == "langchain" and provider:
        return provider, name or provider
    return "rag_embed", model
