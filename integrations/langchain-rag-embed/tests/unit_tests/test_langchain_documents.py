"""Loaders' documents become rag_embed documents."""

from __future__ import annotations

import pytest
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_rag_embed import to_documents

from rag_embed import Index
from rag_embed.encoders import HashEncoder


def page(text, id=None, **metadata):
    return Document(page_content=text, id=id, metadata=metadata)


def test_ids_are_kept_named_by_source_or_made_of_the_content():
    made = [
        one.id
        for one in to_documents(
            [
                page("x", id="own", source="a"),
                page("x", source="a"),
                page("y", source="a"),
                page("z", source="a"),
                page("x", source="b"),
                page("x", source=""),
                page("x"),
            ]
        )
    ]
    assert made[:5] == ["own", "a", "a#2", "a#3", "b"]
    assert len(set(made)) == 7
    again = [one.id for one in to_documents([page("x"), page("x", n=1), page("x")])]
    assert again[0] == again[2] == made[6]
    assert again[1] != again[0]


def test_made_ids_are_not_taken_twice():
    ids = [
        one.id
        for one in to_documents(
            [page("1", id="a#2"), page("2", source="a"), page("3", source="a"), page("4", id="a")]
        )
    ]
    assert ids == ["a#2", "a", "a#3", "a"]  # an id of the user's own stays, even a repeated one


def test_metadata_is_untouched_and_titles_are_texts():
    documents = [page("x", path="p", title="T", n=[1]), page("y", path="q", title=3)]
    made = list(to_documents(documents, id_key="path"))
    assert [(one.id, one.title, one.metadata) for one in made] == [
        ("p", "T", {"path": "p", "title": "T", "n": [1]}),
        ("q", "", {"path": "q", "title": 3}),
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


def test_documents_are_read_lazily():
    def broken():
        yield page("x", source="a")
        raise RuntimeError("the disk is gone")

    made = to_documents(broken())
    assert next(made).id == "a"
    with pytest.raises(RuntimeError, match="gone"):
        next(made)
