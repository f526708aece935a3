"""LangChain embeddings as an encoder, and encoders as embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_rag_embed import EmbeddingsEncoder, RagEmbedEmbeddings

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, SpaceMismatch


class Answers(Embeddings):
    """Answers what it is told to, after a good probe."""

    model = "broken-1"

    def __init__(self, rows):
        self.rows = rows
        self.probes = 0

    def embed_query(self, text):
        return self.rows[0]

    def embed_documents(self, texts):
        self.probes += 1
        return [[3.0, 4.0]] if self.probes == 1 else self.rows


def test_vectors_are_those_of_the_embeddings_at_unit_length():
    embeddings = DeterministicFakeEmbedding(size=8)
    encoder = EmbeddingsEncoder(embeddings)
    expected = np.array(embeddings.embed_documents(["a", "b"]))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    for rows in (encoder.encode_document(["a", "b"]), encoder.encode_query(["a", "b"])):
        assert rows.dtype == np.float32
        assert np.allclose(rows, expected, atol=1e-6)
    assert encoder.encode_document([]).shape == encoder.encode_query([]).shape == (0, 8)


def test_the_signature_names_class_and_model():
    signature = EmbeddingsEncoder(Answers([]), max_tokens=100).signature
    assert signature.model == signature.weights == "langchain:Answers:broken-1"
    assert (signature.dim, signature.max_tokens, signature.pooling) == (2, 100, "unknown")
    assert EmbeddingsEncoder(Answers([]), name="mine").signature.model == "mine"


def test_the_length_is_asked_for_once():
    embeddings = Answers([[1.0, 0.0]])
    encoder = EmbeddingsEncoder(embeddings)
    assert [encoder.signature.dim for _ in range(3)] == [2, 2, 2]
    assert embeddings.probes == 1


@pytest.mark.parametrize(
    "rows",
    [
        [[1.0, 0.0]],
        [[1.0, 0.0]] * 3,
        [[1.0, float("nan")], [1.0, 0.0]],
        [[float("inf"), 1.0], [1.0, 0.0]],
        [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]],
        [[1.0, 0.0], [1.0]],
        [["a", "b"], ["c", "d"]],
        [1.0, 0.0],
        [],
        None,
    ],
    ids=str,
)
def test_broken_embeddings_are_named(rows):
    encoder = EmbeddingsEncoder(Answers(rows))
    assert encoder.signature.dim == 2
    with pytest.raises(BadInput, match="langchain:Answers:broken-1: "):
        encoder.encode_document(["a", "b"])


def test_a_broken_query_or_probe_is_named():
    encoder = EmbeddingsEncoder(Answers([[1.0]]))
    with pytest.raises(BadInput, match="broken-1"):
        encoder.encode_query(["a"])

    class NoVector(Answers):
        def embed_documents(self, texts):
            return [[] for _ in texts]

    with pytest.raises(BadInput, match="broken-1"):
        _ = EmbeddingsEncoder(NoVector([])).signature


@pytest.mark.parametrize(
    ("embeddings", "options"),
    [
        (HashEncoder(), {}),
        (DeterministicFakeEmbedding(size=2), {"max_tokens": 0}),
        (DeterministicFakeEmbedding(size=2), {"max_tokens": True}),
    ],
    ids=["encoder", "zero", "bool"],
)
def test_wrong_arguments_are_refused(embeddings, options):
    with pytest.raises(BadInput):
        EmbeddingsEncoder(embeddings, **options)


def test_an_index_of_langchain_embeddings(tmp_path):
    encoder = EmbeddingsEncoder(DeterministicFakeEmbedding(size=8))
    index = Index.create(tmp_path / "kb", encoder=encoder, chunk_tokens=6)
    text = "The red fox hunts. The blue sea sleeps. Bread needs time."
    index.add([Document("d", text)])
    chunks = index.store.view().document_chunks("d")
    assert [text[one.start : one.end] for one in chunks] == [one.text for one in chunks]
    assert len(chunks) == 3
    assert Index.open(tmp_path / "kb", encoder=encoder).search("bread", k=1)[0].text in text
    with pytest.raises(SpaceMismatch):
        Index.open(tmp_path / "kb", encoder=EmbeddingsEncoder(DeterministicFakeEmbedding(size=9)))


async def test_encoders_are_embeddings():
    encoder = HashEncoder(dim=16)
    embeddings = RagEmbedEmbeddings(encoder)
    assert embeddings.embed_query("a fox") == encoder.encode_query(["a fox"])[0].tolist()
    assert embeddings.embed_documents(["a", "b"]) == encoder.encode_document(["a", "b"]).tolist()
    assert await embeddings.aembed_query("a fox") == embeddings.embed_query("a fox")
    assert embeddings.embed_documents([]) == []


def test_a_model_is_loaded_by_name_or_by_default():
    by_default = RagEmbedEmbeddings()
    named = RagEmbedEmbeddings(by_default.encoder.signature.model)
    assert named.encoder.signature == by_default.encoder.signature
    assert len(by_default.embed_query("a fox")) == 384
