"""`as_leg`: any retriever of LangChain as an expert of an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever

from langchain_rag_embed.documents import RagEmbedDocument, body_of, names_of
from rag_embed.errors import BadInput, class_of
from rag_embed.ranking import ForeignLeg, Found

_SCORES = ("relevance_score", "score")
"""Metadata keys under which LangChain's retrievers and compressors leave a score."""


def as_leg(name: str, retriever: BaseRetriever, *, lenient: bool = False) -> ForeignLeg:
    """Make an expert of any LangChain retriever: BM25, an ensemble, the one of a vector store.

    ``index.experts.attach_leg(as_leg("bm25", retriever))`` lets it take part where weights or a router
    count it, with all that belongs to a leg: weights, routes, explanations. It is asked for the text alone,
    so what the query may not see is left out of what it finds; give it a ``k`` of some fifty.

    A document that it finds is a chunk by its id, or else the chunks that its text covers in the document
    that has its id, that `to_documents` makes of it, or in which the text stands word for word; see
    `rag_embed.ranking.ForeignLeg`. ``score`` or ``relevance_score`` in its metadata count where
    they fall from hit to hit, else the order does.

    Args:
        name: Shown in explanations, and the key of its weight.
        retriever: Any; it must search what the index holds.
        lenient: Leave out what the index does not hold, instead of an error when it is found.

    Raises:
        BadInput: ``retriever`` is none; when searching: it found what the index does not hold.

    Examples:
        >>> from langchain_core.embeddings import DeterministicFakeEmbedding
        >>> from langchain_core.vectorstores import InMemoryVectorStore
        >>> from langchain_rag_embed import to_documents
        >>> from rag_embed import Index
        >>> from rag_embed.encoders import HashEncoder
        >>> texts = [LangChainDocument("A red fox."), LangChainDocument("A blue fox.")]
        >>> other = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
        >>> _ = other.add_documents(texts)
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add(to_documents(texts)).added
        2
        >>> index.experts.attach_leg(as_leg("other", other.as_retriever())).kind
        'attached'
        >>> index.experts.weigh({"dense": 0.5, "lexical": 0.3, "other": 0.2})
        >>> [part.leg for part in index.search("blue fox")[0].parts]
        ['dense', 'lexical', 'other']
    """
    if not isinstance(retriever, BaseRetriever):
        raise BadInput(
            f"as_leg() takes a LangChain retriever, got {class_of(retriever)}; of a vector store take "
            ".as_retriever(). A retriever of rag_embed needs no as_leg: index.experts.attach."
        )
    return ForeignLeg(name, _Asked(retriever), lenient)


@dataclass(frozen=True, slots=True)
class _Asked:
    """`rag_embed.ranking.ForeignLeg.find` by a LangChain retriever."""

    retriever: BaseRetriever

    def __call__(self, texts: Sequence[str], /) -> list[list[Found]]:
        return [[_found(one) for one in some] for some in self.retriever.batch(list(texts))]


def _found(document: LangChainDocument) -> Found:
    return Found(body_of(document), document.id or "", names_of(document), _score_of(document))


def _score_of(document: LangChainDocument) -> float | None:
    if isinstance(document, RagEmbedDocument):
        return document.score
    given = (document.metadata.get(key) for key in _SCORES)
    return next((float(one) for one in given if isinstance(one, int | float)), None)
