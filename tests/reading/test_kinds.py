# ruff: noqa: E501 - small files read best on a line
"""Office files, books, mail, notebooks, rows, subtitles, light markup: read, with their structure and pages."""

from __future__ import annotations

import json
from functools import partial

import pytest
import small_files as made

from rag_embed import reading
from rag_embed.chunking import TokenSplitter
from rag_embed.chunking.code import code_outline
from rag_embed.chunking.outline import Outline, Section
from rag_embed.chunking.splitter import MARKDOWN
from rag_embed.encoders import HashEncoder
from rag_embed.reading.office import KINDS
from rag_embed.types import Document, Skipped

read = partial(reading.read, name="")
split = TokenSplitter(HashEncoder(16), 12).split


def one(path, content) -> Document:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (document,) = read(path)
    assert isinstance(document, Document), document
    return document


def found(document: Document, words: str):
    [chunk] = [chunk for chunk in split(document) if words in chunk.text]
    return chunk


class TestOffice:
    @pytest.fixture(autouse=True)
    def extra(self) -> None:
        pytest.importorskip("kreuzberg")

    @pytest.mark.parametrize(
        ("name", "content", "title"),
        [
            ("a.docx", made.docx(), "Foxes"),
            ("a.pptx", made.pptx(), "Foxes"),
            ("a.odt", made.odt(), "Foxes"),
            ("a.epub", made.epub(), "All of foxes"),
            ("a.eml", made.EML, "Foxes"),
            ("a.rtf", made.RTF, "a"),
        ],
    )
    def test_text_and_title(self, tmp_path, name, content, title) -> None:
        document = one(tmp_path / name, content)
        assert document.title == title and "They are red." in document.text
        assert document.metadata["format"] == name[2:]
        if name not in ("a.eml", "a.rtf"):
            assert found(document, "They are red.").headings == ("Foxes",)

    def test_pages_slides_and_sheets(self, tmp_path) -> None:
        word = one(tmp_path / "a.docx", made.docx())
        assert found(word, "They are red.").metadata["page"] == 1
        assert found(word, "second page").metadata["page"] == 2
        assert "| Mouse" in word.text
        slides = one(tmp_path / "a.pptx", made.pptx())
        sea = found(slides, "It is blue.")
        assert (sea.metadata["page"], sea.metadata["page_kind"], sea.headings) == (
            2,
            "slide",
            ("Sea",),
        )
        sheets = one(tmp_path / "a.xlsx", made.xlsx())
        assert sheets.title == "a"
        harbour = found(sheets, "harbour")
        assert (harbour.metadata["page"], harbour.headings[0]) == (2, "Places")

    def test_sheets_are_counted_though_some_are_empty(self, tmp_path) -> None:
        fox, sea = [["name"], ["fox"]], [["name"], ["## sea"]]
        names = {"Sheet1": [], "R_D * 1": fox, "Empty": [], "Sheet3": sea, "Last": []}
        book = one(tmp_path / "a.xlsx", made.xlsx(names))
        assert len(book.metadata["page_starts"]) == 5
        places = {"fox": (2, "R_D * 1"), "sea": (4, "Sheet3")}
        for words, (page, heading) in places.items():
            chunk = found(book, words)
            assert (chunk.metadata["page"], chunk.headings[0]) == (page, heading)

    def test_what_is_attached_to_a_mail_is_named(self, tmp_path) -> None:
        (tmp_path / "a.eml").write_bytes(made.ATTACHED)
        told, document = read(tmp_path)
        assert isinstance(told, Skipped) and told.partly and told.by_rule
        assert told.source == "a.eml (note.txt)"
        assert isinstance(document, Document) and document.text.endswith("They are red.")

    @pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx", "a.odt", "a.epub"])
    def test_broken_files_are_reported(self, tmp_path, name) -> None:
        (tmp_path / name).write_bytes(b"no such file")
        (skipped,) = read(tmp_path)
        assert isinstance(skipped, Skipped) and not skipped.by_rule


def test_the_splitter_knows_what_readers_make_markdown() -> None:
    assert {suffix[1:] for suffix in KINDS} < MARKDOWN


