"""What Markdown says of itself: titles, and front matter in its variety."""

import pytest
from reading.folders import read, write

from rag_embed.reading.front_matter import title_of
from rag_embed.reading.titles import usable
from rag_embed.types import Document, Skipped


@pytest.mark.parametrize(
    ("text", "title", "rest"),
    [
        ("intro\n\n## The *one*\n\n# Two\n", "The one", None),
        ("no heading", "doc", None),
        ('---\ntitle: "From front"\ntags:\n  - a\n---\n# H\n', "From front", "# H\n"),
        ("---\ndate: 1\n---\n# H\n", "H", "# H\n"),
        ("---\njust a rule\n---\n", "just a rule", None),
        ("---\n- milk\n- bread\n---\n# H\n", "H", None),  # a list between rules is text
        ("---\n\tyear: 1\n---\n# H\n", "H", None),
        ("---\n# nothing yet\n---\n# H\n", "H", "# H\n"),
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


def test_a_title_may_have_a_capital():
    assert title_of("Title: Foxes\n") == "Foxes" and title_of("Title: no\ntitle: Sea\n") == "Sea"


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
