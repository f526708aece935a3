"""LangChain's ``EnsembleRetriever``, weights 0.5 and 0.5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_classic.retrievers import EnsembleRetriever
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from benchmarks.peers import DEPTH, LEGS, Legs, Ranked
from rag_embed import evaluation as ev


class Leg(BaseRetriever):
    found: Mapping[str, Ranked]

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document(page_content=id) for id, _ in self.found[query]]


def fusions(legs: Legs) -> Mapping[str, ev.System]:
    ensemble = EnsembleRetriever(
        retrievers=[Leg(found=legs.found[leg]) for leg in LEGS], weights=[0.5, 0.5]
    )

    def system(texts: Sequence[str], /) -> list[list[str]]:
        return [[d.page_content for d in ensemble.invoke(text)][:DEPTH] for text in texts]

    return {"LangChain ensemble": system}
