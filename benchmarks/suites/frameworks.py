"""What the retrievers of LangChain and LlamaIndex add to a search, and which vector store does what.

*Overhead*: CPU seconds of the whole process, on Python's language reference. *Conformance*: one suite for
LlamaIndex vector stores, run on three.
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
from langchain_rag_embed import RagEmbedRetriever as LangChainRetriever
from llama_index.retrievers.rag_embed import RagEmbedRetriever as LlamaIndexRetriever

from benchmarks.common import Bench, Suite, turns
from benchmarks.records import Table
from rag_embed import Index
from rag_embed.cli.demo import QUESTIONS
from rag_embed.cli.python_docs import language_reference

K = 10
STORES = Path(__file__).parents[1] / "peers" / "llama_index_stores.py"


def overhead(bench: Bench) -> Iterator[Table]:
    with TemporaryDirectory() as folder:
        index = Index.create(Path(folder, "kb"))
        index.add(language_reference())
        ways: dict[str, Callable[[str], Any]] = {
            "Index.search": partial(index.search, k=K),
            "LangChain retriever": LangChainRetriever(index=index, k=K).invoke,
            "LlamaIndex retriever": LlamaIndexRetriever(index, k=K).retrieve,
        }
        asked = [*QUESTIONS] * (bench.options.rounds + 1)
        _, spent = turns(ways, asked, warm=len(QUESTIONS), clock=time.process_time)
    medians = {name: statistics.median(some) for name, some in spent.items()}
    base = medians["Index.search"]
    rows = [[name, 1000 * value, value / base - 1] for name, value in medians.items()]
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
        if pytest.main([str(STORES), *options], [seen]) not in (0, 1):
            raise SystemExit(
                "The stores cannot be loaded; install what they need: rag-embed[bench]."
            )
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
