"""Citations: the page and not all pages, the line, and a link that opens there, in every store and adapter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from langchain_rag_embed.documents import from_hit
from llama_index.core.schema import MetadataMode
from llama_index.retrievers.rag_embed.nodes import to_node

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.ranking.joining import Passage
from rag_embed.serving import Library, tools
from rag_embed.serving.web import searching as web
from rag_embed.types import Chunk, Citation, Hit

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
    """Slides are short: what stood on the third was cited as on the first; where none stands out, all are."""
    index = Index.in_memory(encoder=HashEncoder(), chunk_tokens=14)
    index.add([BOOK])
    assert index.search("green moss", k=1)[0].citation().link == "lib/book.pdf#page=3"
    [hit] = [one for one in index.search("colours") if one.chunk.metadata["page"] == 2]
    assert (hit.page, hit.citation().page_end, hit.citation().pages) == (2, 3, "pages 2-3")
    assert str(hit.citation()) == "Colours (lib/book.pdf, pages 2-3)"
    assert hit.citation().link == "lib/book.pdf#page=2"
    assert from_hit(hit).metadata["page_label"] == to_node(hit).node.metadata["page_label"] == "2-3"


def test_a_chunk_has_its_page_and_its_document_all_of_them(index) -> None:
    index.add([BOOK, Document("other", "The fox sleeps.", metadata={"page": "three"})])
    [hit] = index.search("blue sea", k=1)
    known = {"path": "lib/book.pdf", "format": "pdf", "page_kind": "page", "tags": ["a"]}
    known |= {"page": 2}
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


MANUAL = Document(
    "manual.pdf",
    "Errors of the printer. E16 means that the tray is empty.\n\nE17 means that the ink is dry.",
    title="Manual",
    metadata={"path": "manual.pdf", "format": "pdf", "page_starts": [0, 58], "page_kind": "page"},
)


@pytest.mark.parametrize("kind", ["page", "slide", "sheet", "chapter", "cell"])
def test_of_several_pages_the_one_with_the_sentence_that_answers_is_cited(tmp_path, kind) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder())
    index.add(replace(MANUAL, metadata={**MANUAL.metadata, "page_kind": kind}))
    [hit] = index.search("what does E17 mean?", k=1)
    told = {key: hit.chunk.metadata[key] for key in ("page", "page_end", "page_breaks")}
    assert told == {"page": 1, "page_end": 2, "page_breaks": [58]}
    cited = index.contents.citation(hit)
    assert (hit.page, cited.page, cited.span, cited.at) == (2, 2, "1-2", 58)
    assert str(cited) == f"Manual (manual.pdf, {kind} 2)"
    assert cited.link == "manual.pdf" + "#page=2" * (kind == "page")
    document, node = from_hit(hit), to_node(hit)
    for one in (document, node):
        assert (one.page, one.citation, one.link) == (2, str(cited), cited.link)
    assert document.metadata["page_label"] == node.node.metadata["page_label"] == "1-2"
    assert "page_breaks" not in str(document) + node.node.get_content(MetadataMode.LLM)
    library = Library.of({"kb": index})
    search = next(one for one in tools(library) if one.name == "search")
    answer = search.call({"query": "what does E17 mean?", "min_relevance": 0})
    assert f", {kind} 2 (text of {kind}s 1-2), Manual" in answer.text
    [passage] = answer.data["passages"]
    assert (passage["page"], passage["page_start"], passage["page_end"]) == (2, 1, 2)
    found = web.search_tool(library).call({"query": "E17"}).data["hits"][0]
    assert (found["page"], found["page_start"], found["page_end"]) == (2, 1, 2)
    both = index.search("printer ink", k=1)[0]
    assert both.at is None and str(both.citation()) == f"Manual (manual.pdf, {kind}s 1-2)"
    assert both.page == 1 and index.search("E16", k=1)[0].citation().pages == f"{kind} 1"


def test_what_is_joined_or_cut_stands_on_its_own_pages() -> None:
    texts = ["The fox is red.", "", "The sea is blue and wide.", "The moss is green."]
    starts = [sum(len(one) + 2 for one in texts[:i]) for i in range(4)]
    about = {"page_starts": starts, "page_kind": "slide"}
    text = "\n\n".join(texts)
    index = Index.in_memory(encoder=HashEncoder(), chunk_tokens=6)
    index.add(Document("deck", text, metadata=about))
    chunks = index.contents.chunks("deck")
    whole = Chunk.joined(chunks, text)
    assert Citation.of(whole).pages == "slides 1-4"
    assert [Citation.of(whole, at=one.start).page for one in chunks] == [
        one.metadata["page"] for one in chunks
    ]
    [sea] = index.search("blue sea", k=1)
    passage = Passage("deck", "", 0, len(text), tuple(chunks), (sea,), 1.0, 9, text)
    assert passage.as_hit.citation().pages == "slide 3"
    assert passage.as_hit.citation().span == "1-4"
    part = Chunk.of(Document("deck", text, metadata=about), 0, len(text))
    cut = replace(part, text=text[:10], end=10)
    assert Citation.of(cut).pages == Citation.of(cut, at=starts[3]).pages == "slide 1"


def test_a_chunk_that_knows_its_first_page_alone_is_cited_with_it() -> None:
    old = {"page": 3, "page_kind": "page", "path": "a.pdf", "format": "pdf"}
    hit = Hit(Chunk("a#0-4", "a", "text", 0, 4, metadata=old), 1.0, 1.0)
    assert str(hit.citation()) == "a (a.pdf, page 3)" and hit.citation().span == "3"
