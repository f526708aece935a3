"""Corpora and pairs from an index and from disk, and how well vectors rank."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.adapter_card import Card
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.vectors import unit
from rag_embed.training.corpus import Corpus
from rag_embed.training.pairs import Pair
from rag_embed.training.sources import Source, cuts_of, read_chunk_set
from rag_embed.types import Signature


def text(i: int) -> str:
    """Sentences that no other document has."""
    return " ".join(f"In the year {i}{j} the owls of barn {j}{i} slept all day." for j in range(24))


@pytest.fixture
def index(tmp_path) -> Index:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(), chunk_tokens=40)
    index.add([Document(f"d{i}", f"Number {i}. {text(i)}", title=f"T{i}") for i in range(12)])
    return index


def test_an_index_gives_its_stored_vectors(index, monkeypatch) -> None:
    def refuse(*_):
        raise AssertionError("encoded")

    monkeypatch.setattr(HashEncoder, "encode_document", refuse)
    source = Source.of_index(index)
    assert len(source.corpus.ids) == len(index) and source.group_by == "chunk"
    view = index.store.view()
    np.testing.assert_array_equal(source.corpus.vectors, view.vectors("dense", source.corpus.ids))
    assert [c.doc_id for c in source.chunks] == list(source.corpus.documents)
    sides = source.split(made=60)
    assert sum(sides.pairs.values()) == 60


def test_private_documents_teach_nothing(index) -> None:
    index.add([Document("mine", f"Zyxwvut. {text(99)}", user="ann")])
    documents = (Document("mine", ""), Document("d1", ""))
    asked = {"q": "zyxwvut", "r": "number 1", "s": "what did I ask?"}
    judged = {"q": {"mine": 1}, "r": {"d1": 1, "mine": 1}, "s": {"d1": 1}}
    labels = Collection("own", documents, asked, judged, users={"s": "ann"})
    source = Source.of_index(index, labels)
    assert "mine" not in source.corpus.documents
    assert [(pair.query, {*pair.documents}) for pair in source.pairs] == [("number 1", {"d1"})]
    assert source.left_out.startswith("Left out 2 labels: 1 that only private documents answer, 1 ")
    with pytest.raises(BadInput, match="No label of 'own' is left.*shared documents"):
        Source.of_index(index, labels.subset(["q"]))
    assert all(cut.document.user is None for cut in cuts_of(index))


def test_labels_of_an_index_name_documents(index) -> None:
    documents = tuple(Document(f"d{i}", "") for i in range(12))
    queries = {f"q{i}": f"number {i}" for i in range(12)}
    labels = Collection("own", documents, queries, {f"q{i}": {f"d{i}": 1} for i in range(12)})
    source = Source.of_index(index, labels)
    assert source.group_by == "document" and len(source.pairs) == 12
    view = index.store.view()
    assert set(source.pairs[3].chunks) == {c.id for c in view.document_chunks("d3")}
    short = Collection.of({f"number {i}": [f"d{i}"] for i in range(12)})
    assert Source.of_index(index, short).pairs == source.pairs
    with_made = source.split(made=200)
    plain = source.split()
    assert with_made.held_out == plain.held_out and len(with_made.train) > len(plain.train)


def test_an_empty_index(tmp_path) -> None:
    with pytest.raises(BadInput, match="no shared documents"):
        cuts_of(Index.create(tmp_path / "kb", encoder=HashEncoder()))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 9999), st.sampled_from(["chunk", "document"]))
def test_scores_are_those_of_a_plain_ranking(seed, group_by) -> None:
    rng = np.random.default_rng(seed)
    n, dim = 14, 4
    signature = Signature("m", "w", dim, 8)
    owners = tuple(f"d{i}" for i in rng.integers(0, 6, n))
    corpus = Corpus(
        tuple(f"c{i:02}" for i in range(n)), owners, unit(rng.normal(size=(n, dim))), signature
    )
    right = sorted(rng.choice(n, 2, replace=False).tolist())
    out = [i for i in rng.choice(n, 3, replace=False).tolist() if i not in right]
    pair = Pair(
        "q",
        tuple(corpus.ids[i] for i in right),
        tuple(owners[i] for i in right),
        tuple(corpus.ids[i] for i in out),
    )
    cut = Pair("q", pair.chunks[:1], pair.documents[:1], pair.ignored, text="rest")
    query, target = unit(rng.normal(size=(2, dim))), unit(rng.normal(size=(2, dim)))
    got = corpus.ndcg([pair, cut], query, target, group_by)
    for i, one in enumerate((pair, cut)):
        scores = dict(zip(corpus.ids, (corpus.vectors @ query[i]).tolist(), strict=True))
        if one.text:
            scores[one.chunks[0]] = float(query[i] @ target[i])
        for id in one.ignored:
            del scores[id]
        order = sorted(scores, key=lambda id: -scores[id])
        names = [owners[corpus.row[id]] for id in order] if group_by == "document" else order
        relevant = one.documents if group_by == "document" else one.chunks
        expected = ndcg(list(dict.fromkeys(names)), dict.fromkeys(relevant, 1), 10)
        assert got[i] == pytest.approx(expected)


def test_wrong_corpora() -> None:
    signature, rows = Signature("m", "w", 2, 8), np.eye(2, dtype=np.float32)
    with pytest.raises(BadInput, match="distinct"):
        Corpus(("a", "a"), ("d", "d"), rows, signature)
    with pytest.raises(BadInput, match="as many"):
        Corpus(("a",), ("d",), rows, signature)
    corpus = Corpus(("a", "b"), ("d", "e"), rows, signature)
    with pytest.raises(BadInput, match="not in the corpus"):
        corpus.rows_of(["z"])


def test_chunk_sets(tmp_path) -> None:
    text = "Ödön says so. Nobody else does."
    (tmp_path / "documents.jsonl").write_text(json.dumps({"_id": "d", "title": "T", "text": text}))
    rows = [
        {"_id": "c2", "text": text[14:], "doc_id": "d", "start": 14, "end": len(text)},
        {"_id": "c1", "text": text[:13], "doc_id": "d", "start": 0, "end": 13},
    ]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "who"}))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\tc1\t1\n")
    [(document, chunks)], pairs = read_chunk_set(tmp_path)
    assert [chunk.id for chunk in chunks] == ["c1", "c2"] and document.title == "T"
    assert pairs == [Pair("who", ("c1",), ("d",))]
    rows[0]["start"] = 13
    corpus.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(BadInput, match="offsets"):
        read_chunk_set(tmp_path)
    (tmp_path / "documents.jsonl").unlink()
    with pytest.raises(BadInput, match=r"documents.jsonl is missing"):
        read_chunk_set(tmp_path)


def test_cards_that_are_none(tmp_path) -> None:
    with pytest.raises(BadInput, match=r"card.json"):
        Card.read(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps({"installed": True}))
    with pytest.raises(BadInput, match=r"card.json"):
        Card.read(tmp_path)
