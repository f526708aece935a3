"""What is added, changed, deleted and refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stories import corpus, ids

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput


class TestAdd:
    def test_unchanged_documents_cost_no_encoding(self, index) -> None:
        report = index.add(corpus())
        assert (report.added, report.chunks) == (40, 40)
        encoded = index.spaces.own.encoder.encoded
        again = index.add(corpus())
        assert (again.added, again.replaced, again.unchanged, again.chunks) == (0, 0, 40, 0)
        assert index.spaces.own.encoder.encoded == encoded

    def test_any_change_replaces(self, index) -> None:
        base = Document("d", "old fox text", "T", {"number": 1})
        index.add([base])
        for changed in (
            replace(base, text="new whale text"),
            replace(base, title="U"),
            replace(base, metadata={"number": 2}),
        ):
            assert index.add([changed]).replaced == 1
            assert index.contents.document("d") == changed and len(index) == 1
        assert index.search("x", where=field("number") == 1) == []

    def test_deleted_documents_vanish(self, index) -> None:
        index.add(corpus())
        assert index.delete(["d3", "d4", "unknown"]) == 2
        assert index.contents.document("d3") is None and len(index) == 38
        assert not {"d3#0-79"} & set(ids(index.search("number 3", k=99)))
        with pytest.raises(BadInput):
            index.delete("d5")

    def test_repeated_ids_in_one_call_are_reported(self, index) -> None:
        report = index.add([Document("a", "first"), Document("a", "second")])
        assert report.added == 1 and report.skipped[0].source == "a"
        assert index.contents.document("a") == Document("a", "first")

    @pytest.mark.parametrize(
        "document",
        [
            Document("a", "x", metadata={"bad": object()}),
            Document("a", "x", metadata={"number": "three"}),
        ],
        ids=["object", "type"],
    )
    def test_documents_that_cannot_be_stored_change_nothing(self, index, document) -> None:
        index.add(corpus(3))
        with pytest.raises(BadInput):
            index.add([Document("b", "good"), document])
        assert sorted(index.store.document_ids()) == ["d0", "d1", "d2"] and len(index) == 3

    @pytest.mark.parametrize(
        "name",
        [
            "Screenshot 2024-05-01 at 9.41\u202fAM.txt",
            "\u3000wide.txt",
            "\ufeffbom.txt",
            "👩\u200d👩\u200d👧.txt",
            "soft\u00adhyphen\u2028line.txt",
        ],
    )
    def test_odd_names_are_ids_like_others(self, index, name) -> None:
        assert index.add([Document(name, "red fox"), *corpus(3)]).added == 4
        assert index.search("red fox", k=1, where=field("doc_id") == name)[0].chunk.doc_id == name
        assert index.add([Document(name, "red fox")]).unchanged == 1 == index.delete([name])

    @pytest.mark.parametrize("bad", ["\0", "\n", "\x1b[31m", "\x9f", "\ud800"])
    def test_an_id_that_cannot_be_stored_is_skipped_alone(self, index, bad) -> None:
        some = [Document(f"a{bad}", "x"), Document("own", "x", user=f"ann{bad}"), *corpus(3)]
        report = index.add(some)
        assert report.added == 3 and sorted(index.store.document_ids()) == ["d0", "d1", "d2"]
        assert [one.source.isprintable() for one in report.skipped] == [True, True]
        assert all("control" in one.reason for one in report.skipped)

    def test_half_a_character_in_a_question_is_read_as_in_a_document(self, index) -> None:
        index.add(
            [Document("odd", "The half \ud800fox"), *corpus(3), Document("p", "x", user="\ufffd")]
        )
        asked, told = "half \udc00fox", "half \ufffdfox"
        assert index.search(asked) == index.search(told) != []
        assert index.search("fox", previous=[asked]) == index.search("fox", previous=[told])
        assert index.contents.document("\ud800") is None
        assert index.contents.matching() == [
            "d0",
            "d1",
            "d2",
            "odd",
        ]

    def test_odd_texts_are_stored_as_they_are(self, index) -> None:
        texts = {
            "nul": "a\0b fox",
            "emoji": "👩‍👩‍👧" * 50,
            "word": "x" * 50_000,
            "blank": " \n\t ",
            "none": "",
        }
        index.add([Document(name, text) for name, text in texts.items()])
        index.add([Document("lone", "fox \ud800 river")])
        for name, text in texts.items():
            assert index.contents.document(name).text == text
        assert index.contents.document("lone").text == "fox \ufffd river"
        assert index.add([Document("lone", "fox \ud800 river")]).unchanged == 1
        assert {hit.chunk.doc_id for hit in index.search("fox", k=2)} == {"nul", "lone"}

    def test_a_document_with_a_title_alone_is_found_by_it(self, index) -> None:
        index.add([Document("t", "", "A fast sorting method"), Document("nothing", "  ")])
        [hit] = index.search("sorting methods")
        assert (hit.id, hit.text, hit.chunk.title) == ("t#0-0", "", "A fast sorting method")
        assert len(index) == 1 and index.contents.document("nothing") is not None

    def test_empty_corpus(self, index) -> None:
        assert index.add([]).documents == 0
        assert index.search("anything") == [] and len(index) == 0


def test_writers_in_two_handles_do_not_duplicate_or_lose(tmp_path) -> None:
    first = Index.create(tmp_path / "kb", encoder=HashEncoder())
    second = Index.open(tmp_path / "kb", encoder=HashEncoder())
    first.add(corpus(10))
    assert second.add(corpus(10)).unchanged == 10
    second.add([replace(corpus(1)[0], text="changed elsewhere")])
    assert first.search("changed elsewhere", k=1)[0].text == "changed elsewhere"
    assert first.delete(["d0"]) == 1 and len(second) == 9
    assert second.search("changed elsewhere", k=1)[0].chunk.doc_id != "d0"
