"""Contexts written for chunks: what is encoded, what is kept, what happens when a writer fails."""

from __future__ import annotations

from collections import Counter
from importlib import import_module

import numpy as np
import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, NoContext
from rag_embed.situated.described import Described, context_prompt, described
from rag_embed.texts import titled
from rag_embed.types import Chunk

module = import_module("rag_embed.situated.described")  # the room offers a function of that name

TEXT = "They hunt at night. " * 30
DOCUMENTS = [Document("owl", TEXT, title="Owls"), Document("bat", "They sleep by day.")]


class Scribe:
    """Writes about its document, and counts."""

    def __init__(self, fails: int = 0) -> None:
        self.calls: Counter[str] = Counter()
        self.fails = fails

    def __call__(self, document: Document, chunk: Chunk) -> str:
        self.calls[chunk.id] += 1
        if self.calls[chunk.id] <= self.fails:
            raise ConnectionError("try later")
        return f"  About \n {document.id}. "


@pytest.fixture(autouse=True)
def waits(monkeypatch) -> list[float]:
    """No test waits for a retry."""
    slept: list[float] = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    return slept


def groups(*documents: Document):
    return [(document, [Chunk.of(document, 0, len(document.text))]) for document in documents]


def test_the_context_is_encoded_before_title_and_text() -> None:
    encoder = HashEncoder()
    space = Described(encoder, Scribe(), "scribe")
    rows = space.encode_chunks(groups(*DOCUMENTS))
    texts = [f"About {d.id}.\n{titled(Chunk.of(d, 0, len(d.text)))}" for d in DOCUMENTS]
    np.testing.assert_array_equal(rows, encoder.encode_document(texts))
    np.testing.assert_array_equal(space.encode_query(["owl"]), encoder.encode_query(["owl"]))
    assert space.encode_chunks([]).shape == (0, encoder.dim)
    assert space.signature.chunks == "described:scribe"


def test_a_context_is_written_once_and_again_when_the_document_changed(tmp_path) -> None:
    scribe = Scribe()
    situate = described(scribe, name="s", cache=tmp_path / "contexts.db")
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(), situate=situate, chunk_tokens=50)
    index.add(DOCUMENTS)
    written = sum(scribe.calls.values())
    assert written == len(index) > 2 and set(scribe.calls.values()) == {1}
    other = Index.in_memory(
        encoder=HashEncoder(),
        situate=described(scribe, name="s", cache=tmp_path / "contexts.db"),
        chunk_tokens=50,
    )
    other.add(DOCUMENTS)
    assert sum(scribe.calls.values()) == written
    index.add([Document("bat", "They sleep by day!")])
    assert sum(scribe.calls.values()) == written + 1
    renamed = Described(HashEncoder(), scribe, "another", situate(HashEncoder()).cache)
    renamed.encode_chunks(groups(DOCUMENTS[1]))
    assert sum(scribe.calls.values()) == written + 2


def test_a_failing_call_is_repeated(waits) -> None:
    scribe = Scribe(fails=2)
    Described(HashEncoder(), scribe, "s").encode_chunks(groups(*DOCUMENTS))
    assert set(scribe.calls.values()) == {3} and sorted(waits) == [1.0, 1.0, 2.0, 2.0]


def test_one_lost_chunk_stops_the_batch_and_keeps_the_others(tmp_path) -> None:
    def picky(document: Document, chunk: Chunk) -> str:
        if document.id == "bat":
            raise ConnectionError("try later")
        return scribe(document, chunk)

    scribe = Scribe()
    cache = tmp_path / "contexts.db"
    index = Index.create(
        tmp_path / "kb", encoder=HashEncoder(), situate=described(picky, name="s", cache=cache)
    )
    with pytest.raises(NoContext, match=r"1 of \d+ chunks.*bat#0-18.*3 times.*try later"):
        index.add(DOCUMENTS)
    assert index.contents.stats()["documents"] == 0
    written = sum(scribe.calls.values())
    again = Index.open(
        tmp_path / "kb", encoder=HashEncoder(), situate=described(scribe, name="s", cache=cache)
    )
    assert again.add(DOCUMENTS).added == 2
    assert sum(scribe.calls.values()) == written + 1


def test_a_writer_must_return_text() -> None:
    space = Described(HashEncoder(), lambda document, chunk: None, "s", attempts=1)
    with pytest.raises(NoContext, match="must return a str, got NoneType"):
        space.encode_chunks(groups(*DOCUMENTS))


def test_without_the_writer_an_index_can_be_searched_but_not_added_to(tmp_path) -> None:
    situate = described(Scribe(), name="s")
    Index.create(tmp_path / "kb", encoder=HashEncoder(), situate=situate).add(DOCUMENTS)
    index = Index.open(tmp_path / "kb", encoder=HashEncoder())
    assert index.search("about bat")[0].chunk.doc_id == "bat"
    with pytest.raises(BadInput, match=r"described:s.*situate="):
        index.add([Document("new", "text")])
    assert index.contents.stats()["documents"] == 2


@pytest.mark.parametrize("options", [{"name": ""}, {"workers": 0}, {"attempts": 0}])
def test_bad_options_are_refused(options) -> None:
    with pytest.raises(BadInput, match="needs a name|must be an integer >= 1"):
        described(Scribe(), **{"name": "s", **options})


def test_a_cache_that_cannot_be_kept_is_told_with_its_place(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("These are notes, and no database of contexts." * 20)
    for cache in (tmp_path / "nowhere" / "contexts.db", tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(BadInput, match=rf"{cache}' cannot be used"):
            described(Scribe(), name="s", cache=cache)


def test_the_prompt_shows_a_long_documents_beginning_and_the_chunks_surroundings() -> None:
    text = "".join(f"[{i:05}]" for i in range(10_000))
    document = Document("d", text, title="Numbers")
    for start in (0, 7 * 2000, 7 * 5000, len(text) - 70):
        chunk = Chunk.of(document, start, start + 70)
        prompt = context_prompt(document, chunk, characters=2000)
        shown = prompt.partition("</document>")[0]
        assert "Numbers" in shown and text[:900] in shown and chunk.text in shown
        assert chunk.text in prompt.partition("<passage>")[2] and len(prompt) < 3000
    assert text in context_prompt(document, chunk, characters=len(text))
