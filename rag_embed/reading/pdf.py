"""PDF files, by PDFium (extra ``pdf``)."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rag_embed.errors import MissingExtra
from rag_embed.reading.pages import numbers, paged
from rag_embed.reading.titles import usable
from rag_embed.types import Document, Skipped

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_ONE = threading.Lock()
"""PDFium is not made for threads."""

SECONDS = 300
"""Of the processor for the pages of a file: a few kB can name a page that takes long a thousand times."""

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
    those whose fonts do not say what their letters are, are empty in the text and reported.

    Raises:
        MissingExtra: pypdfium2 is not installed.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtra("pypdfium2", "pdf", "Reading PDF files") from error
    raw = path.read_bytes()
    with _ONE:
        try:
            pdf = pypdfium2.PdfDocument(raw)
        except pypdfium2.PdfiumError as error:
            locked = getattr(error, "err_code", None) == _PASSWORD
            yield Skipped(name, "encrypted; save it without a password" if locked else "broken PDF")
            return
        try:
            title = usable(_clean(pdf.get_metadata_dict().get("Title", "")))
            read, count = _pages(pdf), len(pdf)
        finally:
            pdf.close()
    if len(read) < count:
        reason = (
            f"not read: the pages before took {SECONDS} seconds of the processor; split the file"
        )
        yield Skipped(f"{name} page {numbers([*range(len(read) + 1, count + 1)])}", reason)
    texts = ["" if text is None else text.strip(_PICTURE) for text in read]
    strange = [number for number, text in enumerate(read, 1) if text is None]
    drawn = [number for number, text in enumerate(read, 1) if text == _PICTURE]
    if strange:
        reason = "damaged page, or fonts without a map to Unicode: what it says is not known"
        yield Skipped(f"{name} page {numbers(strange)}", reason)
    if drawn and any(texts):
        reason = "a page that is a picture, which needs text recognition first"
        yield Skipped(f"{name} page {numbers(drawn)}", reason, by_rule=True)
    found = paged(path, name, texts, title, kind="page", format="pdf")
    if isinstance(found, Document):
        yield found
    elif not strange:
        yield Skipped(name, "no text; its pages may be images, which need text recognition first")


def _pages(pdf: PdfDocument) -> list[str | None]:
    """The texts of the pages, as many as there is time for; one at least."""
    read: list[str | None] = []
    started = time.thread_time()
    for number in range(len(pdf)):
        read.append(_page(pdf, number))
        if time.thread_time() - started > SECONDS:
            break
    return read


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
