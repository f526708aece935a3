"""The README's Python does what it says, and the package offers what it says."""

from __future__ import annotations

import re
from pathlib import Path

import langchain_rag_embed

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.M | re.S)
    assert len(code) == 4
    exec(compile("\n".join(code), str(README), "exec"), {})


def test_what_is_offered():
    assert langchain_rag_embed.__all__ == [
        "CompressorReranker",
        "EmbeddingsEncoder",
        "RagEmbedDocument",
        "RagEmbedDocumentIndex",
        "RagEmbedEmbeddings",
        "RagEmbedRetriever",
        "RagEmbedTranslator",
        "RagEmbedVectorStore",
        "as_leg",
        "context_writer",
        "read_tool",
        "search_tool",
        "to_documents",
        "to_filter",
    ]
    assert all(hasattr(langchain_rag_embed, name) for name in langchain_rag_embed.__all__)
