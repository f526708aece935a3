"""Deleting needs evidence: what did not come again under a scope."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from handbook import filled, ids

from rag_embed import Document, Skipped
from rag_embed.errors import BadInput


class TestScopes:
    def test_only_what_came_under_the_scope_is_deleted(self, index, folder) -> None:
        index.add_files(folder)
        index.add([Document("mine", "from a program")])
        index.sync([Document("n1", "another kind")], scope="news")
        tickets = [Document(f"t{i}", f"ticket {i}") for i in range(3)]
        own = Document("t9", "ticket of ann", user="ann")
        assert index.sync([*tickets, own], scope="tickets").added == 4
        report = index.sync(tickets[:1], scope="tickets")
        assert (report.unchanged, report.deleted) == (1, 2)
        assert report.notes == (
            "Kept although missing: 1 document with an owner, from 'tickets'. Of an owner of whom nothing "
            "came, nothing is deleted; if they are to go, delete them by id.",
        )
        others = ["handbook/leave.md", "handbook/rooms/kitchen.txt", "mine", "n1"]
        assert ids(index) == [*others, "t0", "t9"]

    def test_an_owners_documents_follow_what_comes_of_the_same_owner(self, index) -> None:
        """They stayed for good, and nobody was told: an edited private document was found in both editions."""
        given = [
            Document(f"{one}{i}", f"{one} {i}", user=one) for one in ("ann", "bob") for i in (1, 2)
        ]
        index.sync([*given, Document("shared", "x")], scope="notes")
        index.sync([Document("ann9", "ann 9", user="ann")], scope="others")
        index.add([Document("ann8", "a program's", user="ann")])
        edited = Document("ann3", "ann 3", user="ann")
        plan = index.sync([given[0], edited], scope="notes", dry_run=True)
        report = index.sync([given[0], edited], scope="notes")
        assert plan.deleted == report.deleted == 2 and plan.notes == report.notes
        assert "2 documents with an owner, from 'notes'" in report.notes[0]
        assert ids(index) == ["ann1", "ann3", "ann8", "ann9", "bob1", "bob2"]
        last = index.sync([], scope="notes", allow_empty=True)
        assert last.deleted == 0 and "4 documents with an owner" in last.notes[0]

    def test_nothing_came(self, index) -> None:
        index.sync([Document("a", "x"), Document("b", "x")], scope="all")
        for nothing in ([], [Skipped("c", "unreadable")]):
            with pytest.raises(BadInput, match=r"'all'.* 2 documents"):
                index.sync(nothing, scope="all")
        assert ids(index) == ["a", "b"]
        assert index.sync([], scope="all", dry_run=True, allow_empty=True).deleted == 2
        assert index.sync([], scope="all", allow_empty=True).deleted == 2 and not ids(index)
        assert index.sync([], scope="all").documents == 0

    def test_an_iterable_that_breaks_deletes_nothing(self, index) -> None:
        index.sync([Document("a", "x"), Document("b", "x")], scope="all")

        def broken() -> Iterator[Document]:
            yield Document("a", "x")
            raise OSError("connection lost")

        with pytest.raises(OSError, match="connection"):
            index.sync(broken(), scope="all")
        assert ids(index) == ["a", "b"]

    def test_what_was_skipped_stays(self, index) -> None:
        documents = [
            Document("d0", "x"),
            Document("d4", "x"),
            Document("folder/a.md", "one"),
            Document("r1", "two", metadata={"path": "data/rows.jsonl"}),
            Document("folder2/b.md", "three"),
        ]
        index.sync(documents, scope="all")
        skipped = [
            Skipped("d4", "unreadable today"),
            Skipped("folder", "cannot be listed"),
            Skipped("data/rows.jsonl:7", "broken"),
        ]
        report = index.sync([documents[0], *skipped], scope="all")
        assert report.deleted == 1 and ids(index) == ["d0", "d4", "folder/a.md", "r1"]
        assert [note.partition(", since")[0] for note in report.notes] == [
            "Kept although missing: 3 documents of 'all'"
        ]

    def test_whose_an_id_is(self, index, folder) -> None:
        index.add([Document("a", "x"), Document("b", "x")])
        assert index.sync([Document("a", "x")], scope="one").replaced == 1
        report = index.sync([Document("a", "y"), Document("c", "x")], scope="two")
        assert "'one'" in report.skipped[0].reason and index.contents.document("a").text == "x"
        index.add([Document("a", "a program's again")])
        assert index.sync([Document("z", "x")], scope="one").deleted == 0
        assert ids(index) == ["a", "b", "c", "z"]
        index.add_files(folder)
        with pytest.raises(BadInput, match="is the folder"):
            index.sync([], scope="handbook")
        with pytest.raises(BadInput, match="scope of"):
            index.add_files(filled(folder.parent / "one", {"a.md": "x"}))
        with pytest.raises(BadInput, match="name"):
            index.sync([], scope="a/b")
