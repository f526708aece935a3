"""Files that take long, take much memory or crash their parser end that parser's process, nothing else."""

import io
import sys
import zipfile
from functools import partial

import odd_parsers
import pytest
from forking import forked
from small_files import docx, pdf, xlsx

from rag_embed import reading
from rag_embed.reading import apart

read = partial(reading.read, name="")


@pytest.fixture
def beside(monkeypatch):
    """A process of this test's own."""
    made = apart._Beside()
    monkeypatch.setattr(apart, "_BESIDE", apart.PerProcess(lambda: made))
    yield made
    made.close()


def slow_pdf():
    """The second page draws a form that draws the next one ten times, and so on: a billion words."""
    raw = pdf(b"Hello one.", b"/F0 Do", b"Hello three.")
    writer = pytest.importorskip("pypdf").PdfWriter(clone_from=io.BytesIO(raw))
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    inner = None
    for _ in range(9):
        form = DecodedStreamObject()
        form.set_data(b"BT (word) Tj ET" if inner is None else b"/F Do " * 10)
        form[NameObject("/Type")], form[NameObject("/Subtype")] = (
            NameObject("/XObject"),
            NameObject("/Form"),
        )
        form[NameObject("/BBox")] = writer.pages[0].mediabox
        if inner is not None:
            form[NameObject("/Resources")] = DictionaryObject(
                {NameObject("/XObject"): DictionaryObject({NameObject("/F"): inner})}
            )
        inner = writer._add_object(form)
    page = writer.pages[1]
    page["/Resources"][NameObject("/XObject")] = DictionaryObject({NameObject("/F"): inner})
    content = DecodedStreamObject()
    content.set_data(b"/F Do")
    page[NameObject("/Contents")] = writer._add_object(content)
    held = io.BytesIO()
    writer.write(held)
    return held.getvalue()


def inflated(times):
    """A document of one sentence many times, which is small when it is packed."""
    held, sentence = io.BytesIO(), "<w:p><w:r><w:t>They are red.</w:t></w:r></w:p>"
    with (
        zipfile.ZipFile(io.BytesIO(docx())) as source,
        zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in source.namelist():
            text = source.read(name).decode()
            archive.writestr(name, text.replace(sentence, sentence * times))
    return held.getvalue()


def test_a_page_that_takes_long_costs_the_pages_from_it_on(tmp_path, beside, monkeypatch):
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr(apart, "SECONDS", 1)
    (tmp_path / "a.pdf").write_bytes(slow_pdf())
    (tmp_path / "b.pdf").write_bytes(pdf(b"Hello."))
    skipped, first, second = read(tmp_path)
    assert skipped.source == "a.pdf page 2-3"
    assert "more than 1 seconds of the processor" in skipped.reason
    assert (first.text.strip(), second.text) == ("Hello one.", "Hello.")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
def test_a_file_that_takes_much_memory_is_reported(tmp_path, beside, monkeypatch):
    pytest.importorskip("kreuzberg")
    monkeypatch.setattr(apart, "MEMORY", 160 << 20)
    (tmp_path / "a.docx").write_bytes(inflated(150_000))
    (tmp_path / "b.xlsx").write_bytes(xlsx())
    skipped, document = read(tmp_path)
    assert skipped.source == "a.docx" and "160 MB of memory" in skipped.reason
    assert "harbour" in document.text


def test_a_file_is_tried_again_where_others_were_read_before(tmp_path, beside):
    for name in ("a", "b", "c"):
        assert apart.gathered(odd_parsers.crash_on_the_second_file, tmp_path / name) == ([name], "")
    found, reason = apart.gathered(odd_parsers.crash_after_one, tmp_path / "d")
    assert found == [1] and "crashed its parser" in reason


def test_a_parser_that_waits_for_ever_is_ended(tmp_path, beside, monkeypatch):
    monkeypatch.setattr(apart, "SECONDS", 1)
    monkeypatch.setattr(apart, "PATIENCE", 1)
    found, reason = apart.gathered(odd_parsers.waits_for_ever, tmp_path)
    assert found == [] and "more than 1 seconds" in reason


def test_errors_are_reasons(tmp_path, beside):
    assert apart.gathered(odd_parsers.missing, tmp_path) == ([], "cannot be read: No such file")


def test_what_a_parser_prints_is_no_answer(tmp_path, beside):
    assert apart.gathered(odd_parsers.print_something, tmp_path) == (["said"], "")


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends a process there")
def test_a_program_that_goes_on_after_ctrl_c_blames_no_file(tmp_path, beside):
    assert apart.gathered(odd_parsers.interrupted, tmp_path) == (["before", "after"], "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_process_has_one_of_its_own(tmp_path):
    here = apart.gathered(odd_parsers.whose, tmp_path)
    there = forked(lambda: apart.gathered(odd_parsers.whose, tmp_path))
    assert here == apart.gathered(odd_parsers.whose, tmp_path)
    assert here != there and not there[1]


def test_nothing_is_imported_from_the_folder_it_is_in(tmp_path, beside, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    assert apart.gathered(odd_parsers.print_something, tmp_path) == (["said"], "")
