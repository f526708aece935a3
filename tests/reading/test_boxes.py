"""Where on a page a passage stands."""

import pytest
from small_files import pdf

from rag_embed.errors import BadInput
from rag_embed.reading import boxes

pytest.importorskip("pypdfium2")


def test_a_passage_has_boxes_on_each_of_its_pages(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(b"Hello one. The fox is red", b"", b"and the sea is blue. End."))
    (whole,) = boxes(path, 1, "Hello one. The fox is red")
    (part,) = boxes(path, 1, "The fox\nis  red")
    assert whole.page == part.page == 1 and whole.left == pytest.approx(72, abs=2)
    assert whole.left + 40 < part.left < part.right == pytest.approx(whole.right, abs=0.1)
    assert 695 < part.bottom < part.top < 715
    first, second = boxes(path, 1, "The fox is red\n\n\n\nand the sea is blue.")
    assert (first, second.page) == (part, 3) and second.left == pytest.approx(72, abs=2)
    assert boxes(path, 3, "The fox is red\n\n\n\nand the sea is blue.") == [first, second]
    assert boxes(path, 2, "The fox is red") == boxes(path, 1, "The wolf") == []


def test_what_is_no_page_or_no_pdf_is_told(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf(b"x"))
    (tmp_path / "b.pdf").write_bytes(b"no")
    for name, page, said in (
        ("a.pdf", 2, "no page 2"),
        ("b.pdf", 1, "broken"),
        ("c.pdf", 1, "No such"),
    ):
        with pytest.raises(BadInput, match=said):
            boxes(tmp_path / name, page, "x")
