"""Ids begin with the name of a folder, which is one folder's alone."""

from __future__ import annotations

import pytest
from handbook import filled, ids, lines

from rag_embed import Document, Index, Skipped, read
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.indexing import settings
from rag_embed.indexing.evidence import Mode
from rag_embed.indexing.folders import Files
from rag_embed.indexing.sync import synced


class TestNames:
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
            synced(index.spaces.ingest(lenient=True), late, Mode(False))
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
            with pytest.raises(BadInput, match="name of its own.* rename or remove .* first"):
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

    def test_a_folder_that_was_moved_and_renamed(self, index, folder, tmp_path) -> None:
        """It cannot be told from a new one, but the report says what was found."""
        index.add_files(folder)
        moved = folder.rename(tmp_path / "manual")
        report = index.add_files(moved)
        [note] = report.notes
        assert report.added and "of the folder 'handbook', which was" in note
        assert index.add_files(moved).notes == ()
        assert index.add_files(folder, prune=True, allow_empty=True).deleted == report.added
        (tmp_path / "else").mkdir()
        (tmp_path / "else" / "other.md").write_text("x")
        assert index.add_files(tmp_path / "else").notes == ()

    @pytest.mark.parametrize("how", [{"exclude": ["leave.md"]}, {}])
    def test_documents_whose_files_are_left_out_now_are_told_of(self, index, folder, how) -> None:
        index.add_files(folder)
        if not how:
            (folder / ".gitignore").write_text("leave.md\n")
        for dry in (True, False):
            report = index.add_files(folder, prune=True, dry_run=dry, **how)
            [note] = report.notes
            assert report.deleted == 0 and note.startswith(
                "Kept although left out this time: 1 document,"
            )
            assert "'handbook/leave.md'" in note
        index.delete(["handbook/leave.md"])
        assert index.add_files(folder, prune=True, **how).notes == ()

    def test_records_without_ids_are_told_of(self, index, tmp_path) -> None:
        path = filled(tmp_path / "data", {}).parent / "data.jsonl"
        lines(path, {"text": "one"}, {"text": "two"}, {"id": "3", "text": "three"})
        [note] = index.add_files(path).notes
        assert "no id: 2 records of " in note and "Give each record an 'id'" in note

    def test_an_id_that_comes_twice_is_told_with_where_it_came_from(self, index, tmp_path) -> None:
        folder = filled(tmp_path / "both", {"x.md": "x"})
        for name in ("a", "b"):
            lines(folder / f"{name}.jsonl", {"id": "1", "text": f"of {name}"})
        [skipped] = index.add_files(folder).skipped
        assert "came before in the same call from 'both/a.jsonl'" in skipped.reason

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

    def test_what_is_named_beside_its_folder_is_read_whatever_the_rules_say(
        self, index, tmp_path
    ) -> None:
        top = filled(tmp_path / "work", {"a.md": "fox", "b.md": "owl", ".github/flows/ci.yml": "x"})
        (top / "odd.bin").write_bytes(b"caf\xe9")
        named = (top, top / ".github" / "flows", top / "odd.bin", top / "a.md")
        assert index.add_files(*named).added == 4
        everything = ["work/.github/flows/ci.yml", "work/a.md", "work/b.md", "work/odd.bin"]
        assert ids(index) == everything
        (top / "b.md").unlink()
        again = index.add_files(*named, prune=True)  # of the folder itself no file is left to read
        assert (again.unchanged, again.deleted) == (3, 1)
        assert index.add_files(top, prune=True).deleted == 0

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

    def test_no_index_is_made_among_documents(self, tmp_path) -> None:
        folder = filled(tmp_path / "work", {"a.md": "x", "sub/b.md": "x", ".DS_Store": "x"})
        before = sorted(folder.rglob("*"))
        for making in (Index.at, Index.create):
            with pytest.raises(
                BadInput, match=r"holds what is .*, 2 files, such as 'a.md'.*work/kb'"
            ):
                making(folder, encoder=HashEncoder(16))
        assert sorted(folder.rglob("*")) == before
        within = Index.at(folder / "kb", encoder=HashEncoder(16))
        assert within.add_files(folder).added == 2

    def test_an_index_is_made_where_nothing_lies_that_counts(self, tmp_path) -> None:
        folder = filled(tmp_path / "kb", {".gitignore": "x", ".git/config": "x", "Thumbs.db": "x"})
        (folder / "lost+found").mkdir()
        (folder / "chunks.lance").mkdir()  # left by a creation that was interrupted
        (folder / "writing.lock").touch()
        assert Index.at(folder, encoder=HashEncoder(16)).add([Document("a", "x")]).added == 1

    def test_documents_beside_an_index_are_told_of(self, tmp_path) -> None:
        folder = filled(tmp_path / "work", {"a.md": "x"})
        Index.create(folder / "mixed", encoder=HashEncoder(16))
        filled(folder / "mixed", {"b.md": "x", "sub/c.md": "x"})
        report = Index.at(tmp_path / "kb", encoder=HashEncoder(16)).add_files(folder)
        (told,) = report.failed
        assert told.source == "work/mixed"
        assert told.reason.startswith("holds an index and 2 files, such as 'b.md', not read; move")
        with pytest.raises(
            BadInput, match="is an index.* Besides it holds 2 files, such as 'b.md'"
        ):
            Index.open(tmp_path / "kb", encoder=HashEncoder(16)).add_files(folder / "mixed")
