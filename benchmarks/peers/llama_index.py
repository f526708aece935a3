"""LlamaIndex's ``QueryFusionRetriever`` in its three score modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import BaseRetriever, QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from benchmarks.peers import DEPTH, LEGS, Legs, Ranked
from rag_embed import evaluation as ev

MODES = {
    "LlamaIndex rrf": FUSION_MODES.RECIPROCAL_RANK,
    "LlamaIndex relative": FUSION_MODES.RELATIVE_SCORE,
    "LlamaIndex dist": FUSION_MODES.DIST_BASED_SCORE,
}


class Leg(BaseRetriever):
    def __init__(self, found: Mapping[str, Ranked]) -> None:
        super().__init__()
        self.found = found

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(node=TextNode(text=id, id_=id), score=score)
            for id, score in self.found[query_bundle.query_str]
        ]


def fusions(legs: Legs) -> Mapping[str, ev.System]:
    return {name: _fused(legs, mode) for name, mode in MODES.items()}


def _fused(legs: Legs, mode: FUSION_MODES) -> ev.System:
    fusion = QueryFusionRetriever(
        [Leg(legs.found[leg]) for leg in LEGS],
        llm=MockLLM(),
        mode=mode,
        num_queries=1,
        similarity_top_k=DEPTH,
        use_async=False,
    )

    def system(texts: Sequence[str], /) -> list[list[str]]:
        return [[node.node.node_id for node in fusion.retrieve(text)] for text in texts]

    return system
