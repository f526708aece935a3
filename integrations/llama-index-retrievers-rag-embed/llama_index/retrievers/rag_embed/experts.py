"""`as_leg`: any retriever of LlamaIndex as an expert of an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore
from llama_index.retrievers.rag_embed.documents import body_of, names_of

from rag_embed.errors import BadInput, class_of
from rag_embed.ranking import ForeignLeg, Found


def as_leg(name: str, retriever: BaseRetriever, *, lenient: bool = False) -> ForeignLeg:
    """Make an expert of any LlamaIndex retriever: BM25, a fusion, the one of a ``VectorStoreIndex``.

    ``index.experts.attach_leg(as_leg("bm25", retriever))`` lets it take part where weights or a router
    count it, with all that belongs to a leg: weights, routes, explanations. It is asked for the text alone,
    so what the query may not see is left out of what it finds; give it a ``similarity_top_k`` of some fifty.

    A node that it finds is a chunk by its id, or else the chunks that its text covers in the document that
    is its source, that has its id, that `to_documents` makes of it, or in which the text stands word for
    word; see `rag_embed.ranking.ForeignLeg`. Its scores count where they fall from hit to hit, else
    the order does.

    Args:
        name: Shown in explanations, and the key of its weight.
        retriever: Any; it must search what the index holds.
        lenient: Leave out what the index does not hold, instead of an error when it is found.

    Raises:
        BadInput: ``retriever`` is none; when searching: it found what the index does not hold.

    Examples:
        >>> from llama_index.core import Document, VectorStoreIndex
        >>> from llama_index.retrievers.rag_embed import RagEmbedEmbedding, to_documents
        >>> from rag_embed import Index
        >>> from rag_embed.encoders import HashEncoder
        >>> loaded = [Document(id_="a", text="A red fox."), Document(id_="b", text="A blue fox.")]
        >>> other = VectorStoreIndex.from_documents(loaded, embed_model=RagEmbedEmbedding())
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add(to_documents(loaded)).added
        2
        >>> index.experts.attach_leg(as_leg("other", other.as_retriever())).kind
        'attached'
        >>> index.experts.weigh({"dense": 0.5, "lexical": 0.3, "other": 0.2})
        >>> [part.leg for part in index.search("blue fox")[0].parts]
        ['dense', 'lexical', 'other']
    """
    if not isinstance(retriever, BaseRetriever):
        raise BadInput(
            f"as_leg() takes a LlamaIndex retriever, got {class_of(retriever)}; of an index take "
            ".as_retriever(). A retriever of rag_embed needs no as_leg: index.experts.attach."
        )
    return ForeignLeg(name, _Asked(retriever), lenient)


@dataclass(frozen=True, slots=True)
class _Asked:
    """`rag_embed.ranking.ForeignLeg.find` by a LlamaIndex retriever."""

    retriever: BaseRetriever

    def __call__(self, texts: Sequence[str], /) -> list[list[Found]]:
        return [[_found(one) for one in self.retriever.retrieve(text)] for text in texts]


def _found(one: NodeWithScore) -> Found:
    return Found(body_of(one.node), one.node.node_id, names_of(one.node), one.score)
