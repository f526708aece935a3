import os
from functools import partial
from pathlib import Path

import pytest

from rag_embed import reading
from rag_embed.errors import BadInput
from rag_embed.reading import paths
from rag_embed.reading.titles import usable
from rag_embed.types import Document, Skipped

read = partial(reading.read, name="")
"""Names are those below the folder that a test is in."""


def write(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def names(items):
    return [item.id if isinstance(item, Document) else f"!{item.source}" for item in items]


def reasons(items):
    return {item.source: item.reason for item in items if isinstance(item, Skipped)}


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
    ("text", "title", "rest"),
    [
        ("intro\n\n## The *one*\n\n# Two\n", "The one", None),
        ("no heading", "doc", None),
        ('---\ntitle: "From front"\ntags:\n  - a\n---\n# H\n', "From front", "# H\n"),
        ("---\ndate: 1\n---\n# H\n", "H", "# H\n"),
        ("---\njust a rule\n---\n", "just a rule", None),
        ("---\ntitle: >-\n  Over\n  lines\n---\n# H\n", "Over lines", "# H\n"),
        ("---\ntitle: Foxes: a study\n---\n# H\n", "Foxes: a study", "# H\n"),
        ("---\nsort key: 1\ntitle: T\n---\n# H\n", "T", "# H\n"),
        ("# H {#id .class}\n", "H", None),
        (
            '<h1 align="center">\n<img src="x"> Foxes &amp; sea</h1>\n\n## Next\n',
            "Foxes & sea",
            None,
        ),
        ("```\n<h1>no</h1>\n```\n\n## Next\n", "Next", None),
    ],
)
def test_markdown(tmp_path, text, title, rest):
    write(tmp_path, {"doc.md": text})
    (document,) = read(tmp_path)
    assert (document.title, document.text) == (title, rest or text)
    if rest:
        assert f"---\n{document.metadata['front_matter']}---\n{document.text}" == text


@pytest.mark.parametrize(
    ("front", "values"),
    [
        ("a: 1\nb: -2.5\nc: 1e3\nd: text # not this\n", {"a": 1, "b": -2.5, "c": 1e3, "d": "text"}),
        ("a: true\nb: False\nc: null\nd: ~\ne:\nf: yes\n", {"a": True, "b": False, "f": "yes"}),
        ('a: "x # y" # z\nb: \'it\'\'s\'\nc: "\\"q\\""\n', {"a": "x # y", "b": "it's", "c": '"q"'}),
        (
            "a: 01\nb: 1.2.3\nc: 12345678901234567890\n",
            {"a": "01", "b": "1.2.3"} | {"c": "1234567890" * 2},
        ),
        (
            "a: 2024-05-01\nb: 10:30\nc: http://x.y\n",
            {"a": "2024-05-01", "b": "10:30", "c": "http://x.y"},
        ),
        ("a: [x, 2, 'y, z', null] # list\nb: []\n", {"a": ["x", 2, "y, z", None], "b": []}),
        ("a:\n  - x\n  # no\n\n  - 2\nb:\n- y\n", {"a": ["x", 2], "b": ["y"]}),
        ("a:\n  b: 1\nc: {d: 1}\ne: [[1]]\nf: |\n  text\ng: x\n", {"f": "text", "g": "x"}),
        ('a: &x 1\nb: *x\nc: "1"\n', {"a": 1, "b": 1, "c": "1"}),
        ("d: [1\ng: b: c\nh: 2\n", {"d": "[1", "g": "b: c", "h": 2}),
        (
            "sort key: 3\n'quoted key': x\nSee also: [a, b]\n",
            {"sort key": 3, "quoted key": "x", "See also": ["a", "b"]},
        ),
        ("tags: [\n a,\n b\n]\n", {"tags": ["a", "b"]}),
        ("a: 1\na: {b: 1}\nc.d-e: 3\n", {"c.d-e": 3}),
        ("title: T\npath: p\nformat: f\nfront_matter: m\n", {}),
    ],
)
def test_values_of_front_matter(tmp_path, front, values):
    write(tmp_path, {"doc.md": f"---\n{front}---\nText"})
    (document,) = (one for one in read(tmp_path, name="n") if isinstance(one, Document))
    own = {"path": "n/doc.md", "format": "markdown", "front_matter": front}
    assert document.metadata == values | own


