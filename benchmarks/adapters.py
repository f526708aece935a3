"""CPU time that the LangChain and LlamaIndex adapters add to a search.

    python benchmarks/adapters.py [--rounds 20] [--out FILE.json]

The corpus is Python's language reference on LanceDB, the encoder all-MiniLM-L6-v2. Every question is
asked in every way, in turns and in random order. CPU seconds are those of the whole process, all
threads. Each way is compared with `Index.search` on an index of the same chunks with the same
options: the retrievers on chunks, the LangChain vector store on whole documents, the LlamaIndex
vector store, which is handed a query vector, with a search by that vector.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from langchain_core.documents import Document as LangChainDocument
from langchain_rag_embed import RagEmbedRetriever as LangChainRetriever
from langchain_rag_embed import RagEmbedVectorStore as LangChainStore
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import VectorStoreQuery
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.retrievers.rag_embed import RagEmbedRetriever as LlamaIndexRetriever
from llama_index.retrievers.rag_embed import RagEmbedVectorStore as LlamaIndexStore
from rich.console import Console
from rich.table import Table

from rag_embed import Index, Query
from rag_embed.cli.demo import QUESTIONS, language_reference

K = 10
Search = Callable[[str], object]


def ways(folder: Path) -> dict[str, tuple[str, Search]]:
    """Name -> what it is compared with, and the call."""
    chunks = Index.create(folder / "chunks")
    chunks.add(language_reference())
    encoder = chunks.spaces.own
    topics = list(language_reference())
    whole = Index.create(folder / "whole", chunk_tokens=None, situate="isolated")
    store = LangChainStore(whole)
    store.add_documents(
        [LangChainDocument(d.text, id=d.id, metadata=dict(d.metadata)) for d in topics]
    )
    nodes = [TextNode(id_=d.id, text=d.text, metadata=dict(d.metadata)) for d in topics]
    rows = whole.store.view().vectors("dense", [f"{d.id}#0-{len(d.text)}" for d in topics])
    for node, row in zip(nodes, rows, strict=True):
        node.embedding = row.tolist()
    vectors = LlamaIndexStore(uri=str(folder / "nodes"))
    vectors.add(nodes)
    known = {q: encoder.encode_query([q])[0] for q in QUESTIONS}
    lists = {q: row.tolist() for q, row in known.items()}

    def by_vector(question: str) -> object:
        return whole.search(Query(question, k=K, vectors={"dense": known[question]}))

    def by_node(question: str) -> object:
        return vectors.query(
            VectorStoreQuery(
                query_str=question,
                query_embedding=lists[question],
                similarity_top_k=K,
                mode=VectorStoreQueryMode.HYBRID,
            )
        )

    return {
        "Index.search, chunks": ("", partial(chunks.search, k=K)),
        "LangChain retriever": (
            "Index.search, chunks",
            LangChainRetriever(index=chunks, k=K).invoke,
        ),
        "LlamaIndex retriever": ("Index.search, chunks", LlamaIndexRetriever(chunks, k=K).retrieve),
        "Index.search, documents": ("", partial(whole.search, k=K)),
        "LangChain vector store": (
            "Index.search, documents",
            partial(store.similarity_search, k=K),
        ),
        "Index.search by vector": ("", by_vector),
        "LlamaIndex vector store": ("Index.search by vector", by_node),
    }


def measured(calls: Sequence[tuple[str, Search]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each call, by name."""
    rng = random.Random(0)
    spent: dict[str, list[float]] = {name: [] for name, _ in calls}
    for _, search in calls:  # once unmeasured
        for question in QUESTIONS:
            search(question)
    gc.disable()
    for _ in range(rounds):
        for question in QUESTIONS:
            for name, search in rng.sample(calls, len(calls)):
                start = time.process_time()
                search(question)
                spent[name].append(time.process_time() - start)
        gc.collect()
    gc.enable()
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="times each question is asked")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compared = ways(Path(folder))
        spent = measured([(n, search) for n, (_, search) in compared.items()], args.rounds)
    table = Table("", "CPU ms per query (median)", "over Index.search", title=f"k = {K}")
    figures = {}
    for name, (base, _) in compared.items():
        median = statistics.median(spent[name])
        over = median / statistics.median(spent[base]) - 1 if base else None
        figures[name] = {"cpu_ms": 1000 * median, "overhead": over}
        table.add_row(name, f"{1000 * median:.2f}", "" if over is None else f"{over:+.1%}")
    Console().print(table)
    if args.out:
        args.out.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
