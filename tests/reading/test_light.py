# ruff: noqa: E501 - small files read best on a line
"""Tables of light markup hand on their heads; manual pages are what they print."""

from __future__ import annotations

from functools import partial

import pytest

from rag_embed import reading
from rag_embed.chunking import TokenSplitter
from rag_embed.chunking.light import light_outline
from rag_embed.encoders import HashEncoder
from rag_embed.types import Document, Skipped

read = partial(reading.read, name="")


def read_one(path, content: str) -> Document:
    path.write_text(content)
    (document,) = read(path)
    assert isinstance(document, Document), document
    return document


def chunk_with(document: Document, words: str):
    chunks = TokenSplitter(HashEncoder(16), 12).split(document)
    [chunk] = [chunk for chunk in chunks if words in chunk.text]
    return chunk


ROWS = [(f"fox{n}", f"{n}.50") for n in range(30)]
TABLES = {
    "a.org": "| Name | Price |\n|------+-------|\n" + "".join(f"| {a} | {b} |\n" for a, b in ROWS),
    "a.adoc": "|===\n|Name |Price\n\n" + "".join(f"|{a} |{b}\n" for a, b in ROWS) + "|===\n",
    "a.rst": "=====  =====\nName   Price\n=====  =====\n"
    + "".join(f"{a:7}{b}\n" for a, b in ROWS)
    + "=====  =====\n",
    "b.rst": "+-------+-------+\n| Name  | Price |\n+=======+=======+\n"
    + "".join(f"| {a:5} | {b:5} |\n+-------+-------+\n" for a, b in ROWS),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_light_markup_hands_on_its_head(tmp_path, name) -> None:
    document = read_one(tmp_path / name, f"Before.\n\n{TABLES[name]}\nAfter it.")
    wide = TokenSplitter(HashEncoder(16), 60).split(document)
    rows = [chunk for chunk in wide if not chunk.text.startswith("Before")]
    assert len(rows) > 1 and all(chunk.headings == ("Name | Price",) for chunk in rows)
    outline = light_outline(document.text, document.metadata["format"])
    assert outline.heads(document.text.index("After it")) == ""


def test_what_looks_like_a_table_in_code_is_nread_one(tmp_path) -> None:
    code = "Text::\n\n    =====  =====\n    Name   Price\n    =====  =====\n    a      b\n    =====  =====\n\nEnd.\n"
    assert light_outline(code, "rst").tables == ()


MAN = r"""
.\" a comment
.TH FOX 1 "May 2024" "Foxes 1.0" "User commands"
.SH NAME
fox \- hunt mice
.SH OPTIONS
.TP
.BR \-a ", " \-\-all " " [\fINAME\fR]
Hunt \fBall\fP mice, in the user\(aqs house.
.SS Of "old age"
.nf
fox \-a
# is no heading
.fi
.de XX
.ds Aq '
..
.PP
# They sleep.
"""
MDOC = """\
.Dd May 1, 2024
.Dt FOX 8
.Sh NAME
.Nm fox
.Nd hunt mice
.Sh DESCRIPTION
.Nm
takes
.Op Fl a Ar name
and
.Fl -all .
"""


def test_manual_pages(tmp_path) -> None:
    page = read_one(tmp_path / "fox.1", MAN)
    assert (page.title, page.metadata["format"]) == ("fox(1)", "man")
    assert page.text == (
        "## NAME\n\nfox - hunt mice\n\n## OPTIONS\n\n-a, --all [NAME]\nHunt all mice, in the user's house.\n\n"
        "### Of old age\n\n```\nfox -a\n# is no heading\n```\n\n\\# They sleep."
    )
    assert chunk_with(page, "Hunt all").headings == ("OPTIONS",)
    page = read_one(tmp_path / "fox.8", MDOC)
    assert page.title == "fox(8)"
    assert (
        page.text
        == "## NAME\n\nfox\nhunt mice\n\n## DESCRIPTION\n\nfox\ntakes\n[-a name]\nand\n--all ."
    )
    notes = read_one(tmp_path / "notes.3", "plain notes")
    assert (notes.text, notes.metadata["format"]) == ("plain notes", "text")
    (tmp_path / "lib.so.1").write_bytes(b"\x7fELF\0")
    (skipped,) = (each for each in read(tmp_path) if isinstance(each, Skipped))
    assert skipped.reason == "unknown kind of file (.1)"
