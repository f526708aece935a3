"""Which LlamaIndex vector store does what: one suite, run on three stores.

    python benchmarks/llama_index_conformance.py [--all]

Prints every case that one of them fails, with the error in one line; ``--all`` prints all cases.
`SimpleVectorStore` keeps no text and no file by design: cases that need them do not speak
against it. LlamaIndex's LanceDB store gets ``flat_metadata=False``, which it needs for lists and
nested values; its kind of search is fixed when it is made, here to its default, by vector.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "integrations" / "llama-index-retrievers-rag-embed" / "tests"
STORES = ("rag_embed", "lancedb", "simple")

SUITES = """
import sys
sys.path.insert(0, {tests!r})
from conformance import VectorStoreConformance
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.retrievers.rag_embed import RagEmbedVectorStore
from llama_index.vector_stores.lancedb import LanceDBVectorStore


class Test_rag_embed(VectorStoreConformance):
    def make(self, place):
        return RagEmbedVectorStore(place)


class Test_lancedb(VectorStoreConformance):
    patience = 3.0

    def make(self, place):
        return LanceDBVectorStore(uri=str(place), flat_metadata=False)


class Test_simple(VectorStoreConformance):
    patience = 3.0

    def make(self, place):
        return SimpleVectorStore()
"""


class Outcomes:
    """A pytest plugin that keeps what happened: case -> store -> error, empty if it passed."""

    def __init__(self) -> None:
        self.cases: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        _, suite, case = report.nodeid.split("::", 2)
        store = suite.removeprefix("Test_")
        outcome = self.cases.setdefault(case, {}).setdefault(store, "")
        if report.failed and not outcome:
            self.cases[case][store] = _error(report)


def _error(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash else report.longrepr).splitlines()
    return " ".join(lines[0].split()) or "failed"


def outcomes() -> dict[str, dict[str, str]]:
    """Run the suites."""
    seen = Outcomes()
    with tempfile.TemporaryDirectory() as scratch:
        suites = Path(scratch, "test_suites.py")
        suites.write_text(SUITES.format(tests=str(HERE)))
        Path(scratch, "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
        options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-W", "ignore"]
        options += ["--import-mode=importlib", f"--rootdir={scratch}", f"-c{scratch}/pytest.ini"]
        pytest.main([str(suites), *options], [seen])
    return seen.cases


def main(show_all: bool) -> None:
    cases = outcomes()
    print(f"{'case':<64}" + "".join(f"{store:>10}" for store in STORES))
    for case, errors in cases.items():
        if show_all or any(errors.values()):
            marks = "".join(f"{'FAIL' if errors[store] else 'pass':>10}" for store in STORES)
            print(f"{case:<64}{marks}")
            for store in STORES:
                if errors[store]:
                    print(f"    {store}: {errors[store][:160]}")
    passed = {store: sum(not errors[store] for errors in cases.values()) for store in STORES}
    print(f"{'passed of ' + str(len(cases)):<64}" + "".join(f"{passed[s]:>10}" for s in STORES))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main("--all" in sys.argv[1:])
