"""A LlamaIndex query engine over a rag_embed index, with a filter and an owner per request.

    python examples/llama_index_query_engine.py

The language model is a stand-in that quotes what it is given; put any other in its place.
"""

from __future__ import annotations

import pydoc_data.topics
import re
from typing import Any

from llama_index.core import Document
from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.vector_stores import FilterOperator, MetadataFilter
from llama_index.retrievers.rag_embed import RagEmbedRetriever, to_documents

from rag_embed import Index

TOPICS = ("with", "try", "context-managers", "exceptions", "raise", "import", "for", "while")


class Quoting(CustomLLM):
    """Answers with the first sentence of the context."""

    @property
    def metadata(self) -> LLMMetadata:
        """See `CustomLLM`."""
        return LLMMetadata(model_name="quoting")

    @llm_completion_callback()
    def complete(
        self,
        prompt: str,
        formatted: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> CompletionResponse:
        """See `CustomLLM`."""
        context = prompt.split("---------------------")[1]
        text = " ".join(context.partition("\n\n")[2].split())
        return CompletionResponse(text=re.split(r"(?<=[.:]) ", text)[0])

    @llm_completion_callback()
    def stream_complete(
        self,
        prompt: str,
        formatted: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> CompletionResponseGen:
        """See `CustomLLM`."""
        yield self.complete(prompt, formatted, **options)


def loaded() -> list[Document]:
    """What a LlamaIndex reader would give."""
    texts = pydoc_data.topics.topics
    return [
        Document(id_=name, text=texts[name], metadata={"title": name, "size": len(texts[name])})
        for name in TOPICS
    ]


def main() -> None:
    index = Index.in_memory()
    index.add(to_documents(loaded()))
    index.add(
        to_documents(
            [Document(id_="memo", text="Ada wraps files in contextlib.closing.")], user="ada"
        )
    )
    print(f"{len(index)} chunks of {len(index.contents.matching())} documents")

    retriever = RagEmbedRetriever(index, k=3)
    engine = RetrieverQueryEngine.from_args(retriever, llm=Quoting())
    response = engine.query("How do I make sure that a file gets closed?")
    print(f"\nanswer: {response}")
    for source in response.source_nodes:
        shares = ", ".join(f"{leg['leg']} {leg['contribution']:.2f}" for leg in source.explanation)
        print(f"  {source.relevance:.2f}  {source.node.metadata['title']:<18} {shares}")

    short = MetadataFilter(key="size", operator=FilterOperator.LT, value=5000)
    requests = {"short topics only": {"where": short}, "as Ada": {"user": "ada"}}
    for label, options in requests.items():
        nodes = retriever.with_(k=1, **options).retrieve("close files")
        print(f"\n{label}: {nodes[0].node.ref_doc_id}")

    found = retriever.with_(k=1).retrieve_many(["leave a loop early", "handle an error"])
    print("\nmany at once:", [nodes[0].node.ref_doc_id for nodes in found])


if __name__ == "__main__":
    main()
