"""What is found: by every leg, for every option, the same in every store."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stories import Counting, corpus, ids

from rag_embed import Document, Index, Query, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput


class TestSearch:
    def test_finds_by_words_and_says_why(self, index) -> None:
        index.add(corpus())
        hit = index.search("number 17")[0]
        assert hit.chunk.doc_id == "d17"
        assert hit.text == corpus()[17].text and hit.chunk.title == "Story 17"
        assert [part.leg for part in hit.parts] == ["dense", "lexical"]
        assert sum(part.contribution for part in hit.parts) == pytest.approx(hit.score, abs=1e-6)
        assert 0.0 <= hit.relevance <= 1.0

    def test_fewer_hits_are_a_prefix_of_more(self, index) -> None:
        index.add(corpus(300))
        full = ids(index.search("the fox and the violin", k=1000))
        assert len(full) == 300 == len(set(full))
        for k in (0, 1, 5, 99, 100, 101, 250):
            assert ids(index.search("the fox and the violin", k=k)) == full[:k]

    def test_a_batch_answers_like_single_queries(self, index) -> None:
        index.add(corpus())
        queries = [
            Query("fox and whale", k=3),
            Query("", k=3),
            Query("wine", k=7, where=field("kind") == "odd"),
            Query("wine", k=0),
            Query("lamp engine", k=5, group_by="document", diversity=0.5),
        ]
        together = index.search_many(queries)
        assert [ids(hits) for hits in together] == [ids(index.search(q)) for q in queries]
        assert together[1] == [] and together[3] == [] and len(together[2]) == 7

    def test_filters_hold_in_every_leg(self, index) -> None:
        index.add(corpus())
        hits = index.search(
            "fox wine", k=50, where=(field("number") >= 10) & ~(field("kind") == "odd")
        )
        numbers = sorted(hit.chunk.metadata["number"] for hit in hits)
        assert numbers == list(range(10, 40, 2))
        assert index.search("fox", where=field("number") > 1000) == []

    def test_owner_sees_shared_and_own_only(self, index) -> None:
        index.add(
            [*corpus(3), Document("s", "secret fox", user="ann"), Document("t", "x", user="bob")]
        )
        assert {h.chunk.doc_id for h in index.search("secret fox", k=9)} == {"d0", "d1", "d2"}
        own = {h.chunk.doc_id for h in index.search("secret fox", k=9, user="ann")}
        assert own == {"d0", "d1", "d2", "s"}
        widened = (field("user_id") == "bob") | field("user_id").is_missing()
        seen = {h.chunk.doc_id for h in index.search("x", k=9, user="ann", where=widened)}
        assert "t" not in seen

    def test_another_owner_cannot_take_over_an_id(self, index, caplog) -> None:
        index.add([Document("s", "secret fox", user="ann")])
        for user in (None, "bob"):
            report = index.add(
                [Document("s", "mine now", user=user), Document(f"free {user}", "tea")]
            )
            assert report.added == 1 and [one.source for one in report.failed] == ["s"]
            assert "belongs to another owner" in report.skipped[0].reason
        warned = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
        assert len(warned) == 2 and warned[0].startswith("1 document skipped, s: ")
        assert index.search("secret", user="ann")[0].text == "secret fox"

    def test_who_adds_an_id_first_keeps_it(self, index, monkeypatch) -> None:
        """Two users at the same moment: both found it free, and one encodes longer."""
        others = [Document("s", "secret fox", user="ann")]

        def slow(encoder, texts, /):
            while others:
                index.add([others.pop()])
            return HashEncoder.encode_document(encoder, texts)

        monkeypatch.setattr(Counting, "encode_document", slow)
        report = index.add([Document("s", "mine now", user="bob"), Document("t", "x", user="bob")])
        assert report.added == 1 and "another owner" in report.skipped[0].reason
        assert [hit.text for hit in index.search("secret", user="ann")] == ["secret fox"]
        assert [hit.text for hit in index.search("secret", user="bob")] == ["x"]

    def test_group_by_document_gives_each_document_once(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(), chunk_tokens=12)
        index.add(replace(d, text=d.text * 5) for d in corpus(12))
        chunks = index.search("fox home", k=400)
        grouped = index.search("fox home", k=400, group_by="document")
        first = list(dict.fromkeys(hit.chunk.doc_id for hit in chunks))
        assert [hit.chunk.doc_id for hit in grouped] == first and len(first) == 12
        assert all(s.doc_id == hit.chunk.doc_id for hit in grouped for s in hit.siblings)
        assert any(hit.siblings for hit in grouped)

    def test_diversity_keeps_the_best_and_drops_copies(self, index) -> None:
        copies = [Document(f"c{i}", "red fox in the snow") for i in range(5)]
        index.add([*copies, Document("z", "a red boat with a fox flag on a lake")])
        assert ids(index.search("red fox", k=2)) == ["c0#0-19", "c1#0-19"]
        assert ids(index.search("red fox", k=2, diversity=0.6)) == ["c0#0-19", "z#0-36"]

    def test_min_relevance_cuts_the_tail(self, index) -> None:
        index.add(corpus())
        hits = index.search("number 17", k=40)
        cut = hits[3].relevance
        kept = index.search("number 17", k=40, min_relevance=cut)
        assert ids(kept) == [h.id for h in hits if h.relevance >= cut] and 0 < len(kept) < 40

    @pytest.mark.parametrize(
        "options",
        [
            {"k": -1},
            {"k": 2.5},
            {"min_relevance": 2},
            {"min_relevance": "a"},
            {"diversity": -1},
            {"group_by": "page"},
            {"user": 7},
            {"user": ""},
            {"user": "\ud800"},
            {"where": {"year": 1}},
        ],
    )
    def test_bad_options_are_refused(self, index, options) -> None:
        with pytest.raises(BadInput):
            index.search("fox", **options)

    def test_neighbours_and_section(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(), chunk_tokens=8)
        text = "# A\n\nOne two three four five six.\n\nSeven eight nine ten eleven.\n\n# B\n\nLast one."
        index.add([Document("d", text, metadata={"format": "markdown"})])
        middle = next(hit for hit in index.search("seven eight nine", k=9) if "Seven" in hit.text)
        around = index.contents.neighbours(middle, before=1, after=0)
        assert [chunk.ordinal for chunk in around] == [
            middle.chunk.ordinal - 1,
            middle.chunk.ordinal,
        ]
        section = index.contents.section(middle)
        assert all(chunk.headings[:1] == ("A",) for chunk in section) and len(section) >= 2


def test_scores_do_not_depend_on_the_store(tmp_path) -> None:
    memory = Index.in_memory(encoder=HashEncoder())
    lance = Index.create(tmp_path / "kb", encoder=HashEncoder())
    on_disk = Index.open(tmp_path / "kb", encoder=HashEncoder())
    on_disk.store.cache_bytes = 0
    for index in (memory, lance):
        index.add(corpus(200))
    for query in ("fox whale", "number 150", "the engine goes home", "nothing in common: zebra"):
        reference = memory.search(query, k=20)
        for index in (lance, on_disk):
            hits = index.search(query, k=20)
            assert ids(hits) == ids(reference)
            np.testing.assert_allclose(
                [h.score for h in hits], [h.score for h in reference], atol=2e-5
            )
