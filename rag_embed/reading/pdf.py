"""PDF files, by PDFium (extra ``pdf``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rag_embed.errors import BadInput, MissingExtra
from rag_embed.reading.apart import gathered
from rag_embed.reading.pages import numbers, paged
from rag_embed.reading.titles import usable
from rag_embed.types import Document, Skipped

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_BROKEN_WORD = re.compile(r"(?<=\w)[\x02\ufffe\u00ad]\n?(?=\w)")
_NEWLINES = re.compile(r"\r\n?")
_UNMAPPED = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd\ufffe\uffff\ue000-\uf8ff]")
_PICTURE = "\f"
_IMAGE = 3
"""PDFium's code of an object that is an image."""
_PASSWORD = 4
"""PDFium's code of a file that asks for one."""


def read_pdf(path: Path, name: str) -> Iterator[Document | Skipped]:
    """The pages' texts, joined by an empty line.

    ``metadata["page_starts"]`` holds the offset at which each page starts; a chunk has its ``page``. A
    word that is broken at the end of a line is made whole. Pages without text, which may be images, and
    those whose fonts do not say what their letters are, are empty in the text and reported, and so
    are those for which the bounds of `apart` were too narrow.

    Raises:
        MissingExtra: pypdfium2 is not installed.
    """
    if find_spec("pypdfium2") is None:
        raise MissingExtra("pypdfium2", "pdf", "Reading PDF files")
    parsed, ended = gathered(pages, path)
    if not parsed:
        yield Skipped(name, ended)
        return
    (said, count), *read = parsed
    texts = ["" if text is None else text.strip(_PICTURE) for text in read]
    strange = [number for number, text in enumerate(read, 1) if text is None]
    drawn = [number for number, text in enumerate(read, 1) if text == _PICTURE]
    found = paged(path, name, texts, usable(said), kind="page", format="pdf")
    partly = isinstance(found, Document)
    if len(read) < count:
        missing = f"{name} page {numbers([*range(len(read) + 1, count + 1)])}"
        yield Skipped(missing, f"not read: one of these pages {ended}", partly=partly)
    if strange:
        reason = "damaged page, or fonts without a map to Unicode: what it says is not known"
        yield Skipped(f"{name} page {numbers(strange)}", reason, partly=partly)
    if drawn and any(texts):
        reason = "a page that is a picture, which needs text recognition first"
        yield Skipped(f"{name} page {numbers(drawn)}", reason, by_rule=True, partly=True)
    if isinstance(found, Document):
        yield found
    elif not strange:
        yield Skipped(name, "no text; its pages may be images, which need text recognition first")


def pages(path: str) -> Iterator[tuple[str, int] | str | None]:
    """The title and the number of pages, then each as `_page` gives it.

    Raises:
        BadInput: It is no PDF that can be read.
    """
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(Path(path).read_bytes())
    except pypdfium2.PdfiumError as error:
        locked = getattr(error, "err_code", None) == _PASSWORD
        reason = "encrypted; save it without a password" if locked else "broken PDF"
        raise BadInput(reason) from error
    yield _clean(pdf.get_metadata_dict().get("Title", "")), len(pdf)
    for number in range(len(pdf)):
        yield _page(pdf, number)
    pdf.close()


def _page(pdf: PdfDocument, number: int) -> str | None:
    """The text of a page, from 0; None where it is not known, `_PICTURE` where there is nothing else."""
    import pypdfium2

    try:
        page = pdf[number]
        text = _clean(page.get_textpage().get_text_bounded())
        if not text and any(page.get_objects(filter=(_IMAGE,), max_depth=3)):
            return _PICTURE
    except pypdfium2.PdfiumError:
        return None
    unmapped = len(_UNMAPPED.findall(text))
    return None if unmapped > len(text) // 4 else _UNMAPPED.sub("", text)


def _clean(text: str) -> str:
    """Join surrogate pairs and broken words, replace halves of pairs, and unify line ends."""
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _BROKEN_WORD.sub("", _NEWLINES.sub("\n", joined)).strip()
