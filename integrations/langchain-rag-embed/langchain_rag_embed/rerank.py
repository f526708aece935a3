"""LangChain's document compressors as re-rankers of rag_embed."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from langchain_core.documents import BaseDocumentCompressor
from langchain_core.documents import Document as LangChainDocument

from rag_embed import Hit, Query
from rag_embed.errors import BadInput
from rag_embed.ranking import scores_of_order
from rag_embed.texts import Read, read_titled
from rag_embed.types import Scores

_ID = "rag_embed_hit"
_SCORE = "relevance_score"


@dataclass(frozen=True, slots=True)
class CompressorReranker:
    """A document compressor, such as Cohere's or a cross-encoder's, for ``rag_embed``'s `Reranked`.

    Its scores are read from ``metadata["relevance_score"]``, where compressors leave them; where it
    gives none, its order counts. What it leaves out comes last and is not lost: set its ``top_n`` to
    the depth of `Reranked` to have everything ordered. Texts that it changes are not taken over.

    The other way round nothing is needed: `RagEmbedRetriever` is the ``base_retriever`` of
    LangChain's ``ContextualCompressionRetriever``.

    Attributes:
        compressor: Any ``BaseDocumentCompressor``.
        read: What it is given of a hit; title, headings and text by default.

    Raises:
        BadInput: ``compressor`` is none; when it answers: with a document that it was not given.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> from rag_embed.ranking import Reranked
        >>> class Shortest(BaseDocumentCompressor):
        ...     def compress_documents(self, documents, query, callbacks=None):
        ...         return sorted(documents, key=lambda document: len(document.page_content))
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "A red, red fox."), Document("b", "A red fox.")]).added
        2
        >>> retriever = Reranked(index.retriever, CompressorReranker(Shortest()))
        >>> retriever.retrieve([Query("red fox")])[0][0].text
        'A red fox.'
    """

    compressor: BaseDocumentCompressor
    read: Read = read_titled

    def __post_init__(self) -> None:
        if not isinstance(self.compressor, BaseDocumentCompressor):
            raise BadInput(
                "CompressorReranker takes a LangChain document compressor, got "
                f"{type(self.compressor).__name__}."
            )

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores:
        """See ``rag_embed.protocols.Reranker``."""
        given = [self._document(hit) for hit in hits]
        answer = self.compressor.compress_documents(given, query.text) if given else []
        ranked: dict[str, float | None] = {}
        for document in answer:
            ranked.setdefault(str(document.metadata.get(_ID)), _score(document))
        return scores_of_order([hit.id for hit in hits], list(ranked.items()))

    def _document(self, hit: Hit) -> LangChainDocument:
        """A copy without any older score, so that what comes back is the compressor's own."""
        metadata = {k: deepcopy(v) for k, v in hit.chunk.metadata.items() if k != _SCORE}
        return LangChainDocument(
            id=hit.id, page_content=self.read(hit), metadata={**metadata, _ID: hit.id}
        )


def _score(document: LangChainDocument) -> float | None:
    score = document.metadata.get(_SCORE)
    return None if score is None else float(score)
