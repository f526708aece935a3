"""What the adapters of LangChain and LlamaIndex add to a search, and which vector store does what.

*Overhead*: Python's language reference on LanceDB; every question in every way, in turns. CPU seconds are
those of the whole process. Each way is compared with `Index.search` on the same chunks with the same
options: the retrievers on chunks, the LangChain store on whole documents, the LlamaIndex store, which is
handed a query vector, by that vector. *Conformance*: one suite for LlamaIndex vector stores, run on three.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from langchain_core.documents import Document as LangChainDocument
from langchain_rag_embed import RagEmbedRetriever as LangChainRetriever
from langchain_rag_embed import RagEmbedVectorStore as LangChainStore
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import VectorStoreQuery
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.retrievers.rag_embed import RagEmbedRetriever as LlamaIndexRetriever
from llama_index.retrievers.rag_embed import RagEmbedVectorStore as LlamaIndexStore

from benchmarks.common import Bench, Suite, turns
from benchmarks.records import Table
from rag_embed import Index, Query
from rag_embed.cli.demo import QUESTIONS, language_reference
from rag_embed.types import DENSE

K = 10
CHUNKS, DOCUMENTS, VECTOR = (
    "Index.search, chunks",
    "Index.search, documents",
    "Index.search, vector",
)
OVER = {
    "LangChain retriever": CHUNKS,
    "LlamaIndex retriever": CHUNKS,
    "LangChain vector store": DOCUMENTS,
    "LlamaIndex vector store": VECTOR,
}
STORES = Path(__file__).parents[1] / "peers" / "llama_index_stores.py"


def ways(folder: Path) -> dict[str, Callable[[str], object]]:
    chunks = Index.create(folder / "chunks")
    topics = list(language_reference())
    chunks.add(topics)
    whole = Index.create(folder / "whole", chunk_tokens=None, situate="isolated")
    store = LangChainStore(whole)
    store.add_documents(
        [LangChainDocument(d.text, id=d.id, metadata=dict(d.metadata)) for d in topics]
    )
    nodes = [TextNode(id_=d.id, text=d.text, metadata=dict(d.metadata)) for d in topics]
    rows = whole.store.view().vectors(DENSE, [f"{d.id}#0-{len(d.text)}" for d in topics])
    for node, row in zip(nodes, rows, strict=True):
        node.embedding = row.tolist()
    vectors = LlamaIndexStore(uri=str(folder / "nodes"))
    vectors.add(nodes)
    known = {question: chunks.spaces.own.encode_query([question])[0] for question in QUESTIONS}

    def by_vector(question: str) -> object:
        return whole.search(Query(question, k=K, vectors={DENSE: known[question]}))

    def by_node(question: str) -> object:
        return vectors.query(
            VectorStoreQuery(
                query_str=question,
                query_embedding=known[question].tolist(),
                similarity_top_k=K,
                mode=VectorStoreQueryMode.HYBRID,
            )
        )

    return {
        CHUNKS: partial(chunks.search, k=K),
        "LangChain retriever": LangChainRetriever(index=chunks, k=K).invoke,
        "LlamaIndex retriever": LlamaIndexRetriever(chunks, k=K).retrieve,
        DOCUMENTS: partial(whole.search, k=K),
        "LangChain vector store": partial(store.similarity_search, k=K),
        VECTOR: by_vector,
        "LlamaIndex vector store": by_node,
    }


def overhead(bench: Bench) -> Iterator[Table]:
    with TemporaryDirectory() as folder:
        asked = [*QUESTIONS] * (bench.options.rounds + 1)
        _, spent = turns(ways(Path(folder)), asked, warm=len(QUESTIONS), clock=time.process_time)
    medians = {name: statistics.median(some) for name, some in spent.items()}
    rows: list[list[Any]] = [
        [name, 1000 * value, value / medians[OVER[name]] - 1 if name in OVER else None]
        for name, value in medians.items()
    ]
    yield Table(f"k = {K}", {"": "", "CPU ms": ".2f", "over Index.search": "+.1%"}, rows)


class Passed:
    """A pytest plugin: store -> case -> whether it passed."""

    def __init__(self) -> None:
        self.stores: dict[str, dict[str, bool]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        _, store, case = report.nodeid.split("::", 2)
        cases = self.stores.setdefault(store.removeprefix("Test"), {})
        cases[case] = cases.get(case, True) and not report.failed


def conformance(bench: Bench) -> Iterator[Table]:
    seen = Passed()
    with TemporaryDirectory() as scratch:
        settings = Path(scratch, "pytest.ini")
        settings.write_text("[pytest]\nasyncio_mode = auto\n")
        options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-W", "ignore"]
        options += ["--import-mode=importlib", f"--rootdir={scratch}", f"-c{settings}"]
        pytest.main([str(STORES), *options], [seen])
    for store, cases in seen.stores.items():
        failed = [case for case, passed in cases.items() if not passed]
        bench.say(f"{store} fails: {', '.join(failed) or 'nothing'}")
    rows = [[store, len(cases), sum(cases.values())] for store, cases in seen.stores.items()]
    yield Table("cases", {"store": "", "cases": "d", "passed": "d"}, rows)


SUITE = Suite(
    {"overhead": overhead, "conformance": conformance},
    options={"--rounds": {"type": int, "default": 20, "help": "times each question is asked"}},
    data=False,
)
