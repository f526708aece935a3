"""Where a passage stands, for people: what it is from, and a link that opens there."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from rag_embed.types.documents import Chunk
from rag_embed.types.pages import page_at, pages_of

_URLS = ("url", "source", "path")
_ENDS = 5
"""Words at either end of a passage that a link to its text names."""


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a passage stands.

    Attributes:
        title: The document's title, or its id.
        source: Its URL, or the path that its id begins with; the id of one that has neither.
        page: Number of the page, slide, sheet or cell to open, from 1: that of the sentence that answers,
            where it is known, else the one that the passage starts on. None where there are none.
        page_kind: Which of these it is.
        page_end: Number of the one that the passage ends on.
        headings: The headings above it, outermost first.
        start: Offset of its first character in the document.
        end: Offset after the last one.
        line: Number of the line it starts on, from 1; None where it is not known. `Contents.citation`
            looks it up.
        link: Opens the document there: at ``#page=`` of a PDF, at the text of a web page.
        page_start: Number of the page, slide, sheet or cell that the passage starts on.
        at: Offset in the document of the sentence that answers; None where it is not known. See `Hit`.
    """

    title: str
    source: str
    page: int | None
    page_kind: str
    page_end: int | None
    headings: tuple[str, ...]
    start: int
    end: int
    line: int | None
    link: str
    page_start: int | None = None
    at: int | None = None

    @classmethod
    def of(
        cls, chunk: Chunk, *, place: str = "", line: int | None = None, at: int | None = None
    ) -> Citation:
        """The citation of a chunk.

        Args:
            chunk: The chunk.
            place: Where its file lies, if that is known.
            line: Number of the line it starts on, if that is known.
            at: Offset in the document of the sentence that answers, if that is known.
        """
        known = chunk.metadata
        names = (known.get(key) for key in _URLS)
        source = next((one for one in names if isinstance(one, str) and one), chunk.doc_id)
        pages = pages_of(known, chunk.end)
        at = at if at is not None and chunk.start <= at < chunk.end else None
        page = None
        if pages is not None:
            page = pages[0] if at is None else page_at(known, at)
        kind = str(known.get("page_kind", "")) if page is not None else ""
        return cls(
            chunk.title or chunk.doc_id,
            source,
            page,
            kind,
            None if pages is None else pages[1],
            chunk.headings,
            chunk.start,
            chunk.end,
            line,
            _link(chunk, place or source, page if kind == "page" else None, line),
            None if pages is None else pages[0],
            at,
        )

    @property
    def pages(self) -> str:
        """Its page, such as ``"page 3"``; ``"slides 2-4"`` where it is not known which answers; or empty."""
        if self.page is None:
            return ""
        if self.at is not None or self.page_start == self.page_end:
            return f"{self.page_kind} {self.page}"
        return f"{self.page_kind}s {self.span}"

    @property
    def span(self) -> str:
        """The numbers of the pages that the passage stands on: ``3``, ``3-4``, or empty."""
        if self.page_start is None:
            return ""
        one = self.page_start == self.page_end
        return str(self.page_start) if one else f"{self.page_start}-{self.page_end}"

    def __str__(self) -> str:
        above = [one for one in self.headings if one != self.title]
        page = f", {self.pages}" if self.pages else ""
        line = f":{self.line}" if self.line is not None else ""
        return f"{' > '.join([self.title, *above])} ({self.source}{line}{page})"


def _link(chunk: Chunk, to: str, page: int | None, line: int | None) -> str:
    """An address that opens at the passage, as far as the kind of document has such addresses."""
    form = chunk.metadata.get("format")
    if page is not None:
        return f"{to}#page={page}"
    if form == "html" or to.startswith(("http://", "https://")):
        return f"{to.partition('#')[0]}#:~:text={_text(chunk.text)}"
    return f"{to}:{line}" if line is not None else to


def _text(text: str) -> str:
    """The first and the last words of a passage, as a text fragment names them."""
    lines = [line.lstrip("#>-*| 0123456789.").strip() for line in text.splitlines()]
    lines = [line for line in lines if line and line[0] not in "`|"] or [text.strip()]
    first, last = lines[0].split()[:_ENDS], lines[-1].split()[-_ENDS:]
    ends = (
        [" ".join(first)]
        if len(lines) == 1 and len(lines[0].split()) <= _ENDS
        else [" ".join(first), " ".join(last)]
    )
    return ",".join(quote(one, safe="").replace("-", "%2D") for one in ends)
