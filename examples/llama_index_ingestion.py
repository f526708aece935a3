"""Keep a vector store in step with documents, through a LlamaIndex ingestion pipeline.

    python examples/llama_index_ingestion.py

Runs twice with the same documents, then changes one and deletes one.
"""

from __future__ import annotations

import pydoc_data.topics
import tempfile
from pathlib import Path

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters
from llama_index.retrievers.rag_embed import (
    RagEmbedEmbedding,
    RagEmbedNodeParser,
    RagEmbedVectorStore,
)

TOPICS = ("with", "try", "raise", "import", "for", "while", "lambda", "yield")


def document(name: str, text: str) -> Document:
    return Document(id_=name, text=text, metadata={"topic": name, "letters": len(name)})


def main(folder: Path) -> None:
    texts = {name: pydoc_data.topics.topics[name] for name in TOPICS}
    embedding = RagEmbedEmbedding()
    store = RagEmbedVectorStore(folder / "store", fields={"letters": int})
    pipeline = IngestionPipeline(
        transformations=[RagEmbedNodeParser(chunk_tokens=150), embedding],
        vector_store=store,
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
    )

    def run(label: str) -> None:
        written = pipeline.run(documents=[document(*item) for item in texts.items()])
        print(f"{label:<16} {len(written):>3} nodes written, {len(store.get_nodes()):>3} stored")

    run("first run")
    run("nothing changed")
    texts["with"] += "\n\nAsk Ada about context managers."
    run("one changed")
    del texts["import"]
    run("one deleted")

    again = RagEmbedVectorStore(folder / "store")  # as another process would open it
    index = VectorStoreIndex.from_vector_store(again, embed_model=embedding)
    short = MetadataFilter(key="letters", operator=FilterOperator.LTE, value=5)
    for mode in ("default", "text_search", "hybrid", "mmr"):
        retriever = index.as_retriever(
            similarity_top_k=4,
            vector_store_query_mode=mode,
            filters=MetadataFilters(filters=[short]),
            vector_store_kwargs={"mmr_threshold": 0.2} if mode == "mmr" else {},
        )
        found = retriever.retrieve("how do I leave a loop early?")
        shown = ", ".join(f"{one.node.metadata['topic']} {one.score:.2f}" for one in found)
        print(f"{mode:<16} {shown}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
