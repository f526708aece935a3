"""Fusion of two given legs by LangChain and LlamaIndex, for `quality`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_classic.retrievers import EnsembleRetriever
from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever as LangChainRetriever
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import BaseRetriever as LlamaRetriever
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from quality import DEPTH, LEGS, Legs, Ranked

from rag_embed import evaluation as ev


class LangChainLeg(LangChainRetriever):
    found: dict[str, Ranked]

    def _get_relevant_documents(self, query: str, **_: Any) -> list[LangChainDocument]:
        return [LangChainDocument(page_content=id) for id, _ in self.found[query]]


class LlamaLeg(LlamaRetriever):
    def __init__(self, found: dict[str, Ranked]) -> None:
        super().__init__()
        self.found = found

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(node=TextNode(text=id, id_=id), score=score)
            for id, score in self.found[query_bundle.query_str]
        ]


def langchain(legs: Legs) -> ev.System:
    ensemble = EnsembleRetriever(
        retrievers=[LangChainLeg(found=legs.found[leg]) for leg in LEGS], weights=[0.5, 0.5]
    )

    def system(texts: Sequence[str], /) -> list[list[str]]:
        return [[d.page_content for d in ensemble.invoke(text)][:DEPTH] for text in texts]

    return system


def llama_index(legs: Legs, mode: FUSION_MODES) -> ev.System:
    fusion = QueryFusionRetriever(
        [LlamaLeg(legs.found[leg]) for leg in LEGS],
        llm=MockLLM(),
        mode=mode,
        num_queries=1,
        similarity_top_k=DEPTH,
        use_async=False,
    )

    def system(texts: Sequence[str], /) -> list[list[str]]:
        return [[node.node.node_id for node in fusion.retrieve(text)] for text in texts]

    return system


def peers(legs: Legs) -> Mapping[str, ev.System]:
    return {
        "LangChain ensemble": langchain(legs),
        "LlamaIndex rrf": llama_index(legs, FUSION_MODES.RECIPROCAL_RANK),
        "LlamaIndex relative": llama_index(legs, FUSION_MODES.RELATIVE_SCORE),
        "LlamaIndex dist": llama_index(legs, FUSION_MODES.DIST_BASED_SCORE),
    }