def test_a_notebook(tmp_path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Foxes\n", "![x](data:image/png;base64,AAAA)"]},
        {
            "cell_type": "code",
            "source": "print('red')",
            "outputs": [
                {"output_type": "stream", "text": ["\x1b[31mred\x1b[0m\n"]},
                {
                    "output_type": "display_data",
                    "data": {"image/png": "AAAA", "text/plain": "<Figure>"},
                },
                {"output_type": "error", "ename": "KeyError", "evalue": "'sea'"},
            ],
        },
    ]
    book = {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4}
    cells.append(
        {"cell_type": "markdown", "source": "The sea is blue in the morning and at night."}
    )
    document = one(tmp_path / "a.ipynb", json.dumps(book))
    assert document.title == "Foxes" and "AAAA" not in document.text
    assert document.text == (
        "# Foxes\n\n```python\nprint('red')\n```\n\n```text\nred\n<Figure>\nKeyError: 'sea'\n```\n\n"
        "The sea is blue in the morning and at night."
    )
    assert found(document, "blue").metadata["page"] == 3
    code = found(document, "print")
    assert (code.metadata["page"], code.metadata["page_kind"], code.headings) == (
        1,
        "cell",
        ("Foxes",),
    )
    for broken in ("{", "[]", '{"cells": [{}]}'):
        (tmp_path / "b.ipynb").write_text(broken)
        (skipped,) = read(tmp_path / "b.ipynb")
        assert "broken notebook" in skipped.reason


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_rows_have_their_header(tmp_path, separator) -> None:
    rows = [["name", "price", ""], ["fox", "3.5", ""], ["", "", ""], ["sea", "", "note"]]
    document = one(tmp_path / "a.csv", "\n".join(map(separator.join, rows)))
    assert document.text == "name: fox; price: 3.5\nname: sea; note"
    assert document.metadata["format"] == "rows"
    many = one(tmp_path / "b.tsv", "name\tprice\n" + "".join(f"fox {n}\t{n}\n" for n in range(50)))
    chunks = split(many)
    assert len(chunks) > 5
    assert all(chunk.text.startswith("name: fox") for chunk in chunks)


def test_subtitles(tmp_path) -> None:
    srt = "1\n00:00:01,000 --> 00:00:02,000\n<i>The fox</i>\nis red.\n\n2\n00:00:03,000 --> 00:00:04,000\nYes.\n"
    vtt = "WEBVTT\n\nNOTE no\n\nx\n00:01.000 --> 00:02.000 align:start\n<v.loud Ann B.>The fox is red.</v>\n\n00:02.500 --> 00:03.000\nYes.\n"
    for name, text, who in (("a.srt", srt, ""), ("a.vtt", vtt, "Ann B.: ")):
        assert one(tmp_path / name, text).text == f"{who}The fox is red.\nYes."


RST = """\
=====
Foxes
=====

They are red::

    Food
    ----

Food
====

Mice.

.. code-block:: python

   Not a title
   -----------

Small
-----

Berries.
"""
ADOC = (
    "= Foxes\n\nThey are red.\n\n----\n== no\n----\n\n== Food\n\nMice.\n\n=== Small\n\nBerries.\n"
)
ORG = "* Foxes\nThey are red.\n#+BEGIN_SRC sh\n* no\n#+END_SRC\n** TODO Food :a:b:\nMice.\n*** Small\nBerries.\n"
TEX = (
    "\\documentclass{a}\n\\section{Foxes}\\label{x}\nThey are red.\n\\begin{verbatim}\n\\section{no}\n"
    "\\end{verbatim}\n\\subsection*{Food}\nMice.\n\\subsubsection{Small}\nBerries.\n"
)


@pytest.mark.parametrize(
    ("name", "text"), [("a.rst", RST), ("a.adoc", ADOC), ("a.org", ORG), ("a.tex", TEX)]
)
def test_light_markup_keeps_its_headings(tmp_path, name, text) -> None:
    document = one(tmp_path / name, text)
    assert (document.title, document.text) == ("Foxes", text)
    splitter = TokenSplitter(HashEncoder(16), 9)
    paths = {}
    for chunk in splitter.split(document):
        for words in ("They are", "Mice", "Berries"):
            if words in chunk.text:
                paths[words] = chunk.headings
    assert paths["They are"] == ("Foxes",)
    assert paths["Mice"] == ("Foxes", "Food")
    assert paths["Berries"] == ("Foxes", "Food", "Small")


