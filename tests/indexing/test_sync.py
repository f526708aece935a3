"""Deleting needs evidence: `Index.add_files` with ``prune``, and `Index.sync`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag_embed import Document, Index, Skipped, read
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.indexing import settings
from rag_embed.indexing.batches import Batches
from rag_embed.indexing.evidence import Mode
from rag_embed.indexing.folders import Files
from rag_embed.indexing.ingest import Change
from rag_embed.indexing.sync import synced
from rag_embed.types import Cut


@pytest.fixture(params=["memory", "lance"])
def index(request, tmp_path) -> Index:
    fields = {"year": int}
    if request.param == "memory":
        return Index.in_memory(encoder=HashEncoder(16), fields=fields)
    return Index.create(tmp_path / "kb", encoder=HashEncoder(16), fields=fields)


@pytest.fixture
def folder(tmp_path) -> Path:
    return filled(
        tmp_path / "handbook",
        {"leave.md": "# Leave\n\nThirty days.", "rooms/kitchen.txt": "Coffee on Friday."},
    )


def filled(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def lines(path: Path, *records: dict[str, object]) -> None:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


def ids(index: Index) -> list[str]:
    return sorted(index.store.document_ids())


class TestFolders:
    def test_two_folders_with_equal_names_live_side_by_side(self, index, tmp_path) -> None:
        a = filled(tmp_path / "a", {"readme.md": "fox", "one.md": "fox"})
        b = filled(tmp_path / "b", {"readme.md": "whale", "two.md": "whale"})
        index.add_files(a)
        assert index.add_files(b, prune=True).added == 2
        assert ids(index) == ["a/one.md", "a/readme.md", "b/readme.md", "b/two.md"]
        assert index.contents.document("a/readme.md").text == "fox"
        (b / "two.md").unlink()
        report = index.add_files(b, prune=True)
        assert (report.unchanged, report.deleted) == (1, 1)
        assert ids(index) == ["a/one.md", "a/readme.md", "b/readme.md"]

    def test_an_id_is_the_same_however_its_file_is_named(
        self, index, folder, tmp_path, monkeypatch
    ) -> None:
        other = filled(tmp_path / "other", {"leave.md": "x"})
        expected = ["handbook/leave.md", "handbook/rooms/kitchen.txt"]
        index.add_files(folder / "leave.md")
        assert ids(index) == expected[:1]
        index.add_files(folder)
        index.add_files(folder, other)
        index.add_files(other, folder / "rooms", folder)
        index.add_files(folder / "rooms" / "kitchen.txt")
        index.add_files(f"{folder}/rooms/../")
        (tmp_path / "link").symlink_to(folder, target_is_directory=True)
        index.add_files(tmp_path / "link" / "rooms")
        monkeypatch.chdir(folder)
        report = index.add_files(".")
        assert report.unchanged == 2 and ids(index) == [*expected, "other/leave.md"]
        assert index.add(read(folder)).documents == 2 and len(ids(index)) == 3

    def test_what_did_not_come_from_a_folder_stays(self, index, folder) -> None:
        lines(
            folder / "people.jsonl",
            {"id": "shared", "text": "fox"},
            {"id": "note", "text": "a secret", "user": "ann"},
        )
        index.add_files(folder)
        index.add(
            [
                Document("mine", "from a program"),
                Document("handbook/mine.md", "x", metadata={"path": "handbook/mine.md"}),
                Document("own", "private", user="bob"),
                replace(index.contents.document("handbook/leave.md"), id="handbook/copy.md"),
            ]
        )
        index.add(read(filled(folder.parent / "notes", {"a.md": "x"})))
        lines(folder / "people.jsonl", {"id": "other", "text": "whale"})
        (folder / "leave.md").unlink()
        assert index.add_files(folder, prune=True).deleted == 2
        left = ["handbook/copy.md", "handbook/mine.md", "handbook/rooms/kitchen.txt", "mine"]
        assert ids(index) == [*left, "note", "notes/a.md", "other", "own"]

    def test_a_folder_that_is_missing_empty_or_unreadable_deletes_nothing(
        self, index, folder, monkeypatch
    ) -> None:
        index.add_files(folder)
        aside = folder.rename(folder.with_name("aside"))
        with pytest.raises(BadInput, match="no file or folder"):
            index.add_files(folder, prune=True)
        folder.mkdir()
        (folder / ".keep").touch()
        for dry_run in (False, True):
            with pytest.raises(BadInput, match=r"Nothing could be read from .* 2 documents"):
                index.add_files(folder, prune=True, dry_run=dry_run)
        assert index.add_files(folder).deleted == 0
        (folder / ".keep").unlink()
        folder.rmdir()
        aside.rename(folder)

        listdir = os.listdir

        def refuse(path):
            if Path(path) == folder:
                raise PermissionError(13, "Permission denied", path)
            return listdir(path)

        with monkeypatch.context() as patch:
            patch.setattr(os, "listdir", refuse)
            assert index.add_files(folder).skipped[0].source == "handbook"
            with pytest.raises(BadInput, match="Nothing could be read"):
                index.add_files(folder, prune=True)
            assert index.add_files(folder, prune=True, allow_empty=True).deleted == 0
        assert len(ids(index)) == 2
        folder.rename(folder.with_name("gone"))
        assert index.add_files(folder, prune=True, allow_empty=True).deleted == 2 and not ids(index)

    def test_a_folder_below_is_pruned_alone(self, index, folder) -> None:
        filled(folder, {"rooms/attic.txt": "Dust."})
        index.add_files(folder)
        for name in ("leave.md", "rooms/attic.txt"):
            (folder / name).unlink()
        assert index.add_files(folder / "rooms", prune=True).deleted == 1
        assert ids(index) == ["handbook/leave.md", "handbook/rooms/kitchen.txt"]
        (folder / "rooms" / "kitchen.txt").unlink()
        with pytest.raises(BadInput, match="handbook/rooms'"):
            index.add_files(folder / "rooms", prune=True)
        lines(folder / "rooms.jsonl", {"id": "r", "text": "x"})
        index.add_files(folder / "rooms.jsonl")
        (folder / "rooms.jsonl").write_text("")
        with pytest.raises(BadInput, match=r"handbook/rooms\.jsonl'"):
            index.add_files(folder / "rooms.jsonl", prune=True)
        assert index.add_files(folder, prune=True, allow_empty=True).deleted == 3

    def test_a_file_that_is_there_keeps_its_document(self, index, folder, monkeypatch) -> None:
        index.add_files(folder)
        report = index.add_files(folder, include=["*.md"], prune=True)
        assert (report.unchanged, report.deleted) == (1, 0)
        (folder / "leave.md").write_bytes(b"\0\1")
        assert index.add_files(folder, prune=True).deleted == 0
        lstat = os.lstat

        def refuse(path, **options):
            if Path(path).name == "leave.md":
                raise PermissionError(13, "Permission denied", path)
            return lstat(path, **options)

        (folder / "leave.md").unlink()
        monkeypatch.setattr(os, "lstat", refuse)
        assert index.add_files(folder, prune=True).deleted == 0

    def test_records_go_when_their_file_no_longer_has_them(self, index, tmp_path) -> None:
        path = filled(tmp_path / "data", {}).parent / "data.jsonl"
        lines(path, *({"id": f"r{i}", "text": f"fox {i}"} for i in range(4)))
        index.add_files(path)
        path.write_text(json.dumps({"id": "r0", "text": "fox 0"}) + "\nbroken\n")
        assert index.add_files(path, prune=True).deleted == 0
        lines(path, {"id": "r0", "text": "fox 0"})
        assert index.add_files(path, prune=True).deleted == 3 and ids(index) == ["r0"]

    def test_one_record_that_cannot_be_stored_is_skipped_alone(self, index, tmp_path) -> None:
        index.add([Document("taken", "secret", user="ann")])
        path = tmp_path / "data.jsonl"
        lines(
            path,
            {"id": "good", "text": "fox", "year": 2020},
            {"id": "soon", "text": "fox", "year": "soon"},
            {"id": "taken", "text": "fox"},
            {"id": "a\nb", "text": "fox"},
        )
        report = index.add_files(path)
        assert report.added == 1 and ids(index) == ["good", "taken"]
        reasons = {one.source: one.reason for one in report.skipped}
        assert "'year'" in reasons["soon"] and "another owner" in reasons["taken"]
        assert reasons.keys() == {"soon", "taken", "a\\nb"}

    def test_a_record_does_not_take_the_id_of_another_folder(self, index, tmp_path) -> None:
        a, b = filled(tmp_path / "a", {"x.md": "x"}), filled(tmp_path / "b", {"x.md": "x"})
        lines(a / "data.jsonl", {"id": "1", "text": "of a"})
        lines(b / "data.jsonl", {"id": "1", "text": "of b"}, {"id": "2", "text": "of b"})
        index.add([Document("2", "of a program")])
        index.add_files(a)
        report = index.add_files(b, prune=True)
        assert report.added == 1 and [one.source for one in report.skipped] == ["1", "2"]
        assert "a/data.jsonl" in report.skipped[0].reason
        assert (index.contents.document("1").text, index.contents.document("2").text) == (
            "of a",
            "of a program",
        )
        (a / "data.jsonl").rename(a / "moved.jsonl")
        assert index.add_files(a, prune=True).replaced == 1 and "1" in ids(index)

    def test_files_that_an_earlier_version_added_are_not_added_twice(self, index, folder) -> None:
        """Then an id was the path below the folder, without the folder's own name."""
        index.add(read(folder, name=""))
        lines(folder / "people.jsonl", {"id": "r", "text": "fox"})
        index.add([Document("r", "fox", metadata={"path": "people.jsonl"})])
        (folder / "leave.md").write_text("# Leave\n\nForty days.")
        filled(folder, {"new.txt": "x"})
        for dry_run in (True, False):
            report = index.add_files(folder, prune=True, dry_run=dry_run)
            assert (report.added, report.replaced, report.deleted) == (1, 1, 0)
            reasons = {one.source: one.reason for one in report.skipped}
            assert reasons.keys() == {"handbook/leave.md", "handbook/rooms/kitchen.txt"}
            assert "as 'leave.md'" in reasons["handbook/leave.md"]
        assert ids(index) == ["handbook/new.txt", "leave.md", "r", "rooms/kitchen.txt"]
        index.delete(["leave.md", "rooms/kitchen.txt"])
        assert index.add_files(folder).added == 2
        index.add(
            [
                Document("two.txt", "of a program"),
                Document("three.txt", "x", metadata={"path": "y"}),
            ]
        )
        assert index.add_files(filled(folder, {"two.txt": "x", "three.txt": "x"})).added == 2

    def test_a_name_that_was_taken_a_moment_ago(self, index, folder, tmp_path) -> None:
        late, _ = Files.of(index.store, [folder], {})
        other = filled(tmp_path / "x" / "handbook", {"leave.md": "another"})
        index.add_files(other)
        with pytest.raises(BadInput, match="name of its own"):
            synced(index._ingest(lenient=True), late, Mode(False))
        assert ids(index) == ["handbook/leave.md"]
        assert index.contents.document("handbook/leave.md").text == "another"
        assert settings.read(index.store).roots["handbook"].place == str(other)

    def test_a_record_whose_id_is_taken_meanwhile_is_skipped_alone(
        self, index, tmp_path, monkeypatch
    ) -> None:
        path = tmp_path / "data.jsonl"
        lines(path, *({"id": f"r{i}", "text": f"fox {i}"} for i in range(3)))
        others = [Document("r1", "secret", user="ann")]

        def slow(encoder, texts, /):
            while others:
                index.add([others.pop()])
            return whole(encoder, texts)

        whole = HashEncoder.encode_document
        monkeypatch.setattr(HashEncoder, "encode_document", slow)
        report = index.add_files(path)
        assert report.added == 2 and "another owner" in report.skipped[0].reason
        assert (
            ids(index) == ["r0", "r1", "r2"]
            and index.contents.document("r1", user="ann").text == "secret"
        )

    def test_a_name_is_one_folders(self, index, folder, tmp_path) -> None:
        index.add_files(folder)
        other = filled(tmp_path / "x" / "handbook", {"leave.md": "another", "new.md": "x"})
        for name in (None, "handbook"):
            with pytest.raises(BadInput, match="name of its own"):
                index.add_files(other, name=name, prune=True)
        with pytest.raises(BadInput, match="name of its own"):
            index.add_files(filled(tmp_path / "y" / "handbook", {"a.md": "x"}), other)
        index.add_files(other, name="second")
        index.add_files(other)
        assert ids(index)[2:] == ["second/leave.md", "second/new.md"] and len(ids(index)) == 4
        with pytest.raises(BadInput, match="'second'"):
            index.add_files(other, name="third")
        for name in ("", "a/b", "a\n"):
            with pytest.raises(BadInput, match="name"):
                index.add_files(filled(tmp_path / "z", {"a.md": "x"}), name=name)
        with pytest.raises(BadInput, match="one folder"):
            index.add_files(folder, other, name="both")
        with pytest.raises(BadInput, match="use both"):
            index.add_files(folder, allow_empty=True)

    def test_odd_names_of_folders(self, index, tmp_path) -> None:
        odd = filled(tmp_path / "at 9.41\u202fAM", {"\u3000/👩\u200d👧.txt": "x"})
        assert index.add_files(odd).added == 1
        assert ids(index) == ["at 9.41\u202fAM/\u3000/👩\u200d👧.txt"]
        bad = filled(tmp_path / "two\nlines", {"a.md": "x"})
        for path in (bad, "/"):
            with pytest.raises(BadInput, match="--name"):
                index.add_files(path, dry_run=True)
        assert index.add_files(bad, name="lines").added == 1

    def test_a_folder_that_was_moved(self, index, folder, tmp_path) -> None:
        index.add_files(folder)
        (tmp_path / "new").mkdir()
        moved = folder.rename(tmp_path / "new" / "handbook")
        (moved / "leave.md").unlink()
        with pytest.raises(BadInput, match="is not there"):
            index.add_files(moved, prune=True)
        report = index.add_files(moved, name="handbook", prune=True)
        assert (report.unchanged, report.deleted) == (1, 1)
        assert index.add_files(moved, prune=True).unchanged == 1

    def test_a_folder_inside_another_keeps_its_ids(self, index, folder, tmp_path) -> None:
        index.add_files(folder / "rooms")
        index.add_files(tmp_path / "handbook")
        assert ids(index) == ["handbook/leave.md", "rooms/kitchen.txt"]
        filled(folder, {"rooms/attic.txt": "Dust.", "rooms/deep/a.txt": "x"})
        (folder / "leave.md").write_text("changed")
        report = index.add_files(folder, prune=True)
        assert (report.added, report.replaced, report.unchanged) == (2, 1, 1)
        (folder / "rooms" / "attic.txt").unlink()
        assert index.add_files(folder, prune=True).deleted == 1
        assert ids(index) == ["handbook/leave.md", "rooms/deep/a.txt", "rooms/kitchen.txt"]

    def test_a_file_alone_makes_no_folder_of_what_lies_around_it(self, index, tmp_path) -> None:
        home = filled(tmp_path / "ann", {"notes.txt": "x", "handbook/a.md": "x", "todo.txt": "x"})
        index.add_files(home / "notes.txt")
        index.add_files(home / "handbook")
        assert ids(index) == ["ann/notes.txt", "handbook/a.md"]
        index.add_files(home)
        assert ids(index) == ["ann/notes.txt", "ann/todo.txt", "handbook/a.md"]

    def test_an_index_is_no_folder_of_documents(self, tmp_path) -> None:
        folder = filled(tmp_path / "work", {"a.md": "x"})
        index = Index.create(folder / "kb", encoder=HashEncoder(16))
        report = index.add_files(folder)
        assert ids(index) == ["work/a.md"]
        assert report.skipped == (Skipped("work/kb", "an index of rag_embed", by_rule=True),)
        assert index.add_files(folder, prune=True).documents == 1
        with pytest.raises(BadInput, match="is an index"):
            index.add_files(folder / "kb")

    def test_a_dry_run_lists_and_changes_nothing(self, index, folder) -> None:
        everything = index.add_files(folder, dry_run=True)
        assert everything.added == 2 and not ids(index)
        assert not settings.read(index.store).roots
        assert everything.planned[0] == Change("add", "handbook/leave.md")
        index.add_files(folder)
        filled(folder, {"leave.md": "changed", "new.md": "x"})
        (folder / "rooms" / "kitchen.txt").unlink()
        before = index.store.view().documents(ids(index))
        report = index.add_files(folder, prune=True, dry_run=True)
        assert report.planned == (
            Change("replace", "handbook/leave.md"),
            Change("add", "handbook/new.md"),
            Change("delete", "handbook/rooms/kitchen.txt"),
        )
        assert (report.added, report.replaced, report.deleted, report.chunks) == (1, 1, 1, 0)
        assert index.store.view().documents(ids(index)) == before
        done = index.add_files(folder, prune=True)
        assert (done.added, done.replaced, done.deleted, done.planned) == (1, 1, 1, ())


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
        others = ["handbook/leave.md", "handbook/rooms/kitchen.txt", "mine", "n1"]
        assert ids(index) == [*others, "t0", "t9"]

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
        assert index.sync([documents[0], *skipped], scope="all").deleted == 1
        assert ids(index) == ["d0", "d4", "folder/a.md", "r1"]

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