class TestARepository:
    """A folder as people have it: what others made, what is secret, what git does not keep."""

    def test_ignore_files_are_followed_as_git_does(self, tmp_path):
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

    def test_the_repository_around_a_folder_counts_unless_it_ignores_that_folder(self, tmp_path):
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

    def test_patterns_are_those_of_gitignore(self, tmp_path):
        write(
            tmp_path, {"a.md": "a", "b/a.md": "a", "b/c/d.md": "d", "b/e.txt": "e", "f/g.md": "g"}
        )
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

    def test_what_programs_write_and_keys_are_left_out_but_read_where_they_are_named(
        self, tmp_path
    ):
        made = ["package-lock.json", "uv.lock", "app.min.js", "server.pem", "a.egg-info/PKG-INFO"]
        write(tmp_path, {**dict.fromkeys(made, "x"), "app.js": "x"})
        items = list(read(tmp_path))
        assert [item.id for item in items if isinstance(item, Document)] == ["app.js"]
        assert len(items) == 6 and all(item.by_rule for item in items if isinstance(item, Skipped))
        assert names(read(tmp_path / "uv.lock")) == ["uv.lock"]

    def test_links_out_of_the_folder_are_not_followed(self, tmp_path):
        write(tmp_path, {"in/a.txt": "a", "out/b.txt": "b"})
        (tmp_path / "in" / "b.txt").symlink_to(tmp_path / "out" / "b.txt")
        (tmp_path / "in" / "c.txt").symlink_to("a.txt")
        items = list(read(tmp_path / "in"))
        assert names(items) == ["a.txt", "!b.txt", "c.txt"]
        assert "out of the folder" in reasons(items)["b.txt"]
        assert names(read(tmp_path / "in" / "b.txt")) == ["b.txt"]

    def test_files_of_unknown_kind_are_read_where_they_are_text(self, tmp_path):
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

    def test_an_ignore_file_that_cannot_be_read_is_reported(self, tmp_path, monkeypatch):
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


@pytest.mark.parametrize(
    ("front", "line"),
    [
        ("title: [unclosed\nyear: 2020\n", 2),
        ("# of us\nyear: 2020\ntags: [a, b\n", 4),
        ("by: 'Ann\n", 2),
        ("about: a: b\n  more\nyear: 2020\n", 2),
        ("x: " + "y" * 20_000 + "\n", 1),
    ],
)
def test_front_matter_that_cannot_be_read_is_told(tmp_path, front, line):
    write(tmp_path, {"doc.md": f"---\n{front}---\nText", "fine.md": "---\na: b: c\n---\nText"})
    told = [one for one in read(tmp_path, name="n") if isinstance(one, Skipped)]
    assert [(one.source, one.partly) for one in told] == [(f"n/doc.md:{line}", True)]
    assert told[0].reason.startswith("front matter")


def test_front_matter_in_toml(tmp_path):
    front = 'title = "A day"\ndate = 2024-05-01\ntags = ["a", "b"]\ndraft = false\n[more]\nx = 1\n'
    write(tmp_path, {"doc.md": f"+++\n{front}+++\nText", "no.md": "+++\nwords\n+++\n"})
    document, other = read(tmp_path)
    assert (document.title, document.text) == ("A day", "Text")
    values = {key: document.metadata[key] for key in ("date", "tags", "draft")}
    assert values == {"date": "2024-05-01", "tags": ["a", "b"], "draft": False}
    assert other.text == "+++\nwords\n+++\n"


def test_front_matter_with_a_number_that_python_does_not_read(tmp_path):
    """It is refused with a ValueError, which is no TOMLDecodeError; the folder is read nevertheless."""
    text = f"+++\nx = {'9' * 5000}\n+++\nText"
    write(tmp_path, {"a.md": text, "b.md": "Words"})
    assert [document.text for document in read(tmp_path)] == [text, "Words"]


@pytest.mark.parametrize("rule", ["---", "..."])
def test_front_matter_ends_as_yaml_does(tmp_path, rule):
    write(tmp_path, {"doc.md": f"---\ntitle: A\n{rule}\nText"})
    (document,) = read(tmp_path)
    assert (document.title, document.text) == ("A", "Text")


TITLES = (
    "untitled|Untitled Document 3|Microsoft Word - thesis.doc|paper.dvi|Slide 1|()|12.3|index.html|"
    "PowerPoint-Präsentation|PowerPoint Presentation"
)


@pytest.mark.parametrize("title", TITLES.split("|"))
def test_titles_that_programs_write_are_none(title):
    assert usable(title) == ""
    assert usable(f"On {title} as a title of a text") != ""


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
