"""What counts as done, and how much is written at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from handbook import ids

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.indexing.batches import TIDIED, Batches
from rag_embed.types import Cut


class TestProgress:
    def test_documents_count_when_they_are_written(self, index) -> None:
        documents = [Document(f"d{i}", "fox " * 2000) for i in range(40)]
        seen = []

        def told(now) -> None:
            stored = len(ids(index))
            assert now.done == stored
            seen.append(stored)

        index.add(documents, progress=told)
        assert seen[-1] == 40 and sorted(seen) == seen
        first = next(count for count in seen if count)
        assert first <= 2 and len(set(seen)) >= 4
        seen.clear()
        index.add(documents, progress=lambda now: seen.append(now.done))
        assert seen[0] == 8 and seen[-1] == 40

    def test_a_run_that_breaks_keeps_what_it_has_written(self, index) -> None:
        read: list[int] = []

        def slow() -> Iterator[Document]:
            for i in range(100):
                if i == 20:
                    raise KeyboardInterrupt
                read.append(i)
                yield Document(f"d{i}", "fox " * 5000)

        with pytest.raises(KeyboardInterrupt):
            index.add(slow())
        assert len(ids(index)) >= 7

    def test_batches_grow_to_a_limit(self) -> None:
        batches, cut = Batches(), Cut(Document("d", "x" * 1000), [])
        ends = [i for i in range(3000) if batches.full_after(cut)]
        sizes = [b - a for a, b in zip([-1, *ends], ends, strict=False)]
        assert sizes[:9] == [16, 32, 64, 128, 256, 500, 500, 500, 500]


def test_a_long_run_tidies_up_what_it_leaves_behind(tmp_path, monkeypatch) -> None:
    """Each look-up of ids reads all files that hold a table: without, a run takes the square of its length."""
    monkeypatch.setattr("rag_embed.indexing.batches.FIRST_CHARACTERS", 1)
    monkeypatch.setattr("rag_embed.indexing.batches.CHARACTERS", 1)
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(8))
    fragments = []

    def told(_: object) -> None:
        table = index.store._tables()["chunks"]
        fragments.append(table.stats()["fragment_stats"]["num_fragments"])

    index.add([Document(f"d{i}", f"The fox number {i}.") for i in range(150)], progress=told)
    assert len(fragments) > 150 and max(fragments) <= TIDIED
