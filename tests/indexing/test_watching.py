"""Watching folders: bursts are taken together, editors' renames replace, what is gone is deleted."""

from __future__ import annotations

import sys
import threading

import pytest

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import MissingExtra
from rag_embed.indexing import watch

pytest.importorskip("watchfiles")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.md").write_text("The fox is red.")
    (folder / ".gitignore").write_text("secret.txt\n")
    return folder


def test_what_changes_is_added_replaced_and_deleted(folder) -> None:
    index = Index.create(folder / "kb", encoder=HashEncoder())
    stop = threading.Event()
    reports = watch(index, folder, settle=0.2, stop=stop)
    assert next(reports).added == 1

    def later(change) -> tuple[int, int, int]:
        timer = threading.Timer(0.3, change)
        timer.start()
        report = next(reports)
        timer.join()
        return report.added, report.replaced, report.deleted

    def burst() -> None:
        for name in ("b.md", "c.md", "secret.txt", ".hidden"):
            (folder / name).write_text(f"The sea of {name} is blue.")

    assert later(burst) == (2, 0, 0)

    def as_editors_do() -> None:
        (folder / "a.md~").write_text("The fox is old.")
        (folder / "a.md~").rename(folder / "a.md")

    assert later(as_editors_do) == (0, 1, 0)
    assert later((folder / "b.md").unlink) == (0, 0, 1)
    assert index.contents.matching() == ["work/a.md", "work/c.md"]
    stop.set()
    assert list(reports) == []


def test_what_goes_from_a_hidden_folder_that_was_named_is_deleted(folder) -> None:
    (folder / ".github").mkdir()
    for name in ("ci.yml", "release.yml"):
        (folder / ".github" / name).write_text(name)
    index = Index.in_memory(encoder=HashEncoder())
    stop = threading.Event()
    reports = watch(index, folder / ".github", settle=0.1, stop=stop)
    assert next(reports).added == 2
    timers = [
        threading.Timer(0.3, (folder / ".github" / "ci.yml").unlink),
        threading.Timer(5, stop.set),
    ]
    for timer in timers:
        timer.start()
    assert [one.deleted for one in (next(reports, None),) if one] == [1]
    for timer in timers:
        timer.cancel()


def test_a_folder_that_is_out_of_reach_loses_nothing(folder) -> None:
    index = Index.in_memory(encoder=HashEncoder())
    stop = threading.Event()
    reports = watch(index, folder, settle=0.1, stop=stop)
    next(reports)
    timers = [
        threading.Timer(0.3, folder.rename, [folder.with_name("aside")]),
        threading.Timer(1.2, stop.set),
    ]
    for timer in timers:
        timer.start()
    assert list(reports) == [] and index.contents.matching() == ["work/a.md"]


def test_the_package_is_asked_for(folder, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(MissingExtra, match=r"pip install .*\[watch\]"):
        next(watch(Index.in_memory(encoder=HashEncoder()), folder))
