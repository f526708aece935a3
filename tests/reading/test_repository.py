"""A folder as people have it: what others made, what is secret, what git does not keep."""

from pathlib import Path

import pytest
from reading.folders import names, read, reasons, write

from rag_embed.errors import BadInput
from rag_embed.types import Document, Skipped


def test_ignore_files_are_followed_as_git_does(tmp_path):
    write(
        tmp_path,
        {
            ".gitignore": "secrets.yaml\n/dist/\n*.log\n!keep.log\n# a comment\n[\n",
            ".git/info/exclude": "mine.txt\n",
            "secrets.yaml": "password: x",
            "dist/a.py": "x",
            "pkg/dist/a.py": "x",
            "a.log": "x",
            "keep.log": "x",
            "mine.txt": "x",
            "docs/.gitignore": "*.txt\n!b.txt\n",
            "docs/a.txt": "x",
            "docs/b.txt": "x",
            "docs/deep/a.txt": "x",
            "docs/deep/.ignore": "!a.txt\n",
        },
    )
    items = list(read(tmp_path))
    read_in = [item.id for item in items if isinstance(item, Document)]
    assert read_in == ["docs/b.txt", "docs/deep/a.txt", "keep.log", "pkg/dist/a.py"]
    why = reasons(items)
    assert why["secrets.yaml"] == why["dist"] == why["docs/a.txt"] == "ignored by .gitignore"
    assert why["mine.txt"] == "ignored by .git/info/exclude"
    assert all(item.by_rule for item in items if isinstance(item, Skipped))
    every = names(read(tmp_path, ignore_files=False))
    assert {"secrets.yaml", "dist/a.py", "a.log", "mine.txt", "docs/a.txt"} <= set(every)


def test_the_repository_around_a_folder_counts_unless_it_ignores_that_folder(tmp_path):
    write(
        tmp_path,
        {
            ".git/HEAD": "x",
            ".gitignore": "*.tmp\ndata/\n",
            "docs/a.md": "a",
            "docs/a.tmp": "a",
            "data/deep/b.md": "b",
            "data/deep/b.tmp": "b",
        },
    )
    assert names(read(tmp_path / "docs")) == ["a.md", "!a.tmp"]
    assert names(read(tmp_path / "data")) == ["deep/b.md", "deep/b.tmp"]
    assert names(read(tmp_path / "data" / "deep")) == ["b.md", "b.tmp"]
    assert names(read(tmp_path / "docs" / "a.tmp")) == ["a.tmp"]


def test_patterns_are_those_of_gitignore(tmp_path):
    write(tmp_path, {"a.md": "a", "b/a.md": "a", "b/c/d.md": "d", "b/e.txt": "e", "f/g.md": "g"})
    assert names(read(tmp_path, include=["/*.md"])) == ["a.md"]
    assert names(read(tmp_path, include=["*.md", "!d.md"], exclude=["f/"])) == [
        "a.md",
        "b/a.md",
    ]
    assert names(read(tmp_path, exclude=["*.md"])) == ["b/e.txt"]
    assert names(read(tmp_path, include=["b"], exclude=["b/c"])) == ["b/a.md", "b/e.txt"]
    with pytest.raises(BadInput, match="exclude must be a list"):
        read(tmp_path, exclude="*.md")
    with pytest.raises(BadInput, match="include takes patterns"):
        read(tmp_path, include=[3])


def test_what_programs_write_and_keys_are_left_out_but_read_where_they_are_named(tmp_path):
    made = ["package-lock.json", "uv.lock", "app.min.js", "server.pem", "a.egg-info/PKG-INFO"]
    write(tmp_path, {**dict.fromkeys(made, "x"), "app.js": "x"})
    items = list(read(tmp_path))
    assert [item.id for item in items if isinstance(item, Document)] == ["app.js"]
    assert len(items) == 6 and all(item.by_rule for item in items if isinstance(item, Skipped))
    assert names(read(tmp_path / "uv.lock")) == ["uv.lock"]


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    write(tmp_path, {"in/a.txt": "a", "out/b.txt": "b"})
    (tmp_path / "in" / "b.txt").symlink_to(tmp_path / "out" / "b.txt")
    (tmp_path / "in" / "c.txt").symlink_to("a.txt")
    items = list(read(tmp_path / "in"))
    assert names(items) == ["a.txt", "!b.txt", "c.txt"]
    assert "out of the folder" in reasons(items)["b.txt"]
    assert names(read(tmp_path / "in" / "b.txt")) == ["b.txt"]


def test_files_of_unknown_kind_are_read_where_they_are_text(tmp_path):
    write(
        tmp_path,
        {
            "CODEOWNERS": "* @ann",
            "a.odd": "é" * 5000,
            "b.odd": "é".encode("latin-1"),
            "c.png": b"\x89PNG\r\n\x1a\n",
            "d.svg": "<svg/>",
            "e.bin": "\x01\x02",
            "f": "",
        },
    )
    items = list(read(tmp_path))
    assert names(items) == ["CODEOWNERS", "a.odd", "!b.odd", "!c.png", "!d.svg", "!e.bin", "!f"]
    assert reasons(items)["d.svg"] == "unknown kind of file (.svg)"


def test_an_ignore_file_that_cannot_be_read_is_reported(tmp_path, monkeypatch):
    write(tmp_path, {".gitignore": "a.txt", "a.txt": "a"})
    read_bytes = Path.read_bytes

    def refuse(self):
        if self.name == ".gitignore":
            raise PermissionError(13, "Permission denied")
        return read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    problem, hidden, document = read(tmp_path)
    assert "nothing was ignored by it" in problem.reason and not problem.by_rule
    assert (hidden.source, document.id) == (".gitignore", "a.txt")
