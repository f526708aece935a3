"""What is found, ranked again and joined into passages."""

from __future__ import annotations

from pydoc_data.topics import topics

import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.ranking.rerank import Reranked, stored_rows
from rag_embed.ranking.rerankers import FunctionReranker


@pytest.fixture
def index(three) -> Index:
    return three


class TestSearching:
    def test_reranked(self, index) -> None:
        longest = FunctionReranker(lambda query, texts: [float(len(text)) for text in texts])
        hits = Reranked(index.retriever, longest, rows=stored_rows(index.store)).retrieve(
            [Query("the sea of tea", k=3)]
        )[0]
        lengths = [len(hit.text) for hit in hits]
        assert lengths == sorted(lengths, reverse=True) and len(hits) == 3
        assert hits[0].parts[-1].leg == "rerank"

    def test_passages_join_neighbours(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(256), chunk_tokens=40)
        index.add([Document(name, topics[name], name) for name in sorted(topics)[:8]])
        hits = index.search("augmented assignment statement", k=8)
        found = index.contents.passages(index.search("augmented assignment statement", k=8), 200)
        assert {hit.id for one in found for hit in one.hits} == {hit.id for hit in hits}
        assert any(len(one.chunks) > 1 for one in found)
        for one in found:
            text = index.contents.document(one.doc_id).text[one.start : one.end]
            assert text.startswith(one.chunks[0].text) and text.endswith(one.chunks[-1].text)
            assert one.tokens <= 200 or len(one.chunks) == 1
            shown, best = one.as_hit, one.hits[0]
            assert (
                shown.text == one.text == text and shown.id == f"{one.doc_id}#{one.start}-{one.end}"
            )
            assert (shown.score, shown.relevance, shown.parts) == (
                best.score,
                best.relevance,
                best.parts,
            )
            assert shown.siblings == one.chunks
            for chunk in one.chunks:
                assert chunk.headings[: len(shown.chunk.headings)] == shown.chunk.headings
        with pytest.raises(BadInput, match="budget"):
            index.contents.passages(index.search("x"), 0)
