"""The heat map tells the truth about token evidence."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.indexing.own_legs import token_matches
from rag_embed.ranking.token_matches import found_words
from rag_embed.serving.page.alone import page
from rag_embed.situated.described import described
from rag_embed.types import TOKENS, Cut


@pytest.fixture(scope="module")
def index() -> Index:
    index = Index.in_memory(tokens=True)
    index.add(
        [
            Document("a", "The author wrote novels <b>&</b> poems in Lisbon.", "Biography"),
            Document("b", "The court decides about fines for parking.", "Law"),
            Document("c", "Cats sleep most of the day."),
            Document("empty", "", "Only a title"),
        ]
    )
    return index


def test_shares_add_up_to_the_evidence(index) -> None:
    query = "which writer lived in Portugal's capital?"
    hits = index.search(query)
    assert len(hits) == 4
    for hit, heat in zip(
        hits, token_matches(index.store, index.spaces.own, Query(query), hits), strict=True
    ):
        [evidence] = [part.raw for part in hit.parts if part.leg == TOKENS]
        assert sum(match.share for match in heat.matches) == pytest.approx(evidence, abs=1e-6)
        assert len(heat.warmth) == len(heat.spans) and (heat.warmth >= 0).all()
        assert heat.text.endswith(hit.text)
        for match in heat.matches:
            assert heat.text[match.start : match.end] == match.found and match.word in query
        shares = [match.share for match in heat.matches]
        assert shares == sorted(shares, reverse=True)


def test_words_find_their_like(index) -> None:
    query = "which writer lived in Portugal's capital?"
    [hit] = index.search(query, k=1)
    assert hit.chunk.doc_id == "a"
    [heat] = token_matches(index.store, index.spaces.own, Query(query), [hit])
    found = {match.word: match.found for match in found_words(heat)}
    assert found["writer"] in ("author", "wrote") and "which" not in found
    assert heat.text[slice(*heat.spans[int(np.argmax(heat.warmth))])] in found.values()


def test_a_query_without_words_has_no_matches(index) -> None:
    [hit] = index.search("author", k=1)
    for query in (Query("the?"), Query("", vectors={"dense": np.ones(384, np.float32)})):
        [heat] = token_matches(index.store, index.spaces.own, query, [hit])
        assert heat.matches == () and not heat.warmth.any() and found_words(heat) == []


def test_the_page_shows_the_text_and_nothing_but_the_text(index) -> None:
    query = "writer from Lisbon"
    explained = index.explain(query, k=2)
    written = page(query, explained, index.store.analyzer)
    found = re.findall(r'<div class="passage">(.*?)</div>', written, re.S)
    shown = [html.unescape(re.sub(r"<[^>]*>", "", one)) for one in found]
    assert [one.split() for one in shown] == [one.hit.text.split() for one in explained]
    assert 'title="like “writer”, 0.' in written and "://" not in written


def test_without_tokens_there_is_no_heat() -> None:
    index = Index.in_memory(encoder=HashEncoder(16))
    index.add([Document("a", "text")])
    assert token_matches(index.store, index.spaces.own, Query("text"), index.search("text")) == []
    assert [one.tokens for one in index.explain("text")] == [None]


LONG = " ".join(f"Sentence {i} tells of {w}." for i, w in enumerate(("owls", "tea", "rivers") * 9))


@pytest.mark.parametrize("situate", ["summary", "titled+0.25*heading(titled)", "late"])
def test_the_text_is_what_was_encoded(situate) -> None:
    """Also where it depends on the whole document."""
    index = Index.in_memory(tokens=True, situate=situate, chunk_tokens=40)
    document = Document("a", LONG, "Nights")
    index.add([document, Document("b", "Cats sleep most of the day.")])
    chunks = index.store.view().document_chunks("a")
    texts = index.spaces.own.space.texts([Cut(document, chunks)])
    expected = {chunk.id: text for chunk, text in zip(chunks, texts, strict=True)}
    hits = [hit for hit in index.search("owls drink tea") if hit.id in expected]
    assert len(hits) > 2
    for hit, heat in zip(
        hits,
        token_matches(index.store, index.spaces.own, Query("owls drink tea"), hits),
        strict=True,
    ):
        assert heat.text == expected[hit.id] and heat.matches


def test_contexts_are_shown_and_never_written_again(tmp_path) -> None:
    asked = []

    def write(document, chunk):
        asked.append(chunk.id)
        return f"A note on {document.title}."

    index = Index.create(tmp_path / "kb", tokens=True, situate=described(write, name="scribe"))
    index.add([Document("a", "It hunts at night.", "Owls"), Document("b", "They bark.", "Dogs")])
    assert len(asked) == 2
    [hit] = index.search("who hunts?", k=1)
    [heat] = token_matches(index.store, index.spaces.own, Query("who hunts?"), [hit])
    assert heat.text == "A note on Owls.\nOwls\nIt hunts at night." and len(asked) == 2
    assert heat.matches[0].found == "hunts"
    again = Index.open(tmp_path / "kb")
    [one] = again.explain("who hunts?", k=1)
    assert one.tokens.text == "Owls\nIt hunts at night." and one.tokens.matches == ()
    assert again.search("who hunts?", k=1) == [hit]
