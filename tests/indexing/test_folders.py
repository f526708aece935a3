"""Deleting needs evidence: what is gone from a folder, and what only seems to be."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from handbook import filled, ids, lines

from rag_embed import Document, read
from rag_embed.errors import BadInput
from rag_embed.indexing import settings
from rag_embed.indexing.reported import Change


class TestFolders:
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
        report = index.add_files(folder, prune=True)
        assert report.deleted == 2 and "1 document with an owner" in report.notes[0]
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
        report = index.add_files(path, prune=True)
        [note] = report.notes
        assert report.deleted == 0
        assert note.startswith(
            f"Kept although missing: 3 documents of {path.parent.name + '/data.jsonl'!r}"
        )
        assert index.add_files(path, prune=True, dry_run=True).notes == report.notes
        assert index.add_files(path).notes == ()
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
        assert report.added == 2 and ids(index) == ["good", "soon", "taken"]
        assert index.contents.document("soon").metadata.get("year") is None
        told = (*report.skipped, *report.partly)
        reasons = {one.source: one.reason for one in told}
        assert "'year'" in reasons["soon"] and "another owner" in reasons["taken"]
        assert reasons.keys() == {"soon", "taken", "a\\nb"}
        assert index.add_files(path).unchanged == 2

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
