"""A question-answering chain over Python's language reference.

    python examples/langchain_chain.py

The language model is a stand-in that needs no key; put your own in its place.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableParallel, RunnablePassthrough
from langchain_rag_embed import RagEmbedRetriever

from rag_embed import Index
from rag_embed.cli import language_reference

QUESTIONS = [
    "How do I make sure a file gets closed again?",
    "How do I leave a loop early?",
]
PROMPT = ChatPromptTemplate.from_template(
    "Answer from these passages alone, and name them.\n\n{passages}\n\nQuestion: {question}"
)


def passages(documents: list[Document]) -> str:
    return "\n\n".join(
        f"[{found.metadata['rag_embed']['title']}]\n{found.page_content}" for found in documents
    )


def main(folder: Path) -> None:
    index = Index.create(folder)
    index.add(language_reference())
    retriever = RagEmbedRetriever(index=index, k=3, group_by="document")
    model = FakeListChatModel(responses=["Use a with statement [with].", "Use break [break]."])

    answer = PROMPT | model | StrOutputParser()
    chain = RunnableParallel(found=retriever, question=RunnablePassthrough()).assign(
        answer=RunnablePassthrough.assign(passages=lambda so_far: passages(so_far["found"]))
        | answer
    )
    for result in chain.batch(QUESTIONS, {"max_concurrency": 1}):
        print(f"\n{result['question']}\n  {result['answer']}")
        for found in result["found"]:
            where = found.metadata["rag_embed"]
            print(f"    {found.relevance:.2f}  {where['doc_id']}", end="")
            print(f" [{where['start']}:{where['end']}]")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch, "kb"))
