"""``situate="auto"`` asks a sample."""

from __future__ import annotations

from pydoc_data.topics import topics

import pytest
from three_texts import documents

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput


class TestSituate:
    def test_auto_measures_on_a_sample(self, tmp_path) -> None:
        some = [Document(name, topics[name], name) for name in sorted(topics)[:12]]
        index = Index.create(
            tmp_path / "kb",
            encoder=HashEncoder(128),
            situate="auto",
            sample=some,
            chunk_tokens=60,
        )
        assert (
            "nDCG@10" in index.contents.stats()["situated"]
            or "No candidate" in index.contents.stats()["situated"]
        )
        index.add(some[:2])
        again = Index.open(tmp_path / "kb", encoder=HashEncoder(128))
        assert again.spaces.own.signature == index.spaces.own.signature
        assert again.add(some[:3]).added == 1

    def test_auto_needs_a_sample_and_nothing_else_does(self) -> None:
        for options in ({"situate": "auto"}, {"situate": "titled", "sample": documents()}):
            with pytest.raises(BadInput, match="sample"):
                Index.in_memory(encoder=HashEncoder(16), **options)
        with pytest.raises(BadInput, match="20 are the least"):
            Index.in_memory(encoder=HashEncoder(16), situate="auto", sample=documents())
