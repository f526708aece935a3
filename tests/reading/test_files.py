import os
from pathlib import Path

import pytest
from reading.folders import names, read, reasons, write

from rag_embed.errors import BadInput
from rag_embed.reading import paths
from rag_embed.types import Skipped


def test_a_folder_in_the_order_of_names(tmp_path):
    write(
        tmp_path,
        {
            "b.txt": "b",
            "a/z.md": "# Z",
            "a/B.py": "x = 1",
            "README": "r",
            "c.log": "c",
            "d.rst": "d",
        },
    )
    documents = list(read(tmp_path))
    assert names(documents) == ["README", "a/B.py", "a/z.md", "b.txt", "c.log", "d.rst"]
    assert documents == list(read(str(tmp_path)))
    assert [document.metadata for document in documents] == [
        {"path": "README", "format": "text"},
        {"path": "a/B.py", "format": "code", "language": "python"},
        {"path": "a/z.md", "format": "markdown"},
        {"path": "b.txt", "format": "text"},
        {"path": "c.log", "format": "text"},
        {"path": "d.rst", "format": "rst"},
    ]
    assert [document.title for document in documents] == ["README", "B", "Z", "b", "c", "d"]


def test_what_is_not_read_is_reported(tmp_path):
    write(
        tmp_path,
        {
            ".git/config": "x",
            ".env": "SECRET=1",
            "node_modules/a.js": "x",
            "env/pyvenv.cfg": "x",
            "env/a.py": "x",
            "image.png": b"\x89PNG\x00",
            "binary.txt": b"a\x00b",
            "empty.txt": "",
            "blank.md": " \n\t\n",
            "good.txt": "good",
        },
    )
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "dead.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "link.txt").symlink_to(tmp_path / "good.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    items = list(read(tmp_path))
    assert names(items) == [
        "!.env",
        "!.git",
        "!binary.txt",
        "!blank.md",
        "!dead.txt",
        "!empty.txt",
        "!env",
        "good.txt",
        "!image.png",
        "link.txt",
        "!loop",
        "!node_modules",
        "!pipe.txt",
    ]
    why = reasons(items)
    assert why[".git"] == why[".env"] == "hidden"
    assert why["empty.txt"] == why["blank.md"] == "no text"
    assert why["env"] == "virtual environment"
    assert "picture (.png), which needs text recognition" in why["image.png"]
    assert "link to a folder" in why["loop"]
    assert why["dead.txt"] == "dead link"
    assert why["pipe.txt"] == "not a regular file"
    assert "binary" in why["binary.txt"]


def test_patterns(tmp_path):
    write(
        tmp_path,
        {
            "a.md": "a",
            "docs/b.md": "b",
            "docs/x/c.md": "c",
            "docs/d.txt": "d",
            "e.odd": "e",
            ".md": "",
        },
    )
    assert names(read(tmp_path, include=["*.md"])) == ["!.md", "a.md", "docs/b.md", "docs/x/c.md"]
    assert names(read(tmp_path, include=["docs/**/*.md"])) == ["docs/b.md", "docs/x/c.md"]
    assert names(read(tmp_path, include=["d.txt", "*.odd"])) == ["docs/d.txt", "e.odd"]
    assert names(read(tmp_path, include=[])) == []
    assert names(read(tmp_path / "e.odd")) == ["e.odd"]
    with pytest.raises(BadInput, match="list"):
        read(tmp_path, include="*.md")


def test_paths_are_those_that_are_read(tmp_path):
    write(tmp_path, {"b/a.md": "x", "a.odd": "x", ".git/x.md": "x", "c.txt": ""})
    found = [path.relative_to(tmp_path).as_posix() for path in paths([tmp_path])]
    assert found == ["a.odd", "b/a.md", "c.txt"]
    assert list(paths([tmp_path / "c.txt", tmp_path], include=["*.md"])) == [
        tmp_path / "c.txt",
        tmp_path / "b/a.md",
    ]
    with pytest.raises(BadInput, match="nothere"):
        list(paths([tmp_path, tmp_path / "nothere"]))


def test_a_missing_path(tmp_path):
    with pytest.raises(BadInput, match="nothere"):
        read(tmp_path / "nothere")


def test_an_unreadable_file_or_folder_does_not_stop_the_others(tmp_path, monkeypatch):
    write(tmp_path, {"a.txt": "a", "b.txt": "b", "sub/c.txt": "c"})
    read_bytes, listdir = Path.read_bytes, os.listdir

    def refuse_a(self):
        if self.name == "a.txt":
            raise PermissionError(13, "Permission denied")
        return read_bytes(self)

    def refuse_sub(path):
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(Path, "read_bytes", refuse_a)
    monkeypatch.setattr(os, "listdir", refuse_sub)
    items = list(read(tmp_path))
    assert names(items) == ["!a.txt", "b.txt", "!sub"]
    assert all("Permission denied" in reason for reason in reasons(items).values())


def test_file_names_that_are_not_text(tmp_path):
    try:
        for name in (b"\xff.txt", b".\xff", b"a\nb.txt", b"c/x\xe9.md"):
            path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
            path.parent.mkdir(exist_ok=True)
            path.write_text("x")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    items = list(read(tmp_path))
    assert {item.source for item in items} == {"\\xff.txt", ".\\xff", "a\\nb.txt", "c/x\\xe9.md"}
    assert all(isinstance(item, Skipped) and item.source.isprintable() for item in items)
    assert sum("its name holds" in item.reason for item in items) == 3


@pytest.mark.parametrize(
    ("raw", "text", "encoding"),
    [
        ("\ufeffé\r\nb\rc".encode(), "é\nb\nc", None),
        ("é\n".encode("utf-16"), "é\n", "utf-16-le"),
        (b"\xfe\xff" + "é".encode("utf-16-be"), "é", "utf-16-be"),
        ("é".encode("utf-32"), "é", "utf-32-le"),
        (b"caf\xe9 \x80", "café €", "cp1252"),
        (b"caf\xe9 \x81", "café \x81", "latin-1"),
    ],
)
def test_encodings(tmp_path, raw, text, encoding):
    (tmp_path / "a.txt").write_bytes(raw)
    (document,) = read(tmp_path)
    assert document.text == text
    assert document.metadata.get("encoding") == encoding


@pytest.mark.parametrize("raw", [b"\xff\xfea", b"\xff\xfe\x00\xd8", b"\x00" * 10])
def test_damaged_text(tmp_path, raw):
    (tmp_path / "a.txt").write_bytes(raw)
    (item,) = read(tmp_path)
    assert isinstance(item, Skipped)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.zip", "archive (.zip)"), ("a.md.gz", "archive (.gz)"), ("b.TAR", "archive (.tar)"),
     ("c.mp3", "recording (.mp3)"), ("d.jpg", "picture (.jpg)")],
)  # fmt: skip
def test_what_is_no_text_is_called_by_its_kind_also_where_it_is_named(tmp_path, name, kind) -> None:
    (tmp_path / name).write_bytes(b"\x1f\x8b\x08\x00")
    for path, chosen in ((tmp_path, {}), (tmp_path / name, {}), (tmp_path, {"include": ["*.*"]})):
        (skipped,) = read(path, **chosen)
        assert isinstance(skipped, Skipped) and skipped.reason.startswith(kind)
