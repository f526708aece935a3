"""The sentence-picking summariser, and contexts that words can be found in."""

from __future__ import annotations

import time
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.situated.described import described
from rag_embed.situated.summary import summarise, summary
from rag_embed.types import Chunk

module = import_module("rag_embed.situated.summary")  # the room offers a function of that name

TEXT = (
    "Foxes hunt mice. It rained on Tuesday afternoon. Mice fear foxes at night.\n"
    "Owls hunt mice at night too. The end."
)


def test_sentences_with_frequent_words_come_in_reading_order_without_repetition() -> None:
    assert summarise(TEXT, 1) == "Foxes hunt mice."
    # Of 16 words foxes, hunt and night are 2, mice 3. Told, mice and foxes count their squares: the
    # mean of the second sentence is 1/16, of the third (9/256 + 1/16 + 4/256 + 2/16) / 4 = .060.
    assert summarise(TEXT, 2) == "Foxes hunt mice. It rained on Tuesday afternoon."
    twice = "Foxes hunt mice. " * 5 + "Owls sleep."
    assert summarise(twice, 2) == "Foxes hunt mice. Owls sleep."


@given(st.text(), st.integers(1, 4))
def test_any_text_has_a_summary_made_of_its_own_words(text, n) -> None:
    found = summarise(text, n)
    assert len(found) <= len(text) and set(found.split()) <= set(text.split())


def test_a_summary_needs_a_sentence() -> None:
    for make in (lambda: summary(0), lambda: summarise("x", 0)):
        with pytest.raises(BadInput, match="sentences must be an integer >= 1"):
            make()


def test_the_writer_gives_each_chunk_its_documents_summary() -> None:
    document = Document("d", TEXT)
    assert summary(1)(document, Chunk.of(document, 5, 9)) == "Foxes hunt mice."


def test_a_document_is_summarised_once_however_many_threads_ask(monkeypatch) -> None:
    made: list[str] = []

    def slow(text: str, *_: object) -> str:
        made.append(text)
        time.sleep(0.02)  # time for the other threads to ask as well
        return "summary"

    monkeypatch.setattr(module, "summarise", slow)
    document = Document("d", TEXT)
    chunks = [Chunk.of(document, i, i + 4) for i in range(20)]
    space = described(summary(1), name="s", workers=8)(HashEncoder())
    assert space.contexts([(document, chunks)]) == ["summary"] * 20
    assert made == [TEXT]


@pytest.mark.parametrize("kind", ["memory", "lance"])
@pytest.mark.parametrize("lexical", [True, False])
def test_lexical_search_reads_the_contexts_if_it_may(kind, lexical, tmp_path) -> None:
    situate = described(lambda document, chunk: "quokka", name="q", lexical=lexical)
    if kind == "memory":
        index = Index.in_memory(encoder=HashEncoder(), situate=situate)
    else:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(), situate=situate)
    index.add([Document("a", "red fox", title="Animals"), Document("b", "blue sea")])
    view = index.store.view()
    assert len(view.lexical(["quokkas"], 9, None)[0][0]) == (2 if lexical else 0)
    assert view.lexical(["animal"], 9, None)[0][0] == ["a#0-7"]
    index.delete(["a"])
    assert view.chunks(["a#0-7"])[0].text == "red fox"
    assert len(index.store.view().lexical(["quokkas"], 9, None)[0][0]) == (1 if lexical else 0)
