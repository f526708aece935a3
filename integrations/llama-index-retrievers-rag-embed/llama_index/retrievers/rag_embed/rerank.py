"""LlamaIndex's node postprocessors as re-rankers of rag_embed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.retrievers.rag_embed.nodes import to_node

from rag_embed.errors import BadInput
from rag_embed.ranking import scores_of_order
from rag_embed.texts import Read, read_titled
from rag_embed.types import Hit, Query, Scores


@dataclass(frozen=True, slots=True)
class PostprocessorReranker:
    """A node postprocessor, such as ``SentenceTransformerRerank``, for ``rag_embed``'s `Reranked`.

    Its scores are taken where they fall with every place, else its order. What it leaves out comes
    last and is not lost: set its ``top_n`` to the depth of `Reranked` to have everything ordered.

    The other way round nothing is needed: `RagEmbedRetriever` goes into a query engine with any
    ``node_postprocessors``.

    Attributes:
        postprocessor: Any ``BaseNodePostprocessor``.
        read: What it is given of a hit; title, headings and text by default.

    Raises:
        BadInput: ``postprocessor`` is none; when it answers: with a node that it was not given.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> from rag_embed.ranking import Reranked
        >>> class Shortest(BaseNodePostprocessor):
        ...     def _postprocess_nodes(self, nodes, query_bundle=None):
        ...         return sorted(nodes, key=lambda node: len(node.text))
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "A red, red fox."), Document("b", "A red fox.")]).added
        2
        >>> retriever = Reranked(index.retriever, PostprocessorReranker(Shortest()))
        >>> retriever.retrieve([Query("red fox")])[0][0].text
        'A red fox.'
    """

    postprocessor: BaseNodePostprocessor
    read: Read = read_titled

    def __post_init__(self) -> None:
        if not isinstance(self.postprocessor, BaseNodePostprocessor):
            raise BadInput(
                "PostprocessorReranker takes a LlamaIndex node postprocessor, got "
                f"{type(self.postprocessor).__name__}."
            )

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores:
        """See ``rag_embed.protocols.Reranker``."""
        nodes = [self._read(hit) for hit in hits]
        answer = (
            self.postprocessor.postprocess_nodes(nodes, QueryBundle(query.text)) if hits else []
        )
        ranked: dict[str, float | None] = {}
        for node in answer:
            ranked.setdefault(node.node.node_id, node.score)
        return scores_of_order([hit.id for hit in hits], list(ranked.items()))

    def _read(self, hit: Hit) -> NodeWithScore:
        found = to_node(hit)
        found.node.node_id = hit.id
        found.node.set_content(self.read(hit))
        return found
