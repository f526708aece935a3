import sys
from functools import partial

import pytest
from small_files import pdf

from rag_embed import reading
from rag_embed.chunking import TokenSplitter
from rag_embed.encoders import HashEncoder
from rag_embed.types import Skipped

read = partial(reading.read, name="")
"""Names are those below the folder that a test is in."""

pypdf = pytest.importorskip("pypdf")
pdfium = pytest.importorskip("pypdfium2")


@pytest.fixture
def in_here(monkeypatch):
    """The parser runs in this process, where a test can change it."""
    monkeypatch.setattr(
        "rag_embed.reading.pdf.gathered", lambda pages, path: ([*pages(str(path))], "")
    )


def test_pages(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf(b"Hello one.", b"", b"Hello three.", title=b"The title"))
    (document,) = read(tmp_path)
    assert document.text == "Hello one.\n\n\n\nHello three."
    assert document.title == "The title"
    own = {"path": "a.pdf", "format": "pdf", "page_kind": "page"}
    assert document.metadata == {**own, "page_starts": [0, 12, 14]}
    chunks = TokenSplitter(HashEncoder(16), 4).split(document)
    assert [chunk.metadata["page"] for chunk in chunks] == [1, 3]
    assert all("page_starts" not in chunk.metadata for chunk in chunks)


def test_no_text_and_no_title(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf(b""))
    (tmp_path / "b.pdf").write_bytes(pdf(b"x"))
    scanned, plain = read(tmp_path)
    assert isinstance(scanned, Skipped)
    assert "images" in scanned.reason
    assert plain.title == "b"


@pytest.mark.parametrize("raw", [b"", b"not a pdf", b"%PDF-1.4\ngarbage", pdf(b"x")[:300]])
def test_broken_files_are_reported(tmp_path, raw, caplog):
    (tmp_path / "a.pdf").write_bytes(raw)
    (tmp_path / "b.txt").write_text("b")
    broken, good = read(tmp_path)
    assert isinstance(broken, Skipped)
    assert good.id == "b.txt"


@pytest.mark.parametrize("password", ["secret", ""])
def test_encrypted_files(tmp_path, password):
    (tmp_path / "plain.pdf").write_bytes(pdf(b"Hello one."))
    writer = pypdf.PdfWriter(clone_from=tmp_path / "plain.pdf")
    writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    locked, _ = read(tmp_path)
    if password:
        assert "encrypted" in locked.reason
    else:
        assert locked.text == "Hello one."


def test_one_broken_page(tmp_path, monkeypatch, in_here):
    (tmp_path / "a.pdf").write_bytes(pdf(b"Hello one.", b"Hello two."))
    extract = pdfium.PdfPage.get_textpage
    asked = iter((False, True))

    def refuse_second(self):
        if next(asked):
            raise pdfium.PdfiumError("damaged")
        return extract(self)

    monkeypatch.setattr(pdfium.PdfPage, "get_textpage", refuse_second)
    broken, document = read(tmp_path)
    assert broken.source == "a.pdf page 2" and broken.partly
    assert document.text.strip() == "Hello one."


@pytest.mark.parametrize(
    ("package", "name"), [("pypdfium2", "a.pdf"), ("bs4", "a.html"), ("kreuzberg", "a.docx")]
)
def test_a_missing_package_is_a_reason(tmp_path, monkeypatch, package, name):
    (tmp_path / name).write_text("<p>x")
    monkeypatch.setitem(sys.modules, package, None)
    (item,) = read(tmp_path)
    extra = "office" if name == "a.docx" else name[2:]
    assert item.reason.endswith(f"[{extra}]'") and "pip install " in item.reason


@pytest.mark.parametrize("title", [b"untitled", b"Microsoft Word - draft.doc", b"a.dvi"])
def test_titles_of_programs(tmp_path, title):
    (tmp_path / "a.pdf").write_bytes(pdf(b"Hello.", title=title))
    (document,) = read(tmp_path)
    assert document.title == "a"


def test_fonts_without_a_map_are_reported(tmp_path, monkeypatch, in_here):
    (tmp_path / "a.pdf").write_bytes(pdf(b"Hello one.", b"Hello two."))
    pages = iter(["\ue001\ue002\ue003 \ue004", "Split \ufffe\nwords and bro\ufffe\nken ones."])
    monkeypatch.setattr(pdfium.PdfTextPage, "get_text_bounded", lambda self: next(pages))
    unknown, document = read(tmp_path)
    assert unknown.source == "a.pdf page 1" and "Unicode" in unknown.reason and unknown.partly
    assert document.text.strip() == "Split \nwords and broken ones."
    assert TokenSplitter(HashEncoder(16)).split(document)[0].metadata["page"] == 2
