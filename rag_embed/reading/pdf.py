"""PDF files, by pypdf (extra ``pdf``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rag_embed.errors import MissingExtra
from rag_embed.reading.base import made
from rag_embed.reading.decoding import Decoded
from rag_embed.types import Document, Skipped


def read_pdf(path: Path, name: str) -> Iterator[Document | Skipped]:
    """The pages' texts, joined by an empty line.

    ``metadata["pages"]`` holds the offset at which each page starts. A page that cannot be read
    is empty in the text and reported on its own.

    Raises:
        MissingExtra: pypdf is not installed.
    """
    try:
        import pypdf
    except ImportError as error:
        raise MissingExtra("pypdf", "pdf", "Reading PDF files") from error
    try:
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            yield Skipped(name, "encrypted; save it without a password")
            return
        title = _clean(str((reader.metadata or {}).get("/Title") or ""))
        count = len(reader.pages)
    except OSError:
        raise
    except Exception as error:  # the parser raises whatever a broken file leads it to
        yield _broken(name, error)
        return
    texts: list[str] = []
    for number in range(count):
        try:
            texts.append(_clean(reader.pages[number].extract_text()))
        except Exception as error:
            texts.append("")
            yield _broken(f"{name} page {number + 1}", error)
    starts = [0]
    for text in texts[:-1]:
        starts.append(starts[-1] + len(text) + 2)
    found = made(
        path, name, Decoded("\n\n".join(texts), "utf-8"), title, format="pdf", pages=starts
    )
    if isinstance(found, Skipped):
        found = Skipped(name, "no text; its pages may be images, which need text recognition first")
    yield found


def _broken(name: str, error: Exception) -> Skipped:
    return Skipped(name, f"broken PDF ({type(error).__name__}: {error})")


def _clean(text: object) -> str:
    """Join surrogate pairs, replace halves of them, and unify line ends."""
    joined = str(text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\r\n", "\n").replace("\r", "\n").strip()
