"""A LangGraph graph that searches, asks again in other words where nothing is relevant, and answers.

    python examples/langgraph_rag.py

Relevance means the same for every question, so a graph can branch on it. The language model is scripted and
needs no key; put your own in its place.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, TypedDict

from langchain_core.language_models import FakeListChatModel
from langchain_rag_embed import RagEmbedDocument, RagEmbedRetriever
from langgraph.graph import END, START, StateGraph

from rag_embed import Index
from rag_embed.cli import language_reference

ENOUGH = 0.3
"""Relevance of a passage that is worth answering from."""


class State(TypedDict, total=False):
    """What the nodes hand on."""

    question: str
    asked: list[str]
    found: list[RagEmbedDocument]
    answer: str


def graph(retriever: RagEmbedRetriever, model: FakeListChatModel) -> Any:  # noqa: ANN401  # compiled
    """The graph: search, then answer, or rewrite once and search again."""

    def search(state: State) -> State:
        asked = state.get("asked") or [state["question"]]
        return {"asked": asked, "found": retriever.invoke(asked[-1])}

    def rewrite(state: State) -> State:
        said = model.invoke(f"Say in the words of a manual: {state['question']}")
        return {"asked": [*state["asked"], said.text]}

    def answer(state: State) -> State:
        if not _best(state) >= ENOUGH:
            return {"answer": "The documents do not say."}
        return {"answer": f"See {state['found'][0].id}: {state['found'][0].page_content[:300]}"}

    def next_step(state: State) -> str:
        return "answer" if _best(state) >= ENOUGH or len(state["asked"]) > 1 else "rewrite"

    built = StateGraph(State)
    for name, node in (("search", search), ("rewrite", rewrite), ("answer", answer)):
        built.add_node(name, node)
    built.add_edge(START, "search")
    built.add_conditional_edges("search", next_step, ["rewrite", "answer"])
    built.add_edge("rewrite", "search")
    built.add_edge("answer", END)
    return built.compile()


def _best(state: State) -> float:
    return max((one.relevance for one in state["found"]), default=0.0)


def main(folder: Path) -> None:
    index = Index.create(folder)
    index.add(language_reference())
    model = FakeListChatModel(responses=["break statement", "capital city of France"])
    rag = graph(RagEmbedRetriever(index=index, k=2), model)
    for question in ("I want out of my loop", "What is the capital of France?"):
        state = rag.invoke({"question": question})
        print(f"\n{' -> '.join(state['asked'])}\n{state['answer']}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch, "kb"))
