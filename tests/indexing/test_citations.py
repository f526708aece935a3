"""Citations: the page and not all pages, the line, and a link that opens there, in every store and adapter."""

from __future__ import annotations

import pytest
from langchain_rag_embed.documents import from_hit
from llama_index.retrievers.rag_embed.nodes import to_node

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.types import Chunk, Hit

TEXT = "The fox is red.\n\nThe sea is blue.\n\nThe moss is green."
BOOK = Document(
    "lib/book.pdf",
    TEXT,
    title="Colours",
    metadata={
        "path": "lib/book.pdf",
        "format": "pdf",
        "page_starts": [0, 17, 35],
        "page_kind": "page",
        "tags": ["a"],
    },
)


@pytest.fixture(params=["lance", "memory"])
def index(request, tmp_path):
    if request.param == "memory":
        return Index.in_memory(encoder=HashEncoder(), chunk_tokens=6)
    return Index.create(tmp_path / "kb", encoder=HashEncoder(), chunk_tokens=6)


def test_a_chunk_of_several_pages_says_all_of_them() -> None:
    """Slides are short: what stood on the third was cited as on the first."""
    index = Index.in_memory(encoder=HashEncoder(), chunk_tokens=14)
    index.add([BOOK])
    [hit] = index.search("green moss", k=1)
    assert (hit.page, hit.citation().page_end, hit.citation().pages) == (2, 3, "pages 2-3")
    assert str(hit.citation()) == "Colours (lib/book.pdf, pages 2-3)"
    assert hit.citation().link == "lib/book.pdf#page=2"
    assert from_hit(hit).metadata["page_label"] == to_node(hit).node.metadata["page_label"] == "2-3"


def test_a_chunk_has_its_page_and_its_document_all_of_them(index) -> None:
    index.add([BOOK, Document("other", "The fox sleeps.", metadata={"page": "three"})])
    [hit] = index.search("blue sea", k=1)
    known = {"path": "lib/book.pdf", "format": "pdf", "page_kind": "page", "tags": ["a"], "page": 2}
    assert hit.chunk.metadata == known and hit.page == 2
    assert index.contents.document(BOOK.id) == BOOK
    found = index.search("", where=field("metadata.page") == 3)
    assert [one.text for one in found] == ["The moss is green."]
    assert index.search("", where=field("metadata.page") == "three")[0].page is None
    cited = hit.citation()
    assert str(cited) == "Colours (lib/book.pdf, page 2)"
    assert cited.link == "lib/book.pdf#page=2"
    assert (cited.start, cited.end, cited.line) == (17, 33, None)


def test_frameworks_find_their_usual_keys(index) -> None:
    index.add(BOOK)
    [hit] = index.search("blue sea", k=1)
    known = from_hit(hit).metadata
    assert (known["source"], known["page"], known["page_label"]) == ("lib/book.pdf", 2, "2")
    node = to_node(hit).node.metadata
    assert (node["file_path"], node["file_name"]) == ("lib/book.pdf", "book.pdf")
    assert node["page_label"] == "2"
    assert "page_starts" not in known and "page_starts" not in node
    plain = Hit(Chunk.of(Document("a", "x", metadata={"path": "mine"}), 0, 1), 1.0, 1.0)
    assert (
        "source" not in from_hit(plain).metadata and "file_path" not in to_node(plain).node.metadata
    )


def test_files_are_cited_by_path_and_line(index, tmp_path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.py").write_text("import os\n\n\ndef fox():\n    return 'the red fox runs'\n")
    (folder / "b.md").write_text(
        "---\ntitle: Sea\nyear: 2020\n---\n# Blue\n\nThe sea is blue today.\n"
    )
    index.add_files(folder)
    [code] = index.search("fox runs", k=1)
    cited = index.contents.citation(code)
    assert cited.link == f"{folder / 'a.py'}:{cited.line}"
    line = (folder / "a.py").read_text().splitlines()[cited.line - 1]
    assert code.text.split("\n")[0].strip() in line
    [sea] = index.search("blue sea today", k=1)
    line = index.contents.citation(sea).line
    assert (folder / "b.md").read_text().splitlines()[line - 1].endswith(sea.text.split("\n")[0])
    assert sea.citation().line is None and sea.citation().link == "work/b.md"


def test_web_pages_open_at_the_text() -> None:
    about = {"url": "https://x.org/a#top", "format": "html"}
    text = "## Leave\n\nThirty days, a year - for all. And so on it goes for long."
    document = Document("a", text, title="A", metadata=about)
    [*_, cited] = [Hit(Chunk.of(document, 0, len(text)), 1.0, 1.0).citation()]
    assert cited.link == "https://x.org/a#:~:text=Leave,on%20it%20goes%20for%20long."
    short = Hit(
        Chunk.of(Document("b", "One two-three.", metadata=about), 0, 14), 1.0, 1.0
    ).citation()
    assert short.link.endswith("#:~:text=One%20two%2Dthree.")


def test_what_came_from_nowhere_is_cited_by_its_id(index) -> None:
    index.add(Document("t/1", "The printer prints twice."))
    [hit] = index.search("printer", k=1)
    assert str(hit.citation()) == "t/1 (t/1)" and index.contents.citation(hit) == hit.citation()