SOURCES = {
    "a.go": (
        "package a\n\n// F does.\nfunc F() {}\n\ntype T struct{}\n\nfunc (t T) M() {}\n",
        [("F",), ("T",), ("M",)],
    ),
    "a.js": ("export function f() {}\n\nclass A {\n  m() {}\n}\n", [("f",), ("A",), ("A", "m")]),
    "a.ts": (
        "interface I {\n a: number\n}\nexport class A {\n  f(): void {}\n}\n",
        [("I",), ("A",), ("A", "f")],
    ),
    "A.java": (
        "class A {\n  A() {}\n  int f() { return 1; }\n}\n",
        [("A",), ("A", "A"), ("A", "f")],
    ),
    "a.rs": (
        "struct S;\nimpl S {\n  fn f() {}\n}\nfn g() {}\n",
        [("S",), ("S",), ("S", "f"), ("g",)],
    ),
    "a.c": ("static char *f(int a) {\n return 0;\n}\nstruct s {\n int a;\n};\n", [("f",), ("s",)]),
    "a.cpp": (
        "namespace n {\nclass A {\n  int f() {}\n};\n}\nint A::g() {}\n",
        [("n",), ("n", "A"), ("n", "A", "f"), ("g",)],
    ),
    "a.rb": (
        "module M\n  class A\n    def f\n    end\n  end\nend\n",
        [("M",), ("M", "A"), ("M", "A", "f")],
    ),
    "a.php": (
        "<?php\nclass B {\n  function f() {}\n}\nfunction g() {}\n",
        [(), ("B",), ("B", "f"), ("g",)],
    ),
    "a.sh": ("f() {\n echo\n}\nf\n", [("f",), ()]),
    "a.kt": ("class A {\n  fun f() = 1\n}\nfun g() {}\n", [("A",), ("A", "f"), ("g",)]),
    "a.swift": ("class B {\n  func f() {}\n}\nfunc g() {}\n", [("B",), ("B", "f"), ("g",)]),
    "a.cs": (
        "namespace N {\n  class A {\n    int F() { return 1; }\n  }\n}\n",
        [("N",), ("N", "A"), ("N", "A", "F")],
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_source_is_cut_at_its_definitions(tmp_path, name) -> None:
    pytest.importorskip("tree_sitter_language_pack")
    from rag_embed.chunking.code import code_outline

    text, paths = SOURCES[name]
    document = one(tmp_path / name, text)
    outline = code_outline(text, document.metadata["language"])
    sections = [section.path for section in outline.sections]
    assert [path for path in sections if path or () in paths] == paths
    long = text.replace("{}", "{ one(two, three, four, five, six, seven, eight); }")
    cut = split(Document("d", long, metadata=document.metadata))
    assert "".join("".join(c.text.split()) for c in cut) == "".join(long.split())


@pytest.mark.parametrize("source", ["", "}{)(", "func (", "\udc80", "/*" * 5000])
def test_broken_source_is_still_cut(source) -> None:
    pytest.importorskip("tree_sitter_language_pack")
    metadata = {"format": "code", "language": "go"}
    text = "".join(c.text for c in split(Document("d", source, metadata=metadata)))
    assert text == source


@pytest.mark.parametrize("language", ["kotlin", "perl"])
def test_strings_in_strings_without_end_do_not_end_the_process(tmp_path, language) -> None:
    text = '"${' * 2000
    source = Document("a", text, metadata={"format": "code", "language": language})
    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in split(source))


def test_source_that_holds_a_parser_up_is_cut_between_its_lines() -> None:
    """Read to its end, it would take minutes: every comment that is opened is looked for to the end."""
    pytest.importorskip("tree_sitter_language_pack")
    text = "func real() {}\n" + "/*" * 8_000 + "\n"
    source = Document("a", text, metadata={"format": "code", "language": "swift"})
    chunks = split(source)
    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert code_outline(text, "swift") == Outline(
        (Section(0, 0, 0),), ((0, len(text)),), source=True
    )
    assert code_outline("func real() {}\n", "swift").sections[0].path == ("real",)
