"""Loaders' documents become rag_embed documents."""

from __future__ import annotations

import pytest
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_rag_embed import RagEmbedRetriever, as_leg, to_documents

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput


def page(text, id=None, **metadata):
    return Document(page_content=text, id=id, metadata=metadata)


def ids(documents, **options):
    return [one.id for one in to_documents(documents, **options)]


PAGES = [page(f"Page {i} of the manual.", source="a.pdf") for i in range(6)]


def test_ids_are_kept_or_made_of_source_and_content():
    made = ids(
        [
            page("x", id="own", source="a"),
            page("x", source="a"),
            page("y", source="a"),
            page("x", source="b"),
            page("x", source="a", n=1),
            page("x", source=""),
            page("x"),
        ]
    )
    assert made[0] == "own" and len(set(made)) == 7
    assert [id.partition("#")[0] for id in made[1:5]] == ["a", "a", "b", "a"]
    assert ids([page("x", source="a")]) == made[1:2] and ids([page("x")] * 2) == made[6:] * 2


@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_no_page_is_lost_in_batches(size):
    index = Index.in_memory(encoder=HashEncoder())
    for start in range(0, 6, size):
        assert index.add(to_documents(PAGES[start : start + size])).skipped == ()
    assert index.contents.matching() == sorted(ids(PAGES))
    assert index.add(to_documents(reversed(PAGES))).unchanged == 6


def test_a_page_that_is_gone_renames_no_other():
    index = Index.in_memory(encoder=HashEncoder())
    index.sync(to_documents(PAGES), scope="pages")
    rest = PAGES[:2] + PAGES[3:]
    report = index.sync(to_documents(rest), scope="pages")
    assert (report.unchanged, report.added, report.replaced, report.deleted) == (5, 0, 0, 1)
    assert ids(rest) == [*ids(PAGES)[:2], *ids(PAGES)[3:]]


def test_named_parts_are_replaced_where_they_stand():
    def pages(*texts):
        return [page(text, source="a.pdf", page=i, row=0) for i, text in enumerate(texts)]

    names = {"part_keys": ["page", "row"]}
    assert ids(pages("x", "y"), **names) == ["a.pdf#page=0&row=0", "a.pdf#page=1&row=0"]
    assert ids([page("x", source="a.md"), page("x", page=1)], **names)[0] == "a.md"
    assert ids([page("x", source="a.md")], part_keys=[]) == ["a.md"]
    index = Index.in_memory(encoder=HashEncoder())
    index.add(to_documents(pages("x", "y"), **names))
    report = index.add(to_documents(pages("x", "z"), **names))
    assert (report.unchanged, report.replaced, len(index)) == (1, 1, 2)


def test_parts_that_are_not_told_apart_are_refused():
    twice = [page("x", source="a.pdf", page=1), page("y", source="a.pdf", page=1)]
    with pytest.raises(BadInput, match=r"a\.pdf#page=1.*tell them apart"):
        ids(twice, part_keys=["page"])
    with pytest.raises(BadInput, match=r"a\.pdf"):
        ids(twice, part_keys=[])
    assert ids([page("x", id="a")] * 2, part_keys=[]) == ["a", "a"]  # the user's own stay


def test_an_owner_is_that_of_all():
    assert {one.user for one in to_documents(PAGES, user="ada")} == {"ada"}
    assert {one.user for one in to_documents(PAGES)} == {None}


def test_metadata_is_untouched_and_titles_are_texts():
    documents = [page("x", path="p", title="T", n=[1]), page("y", path="q", title=3)]
    made = list(to_documents(documents, id_key="path"))
    assert [(one.title, one.metadata) for one in made] == [
        ("T", {"path": "p", "title": "T", "n": [1]}),
        ("", {"path": "q", "title": 3}),
    ]
    assert [one.title for one in to_documents(documents, title_key=None)] == ["", ""]


def test_any_loader_feeds_an_index():
    class Loader(BaseLoader):
        def lazy_load(self):
            yield page("The red fox.", source="a.md", title="Foxes")
            yield page("The blue sea.", source="b.md")

    index = Index.in_memory(encoder=HashEncoder())
    assert index.add(to_documents(Loader().lazy_load())).added == 2
    assert index.add(to_documents(Loader().lazy_load())).unchanged == 2
    assert index.search("foxes", k=1)[0].chunk.title == "Foxes"


def test_front_matter_of_markdown_files_is_metadata():
    """It stayed in the passage's text, and neither its title nor its values were known."""
    text = "---\ntitle: Trips by train\nyear: 2024\nsource: x\n---\n# Rails\n\nTrains run.\n"
    documents = [page(text, source="notes/travel.md"), page(text, source="notes/travel.txt")]
    made, plain = to_documents(documents, part_keys=[])
    assert (made.id, made.title, made.text) == (
        "notes/travel.md",
        "Trips by train",
        "# Rails\n\nTrains run.\n",
    )
    assert made.metadata == {
        "year": 2024,
        "format": "markdown",
        "front_matter": "title: Trips by train\nyear: 2024\nsource: x\n",
        "source": "notes/travel.md",
    }
    assert (plain.title, plain.text, plain.metadata) == ("", text, {"source": "notes/travel.txt"})
    [own] = to_documents([page(text, source="a.md", title="Own", year=1999)])
    assert own.title == "Own" and own.metadata["year"] == 1999
    assert next(to_documents(documents[:1], title_key=None)).title == ""
    index = Index.in_memory(encoder=HashEncoder())
    index.add(to_documents(documents[:1]))
    [found] = RagEmbedRetriever(index=index, where={"year": 2024}).invoke("trains")
    assert found.metadata["rag_embed"]["headings"] == ["Rails"] and "---" not in str(found)
    assert index.add(to_documents(documents[:1])).unchanged == 1


def test_a_leg_finds_markdown_whose_front_matter_was_parted():
    loaded = [page("---\nyear: 2024\n---\nTrains run.\n", source="travel.md")]

    class Other(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            return [one.model_copy(update={"metadata": {"source": "copy.md"}}) for one in loaded]

    index = Index.in_memory(encoder=HashEncoder())
    index.add(to_documents(loaded))
    index.experts.attach_leg(as_leg("other", Other()))
    index.experts.weigh({"dense": 0.5, "other": 0.5})
    assert [part.leg for part in index.search("trains")[0].parts] == ["dense", "other"]


def test_documents_are_read_lazily():
    def broken():
        yield page("x", source="a")
        raise RuntimeError("the disk is gone")

    made = to_documents(broken())
    assert next(made).text == "x"
    with pytest.raises(RuntimeError, match="gone"):
        next(made)
