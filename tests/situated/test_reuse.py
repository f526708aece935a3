"""A changed document: what stayed the same is not encoded again, and every vector is as if it were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.situated.described import described
from rag_embed.situated.expressions import FULL, STANDARD, situated
from rag_embed.situated.reuse import sources
from rag_embed.types import Chunk, TokenRows


class Counting(HashEncoder):
    """Remembers what it encodes; words are tokens."""

    def __init__(self) -> None:
        super().__init__(64)
        self.asked: list[str] = []

    @property
    def signature(self):
        return replace(super().signature, max_tokens=16)

    def encode_document(self, texts, /):
        self.asked += texts
        return super().encode_document(texts)

    def encode_document_tokens(self, texts, keep, /):
        kept = []
        for text in texts:
            spans = self.token_spans(text)
            rows = super().encode_document([text[a:b] for a, b in spans])
            rows = rows + super().encode_document([text])  # a token knows the text around it
            kept.append(keep(TokenRows(np.arange(len(spans), dtype=np.int32), rows, spans)))
        return self.encode_document(texts), kept

    def encode_query_tokens(self, texts, keep, /):
        return self.encode_document_tokens(texts, keep)


def page(*numbers: int, id: str = "page", title: str = "Rules") -> Document:
    """A document of one chunk per number."""
    text = "\n\n".join(f"Rule {n} says that number {n} wins the game of chess." for n in numbers)
    return Document(id, text, title)


@pytest.fixture(params=["memory", "lance"])
def made(request, tmp_path):
    """Makes indexes, in memory or on disk."""

    def make(situate: object, tokens: bool = False) -> Index:
        options = {"encoder": Counting(), "chunk_tokens": 12, "situate": situate, "tokens": tokens}
        if request.param == "memory":
            return Index.in_memory(**options)
        return Index.create(tmp_path / f"kb{len(list(tmp_path.iterdir()))}", **options)

    return make


def vectors(index: Index, id: str = "page"):
    view = index.store.view()
    chunks = view.document_chunks(id)
    return [chunk.text for chunk in chunks], view.vectors("dense", [chunk.id for chunk in chunks])


WAYS = [
    "isolated",
    STANDARD,
    "headed(isolated,1)",
    "titled+0.5*mean(titled)",
    "late(16,4)",
    FULL,
    described(lambda document, chunk: document.text[:30], name="w"),
]


@pytest.mark.parametrize("situate", WAYS)
@pytest.mark.parametrize(
    ("made", "tokens"), [("memory", False), ("memory", True), ("lance", True)], indirect=["made"]
)
@pytest.mark.parametrize(
    "changed",
    [
        page(1, 2, 3, 9, 5, 6),
        page(7, 1, 2, 3, 4, 5, 6),
        page(1, 2, 3, 5, 6),
        page(1, 2, 3, 4, 5, 6, title="Law"),
        replace(page(1, 2, 3, 4, 5, 6), metadata={"n": 1}),
    ],
)
def test_an_index_is_as_if_it_were_new(made, situate, tokens, changed) -> None:
    old, new = made(situate, tokens), made(situate, tokens)
    old.add([page(1, 2, 3, 4, 5, 6), page(1, 2, 3, 4, id="other")])
    old.add([changed])
    new.add([changed, page(1, 2, 3, 4, id="other")])
    for id in ("page", "other"):
        (texts, rows), (expected, others) = vectors(old, id), vectors(new, id)
        assert texts == expected
        np.testing.assert_array_equal(rows, others)
        if tokens:
            views = old.store.view(), new.store.view()
            ids = [chunk.id for chunk in views[0].document_chunks(id)]
            for a, b in zip(*(view.tokens("dense", ids) for view in views), strict=True):
                np.testing.assert_array_equal(a.ids, b.ids)
                np.testing.assert_array_equal(a.bits, b.bits)


@pytest.mark.parametrize("situate", WAYS)
def test_only_the_changed_document_is_encoded(made, situate) -> None:
    index = made(situate)
    others = [page(*range(10 * i, 10 * i + 6), id=f"d{i}", title=f"T{i}") for i in range(2, 6)]
    index.add([page(1, 2, 3, 4, 5, 6), *others])
    index.spaces.own.encoder.asked.clear()
    report = index.add([page(1, 2, 3, 9, 5, 6), *others])
    assert (report.replaced, report.unchanged) == (1, 4)
    asked = " ".join(index.spaces.own.encoder.asked)
    assert "9" in asked and not any(f"Rule {i}" in asked for i in range(20, 60))


def test_of_the_document_only_what_changed_is_encoded(made) -> None:
    """The chunk with the new text, and the heading above it; nothing for new metadata."""
    index = made(STANDARD)
    before = page(1, 2, 3, 4, 5, 6)
    index.add([before])
    asked = index.spaces.own.encoder.asked
    asked.clear()
    index.add([page(7, 1, 2, 3, 4, 5, 6)])
    assert asked == ["Rules\nRule 7 says that number 7 wins the game of chess.", "Rules"]
    asked.clear()
    index.add([replace(page(7, 1, 2, 3, 4, 5, 6), metadata={"n": 1})])
    assert asked == [] and index.contents.document("page").metadata == {"n": 1}


def test_windows_with_the_same_text_are_not_read_again(made) -> None:
    index = made("late(16,0)")
    index.add([page(*range(10, 40))])
    asked = index.spaces.own.encoder.asked
    whole = len(asked)
    asked.clear()
    index.add([page(*range(10, 39), 99)])
    assert 1 <= len(asked) <= 2 < whole
    assert any("99" in text for text in asked)


def test_a_writer_is_not_asked_about_what_was_before(made) -> None:
    seen: list[str] = []

    def write(document: Document, chunk: Chunk) -> str:
        seen.append(document.text)
        return "context"

    index = made(described(write, name="w"))
    index.add([page(1, 2, 3, 4)])
    seen.clear()
    index.add([page(1, 2, 3, 5)])
    assert set(seen) == {page(1, 2, 3, 5).text}


def test_foreign_spaces_are_encoded_whole(made) -> None:
    class Foreign:
        """A space of somebody else, which says nothing of what it reads."""

        def __init__(self, encoder: Counting) -> None:
            inner = situated("titled", encoder)
            self.encoder, self.signature = encoder, inner.signature
            self.encode_chunks, self.encode_query = inner.encode_chunks, inner.encode_query

    index = made(Foreign)
    index.add([page(1, 2, 3, 4)])
    index.spaces.own.encoder.asked.clear()
    index.add([page(1, 2, 3, 5)])
    assert len(index.spaces.own.encoder.asked) == 4
    assert sources(Foreign(Counting()), []) is None


numbers = st.lists(st.integers(0, 9), min_size=1, max_size=6)


@given(numbers, numbers, st.sampled_from(WAYS[:-1]), st.sampled_from(["", "Rules"]))
def test_the_same_sources_mean_the_same_vector(one, two, way, title) -> None:
    groups = []
    for id, some in (("a", one), ("b", two)):
        document = page(*some, id=id, title=title)
        starts = [i for i in range(len(document.text)) if document.text.startswith("Rule ", i)]
        ends = [*starts[1:], len(document.text)]
        chunks = [Chunk.of(document, a, b) for a, b in zip(starts, ends, strict=True)]
        groups.append((document, chunks))
    space = situated(way, Counting())
    rows, read = space.encode_chunks(groups), sources(space, groups)
    assert len(read) == len(rows)
    for source in set(read):
        same = [i for i, one in enumerate(read) if one == source]
        np.testing.assert_allclose(rows[same], np.repeat(rows[same[:1]], len(same), 0), atol=1e-6)
