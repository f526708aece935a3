"""Sums of ways to situate: the formula, nothing encoded twice, two models, names that lead back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Document
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.maths.vectors import unit
from rag_embed.situated.derived import DocumentMean, Headed, Heading
from rag_embed.situated.described import described
from rag_embed.situated.expressions import FULL, STANDARD, situated
from rag_embed.situated.residual import Residual
from rag_embed.situated.titled import Isolated, Titled
from rag_embed.types import Chunk, TokenRows

A = Document("a", "red fox. blue sea. green tea", title="Colours")
B = Document("b", "whales sing")
GROUPS = [
    (A, [Chunk.of(A, 0, 8), Chunk.of(A, 9, 18, headings=("Water",)), Chunk.of(A, 19, 28)]),
    (B, [Chunk.of(B, 0, 11)]),
]


class Counting(HashEncoder):
    """Counts what it encodes, and gives words as tokens."""

    def __init__(self, dim: int = 64, salt: str = "") -> None:
        super().__init__(dim)
        self.salt = salt
        self.asked: list[str] = []
        self.queries = 0

    @property
    def signature(self):
        return replace(super().signature, weights=f"1{self.salt}", max_tokens=64)

    def encode_document(self, texts, /):
        self.asked += texts
        return super().encode_document([self.salt + text for text in texts])

    def encode_query(self, texts, /):
        self.queries += 1
        return super().encode_query([self.salt + text for text in texts])

    def encode_document_tokens(self, texts, keep, /):
        kept = []
        for text in texts:
            spans = self.token_spans(text)
            rows = super().encode_document([text[a:b] for a, b in spans])
            kept.append(keep(TokenRows(np.arange(len(spans), dtype=np.int32), rows, spans)))
        return self.encode_document(texts), kept

    def encode_query_tokens(self, texts, keep, /):
        return self.encode_document_tokens(texts, keep)


def test_the_sum_is_that_of_the_formula() -> None:
    encoder = HashEncoder()
    titled, isolated = Titled(encoder), Isolated(encoder)
    a, b = titled.encode_chunks(GROUPS), isolated.encode_chunks(GROUPS)
    np.testing.assert_allclose(
        Residual(titled, isolated, 0.3).encode_chunks(GROUPS), unit(a + 0.3 * b), atol=1e-6
    )
    means = unit(np.stack([a[:3].mean(axis=0)] * 3 + [a[3]]))
    np.testing.assert_allclose(DocumentMean(titled).encode_chunks(GROUPS), means, atol=1e-6)
    heads = encoder.encode_document(["Colours", "Colours\nWater", "Colours"])
    found = Heading(isolated).encode_chunks(GROUPS)
    np.testing.assert_array_equal(found[:3], heads)
    np.testing.assert_array_equal(found[3], b[3])  # no title: stands in for itself
    nested = Residual(Residual(titled, DocumentMean(titled), 0.25), isolated, 0.5)
    np.testing.assert_allclose(
        nested.encode_chunks(GROUPS), unit(unit(a + 0.25 * means) + 0.5 * b), atol=1e-6
    )
    assert nested.encode_chunks([]).shape == (0, 256)


def test_a_chunk_gets_as_much_of_its_heading_as_it_lacks() -> None:
    isolated = Isolated(HashEncoder())
    a, h = isolated.encode_chunks(GROUPS), Heading(isolated).encode_chunks(GROUPS)
    lacking = 1 - (a * h).sum(axis=1, keepdims=True)
    found = Headed(isolated, 0.8).encode_chunks(GROUPS)
    np.testing.assert_allclose(found, unit(a + 0.8 * lacking * h), atol=1e-6)
    np.testing.assert_allclose(found[3], a[3], atol=1e-6)  # no title
    document = Document("c", "Colours", title="Colours")
    same = [(document, [Chunk.of(document, 0, 7)])]
    np.testing.assert_allclose(
        Headed(isolated, 9).encode_chunks(same), isolated.encode_chunks(same), atol=1e-6
    )
    with pytest.raises(BadInput, match="finite weight > 0"):
        Headed(isolated, 0)


def test_a_chunk_without_context_keeps_its_vector() -> None:
    isolated = Isolated(HashEncoder())
    lone = [GROUPS[1]]
    plain = isolated.encode_chunks(lone)
    for added in (Heading(isolated), DocumentMean(isolated), Heading(DocumentMean(isolated))):
        got = Residual(isolated, added, 0.6).encode_chunks(lone)
        np.testing.assert_allclose(got, plain, atol=1e-6)


@given(st.permutations(range(2)), st.sampled_from(["x", "red fox. blue sea. green tee"]))
def test_only_the_own_document_matters(order, other) -> None:
    name = "titled+0.5*mean(titled)+0.5*heading(isolated)+0.5*headed(isolated,1)"
    space = situated(name, HashEncoder())
    rows = np.split(space.encode_chunks(GROUPS), [3])
    shuffled = space.encode_chunks([GROUPS[i] for i in order])
    np.testing.assert_allclose(shuffled, np.concatenate([rows[i] for i in order]), atol=1e-6)
    document = Document("b", other * 2, title="Other")
    changed = space.encode_chunks([GROUPS[0], (document, [Chunk.of(document, 0, 1)])])
    np.testing.assert_array_equal(changed[:3], rows[0])
    assert np.abs(changed[3] - rows[1][0]).max() > 1e-3


def test_what_parts_share_is_encoded_once() -> None:
    encoder = Counting()
    titled = Titled(encoder)
    space = Residual(
        Residual(titled, Heading(titled), 0.5),
        DocumentMean(Residual(titled, Isolated(encoder), 1)),
        1,
    )
    rows = space.encode_chunks(GROUPS)
    texts = titled.texts(GROUPS) + Isolated(encoder).texts(GROUPS)
    assert sorted(encoder.asked) == sorted([*texts, "Colours", "Colours\nWater", "Colours"])
    encoder.asked.clear()
    again, tokens = space.encode_chunk_tokens(GROUPS, lambda one: len(one.ids))
    np.testing.assert_array_equal(again, rows)
    assert tokens == [len(encoder.token_spans(text)) for text in titled.texts(GROUPS)]
    assert sorted(encoder.asked) == sorted([*texts, "Colours", "Colours\nWater", "Colours"])


def test_two_models_add_on_both_sides() -> None:
    """SitEmb-v1: the score is that of summed queries with summed chunks."""
    one, two = Counting(), Counting(salt="other ")
    space = Residual(Isolated(one), Titled(two), 1.0)
    query = space.encode_query(["red fox"])
    np.testing.assert_allclose(
        query, unit(one.encode_query(["red fox"]) + two.encode_query(["red fox"])), atol=1e-6
    )
    assert space.signature.weights == "1+1other "
    same = Residual(Isolated(one), Titled(one), 1.0)
    one.queries = 0
    np.testing.assert_array_equal(same.encode_query(["x"]), HashEncoder(64).encode_query(["x"]))
    assert one.queries == 1 and same.signature.weights == "1"


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_weights_that_add_nothing_are_refused(weight) -> None:
    titled = Titled(HashEncoder())
    with pytest.raises(BadInput, match="finite weight > 0"):
        Residual(titled, titled, weight)
    with pytest.raises(BadInput, match="one length, got 256 and 8"):
        Residual(titled, Titled(HashEncoder(8)), 1)


def spaces(encoder):
    numbers = st.floats(1e-6, 100)
    leaves = st.sampled_from(
        [
            "isolated",
            "titled",
            "titled(path)",
            "late(64,16)",
            "late(32,0,titled)",
            "described:summary(3)",
        ]
    )
    return st.recursive(
        leaves.map(lambda name: situated(name, encoder)),
        lambda inner: (
            st.builds(Residual, inner, inner, numbers)
            | st.builds(DocumentMean, inner)
            | st.builds(Heading, inner)
            | st.builds(Headed, inner, numbers)
        ),
        max_leaves=6,
    )


@given(spaces(Counting()))
def test_a_signature_names_its_space(space) -> None:
    again = situated(space.signature.chunks, space.encoder)
    assert again.signature == space.signature
    assert shape(again) == shape(space)


def shape(space):
    match space:
        case Residual():
            return shape(space.a), shape(space.b), space.weight
        case Headed():
            return Headed, shape(space.space), space.weight
        case DocumentMean() | Heading():
            return type(space), shape(space.space)
    return space.signature.chunks


@pytest.mark.parametrize(
    "name",
    [
        *("", "late(", "titled+late", "titled+0.5*", "titled+x*late", "mean", "mean()", "+"),
        *("titled(", "titled(x)", "titled(path", "headed(titled)", "headed(titled,", "headed(,1)"),
        *("titled titled", "described:by hand", "titled+0.5*late!", "(titled", "late(64,16,x)"),
        "late(1.5,2)",
    ],
)
def test_names_that_mean_nothing_are_refused(name) -> None:
    with pytest.raises(BadInput, match="names no way to situate chunks; try"):
        situated(name, Counting())


def test_short_names() -> None:
    assert situated(" titled + 0.5*late ", Counting()).signature.chunks == "titled+0.5*late(64,16)"
    assert situated("late(titled)", Counting()).signature.chunks == "late(64,16,titled)"
    for name in (STANDARD, FULL):
        again = situated(name, Counting()).signature.chunks
        assert situated(again, Counting()).signature.chunks == again
    assert situated("summary", HashEncoder()).signature.chunks == "described:summary(2)"
    with pytest.raises(BadInput, match="no token vectors"):
        situated("titled+0.5*late", HashEncoder())
    with pytest.raises(BadInput, match="finite weight"):
        situated("titled+0*isolated", HashEncoder())


def test_written_contexts_are_found_inside_of_sums() -> None:
    from rag_embed.situated.space import written

    about = described(lambda document, chunk: f"about {document.id}", name="w")(HashEncoder())
    texts = about.texts(GROUPS)
    titled = Titled(HashEncoder())
    assert texts[0] == "about a\nColours\nred fox."
    for space in (about, Residual(titled, about, 1), Residual(about, titled, 1), Heading(about)):
        assert written(space, GROUPS) == texts
    silent = described(lambda document, chunk: "x", name="w", lexical=False)(HashEncoder())
    assert written(silent, GROUPS) is None and written(titled, GROUPS) is None


def test_the_path_of_a_file_comes_first() -> None:
    there = Document("a", "text", "Title", {"path": "guides/net/proxy.md"})
    without = Document("b", "text", "Title")
    groups = [(one, [Chunk.of(one, 0, 4)]) for one in (there, without)]
    space = situated("titled(path)", HashEncoder())
    assert space.texts(groups) == ["guides/net/proxy.md\nTitle\ntext", "Title\ntext"]
    plain = Titled(HashEncoder())
    rows, other = space.encode_chunks(groups), plain.encode_chunks(groups)
    assert not np.allclose(rows[0], other[0]) and np.allclose(rows[1], other[1])
    assert space.signature != plain.signature
