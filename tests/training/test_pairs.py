"""Pairs: from labels, and from the text itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed import Document
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection
from rag_embed.training.clozed import clozed
from rag_embed.training.pairs import Pair, labelled, pseudo
from rag_embed.types import Chunk

SENTENCES = [
    "The harbour master keeps a list of all ships.",
    "Every visitor signs the book at the gate.",
    "Fees are paid once a year in advance.",
    "Nobody may sail after dark without lights!",
    "Does the crane lift more than two tons?",
]


def document(id: str, counts: list[int], title: str = "", heading: str = "") -> tuple:
    """Chunks of so many sentences, each sentence named after its document and place."""
    chunks, text = [], ""
    for ordinal, count in enumerate(counts):
        start = len(text)
        text += " ".join(f"{SENTENCES[i % 5][:-1]} {id}{ordinal}{i}." for i in range(count))
        chunks.append((start, len(text)))
        text += "\n\n"
    whole = Document(id, text, title=title)
    headings = (heading,) if heading else ()
    return whole, [
        Chunk.of(whole, a, b, ordinal=i, headings=headings) for i, (a, b) in enumerate(chunks)
    ]


counts = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=4)


@settings(deadline=None, max_examples=50)
@given(counts, st.integers(0, 99))
def test_a_cloze_is_cut_out_of_its_chunk(sizes, seed) -> None:
    groups = [document(f"d{i}", some) for i, some in enumerate(sizes)]
    chunks = {chunk.id: chunk for _, some in groups for chunk in some}
    pairs = pseudo(list(chunks.values()), 1000, kinds=["cloze"], seed=seed)
    assert pairs == pseudo(list(reversed(chunks.values())), 1000, kinds=["cloze"], seed=seed)
    whole = 0
    for pair in pairs:
        [id] = pair.chunks
        assert pair.query in chunks[id].text and pair.documents == (chunks[id].doc_id,)
        assert len(pair.text) >= len(chunks[id].text) - len(pair.query) - 2
        whole += pair.query in pair.text
    assert len({pair.query for pair in pairs}) == len(pairs)
    assert len(pairs) == sum(count > 1 for some in sizes for count in some)
    assert whole <= 0.5 * len(pairs) + 3


def test_a_tenth_stays_in_its_chunk() -> None:
    chunks = [c for i in range(60) for c in document(f"d{i}", [3] * 5)[1]]
    pairs = pseudo(chunks, 1000, kinds=["cloze"])
    assert 0.05 < sum(pair.query in pair.text for pair in pairs) / len(pairs) < 0.16


def test_body_title_and_heading() -> None:
    _, chunks = document("d", [2, 3, 1], title="Harbour", heading="Rules")
    by_kind = {kind: pseudo(chunks, kinds=[kind]) for kind in ("body", "title", "heading")}
    assert len(by_kind["body"]) == 2
    for pair in by_kind["body"]:
        assert pair.query in chunks[0].text and pair.chunks[0] != chunks[0].id
    for kind, query in (("title", "Harbour"), ("heading", "Rules")):
        [pair] = by_kind[kind]
        assert pair.query == query and pair.text
    for pair in (one for some in by_kind.values() for one in some):
        assert {*pair.chunks, *pair.ignored} == {chunk.id for chunk in chunks}


def test_a_heading_inside_its_chunk_is_taken_out() -> None:
    whole = Document("d", "## Rules\n\nKeep left at all times.")
    chunk = Chunk.of(whole, 0, len(whole.text), headings=("Rules",))
    [pair] = pseudo([chunk], kinds=["heading"])
    assert pair.text == "Keep left at all times."


def test_what_two_documents_could_mean_is_no_query() -> None:
    chunks = [c for id in "ab" for c in document(id, [1, 1], heading="Introduction")[1]]
    assert pseudo(chunks, kinds=["heading"]) == []


def test_rare_kinds_are_not_drowned() -> None:
    chunks = [c for i in range(9) for c in document(f"d{i}", [4] * 5, title=f"T {i}")[1]]
    pairs = pseudo(chunks, 12)
    assert sum(pair.query.startswith("T ") for pair in pairs) == 4
    assert len(pairs) == 12


def test_labels_of_documents_name_their_chunks() -> None:
    corpus = (Document("a", ""), Document("b", ""))
    collection = Collection(
        "c", corpus, {"q": "x", "r": "y"}, {"q": {"a": 1, "b": 0}, "r": {"z": 1}}
    )
    assert labelled(collection, {"a": ["a#1", "a#2"]}) == [Pair("x", ("a#1", "a#2"), ("a", "a"))]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pair("q", (), ()),
        lambda: Pair("q", ("a", "b"), ("d",)),
        lambda: Pair("q", ("a", "b"), ("d", "d"), text="t"),
        lambda: pseudo([], 0),
        lambda: pseudo([], kinds=["rhyme"]),
        lambda: clozed([], 0),
        lambda: clozed([], named=2),
    ],
)
def test_wrong_arguments(make) -> None:
    with pytest.raises(BadInput):
        make()


@settings(deadline=None, max_examples=50)
@given(counts, st.integers(0, 99))
def test_sentences_are_cut_out_of_documents(sizes, seed) -> None:
    """Chunks stay where they are in the shorter text, and no query is left in its document."""
    groups = [document(f"d{i}", some, title=f"T{i}") for i, some in enumerate(sizes)]
    shorter, pairs = clozed(groups, 1000, seed=seed)
    texts = {one.id: one.text for one, _ in shorter}
    assert [len(chunks) for _, chunks in shorter] == [len(some) for some in sizes]
    before = {chunk.id: chunk for _, chunks in groups for chunk in chunks}
    for whole, chunks in shorter:
        for chunk in chunks:
            assert whole.text[chunk.start : chunk.end] == chunk.text
            assert chunk.doc_id == whole.id and chunk.id in before
    assert len(pairs) == sum(count > 1 for some in sizes for count in some)
    for pair in pairs:
        sentence = pair.query.partition(": ")[2] or pair.query
        assert sentence in before[pair.chunks[0]].text and sentence not in texts[pair.documents[0]]


def test_overlapping_chunks_cannot_be_cut() -> None:
    whole, [chunk] = document("d", [3])
    overlapping = [chunk, Chunk.of(whole, 10, 60, ordinal=1)]
    with pytest.raises(BadInput, match="overlap"):
        clozed([(whole, overlapping)])
