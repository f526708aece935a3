"""`RagEmbedEmbedding` and `EmbeddingEncoder`."""

from __future__ import annotations

import asyncio
import pickle
import threading

import numpy as np
import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent
from llama_index.core.schema import TextNode
from llama_index.core.storage.kvstore import SimpleKVStore
from llama_index.retrievers.rag_embed import EmbeddingEncoder, RagEmbedEmbedding
from pydantic import Field, ValidationError

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, SpaceMismatch

TEXTS = ["red fox", "blue sea", "grey wolf"]


class Batches(HashEncoder):
    """Remembers the size of each batch."""

    def __init__(self) -> None:
        super().__init__(dim=16)
        self.sizes: list[int] = []

    def encode_document(self, texts, /):
        self.sizes.append(len(texts))
        return super().encode_document(texts)


async def test_the_default_model(minilm) -> None:
    model = RagEmbedEmbedding()
    rows = model.get_text_embedding_batch(TEXTS)
    assert np.allclose(rows, minilm.encode_document(TEXTS), atol=1e-5)
    query = model.get_query_embedding("foxes")
    assert np.allclose(query, minilm.encode_query(["foxes"])[0], atol=1e-5)
    assert np.allclose(model.get_text_embedding(TEXTS[0]), rows[0], atol=1e-5)
    assert await model.aget_query_embedding("foxes") == query
    assert np.allclose(await model.aget_text_embedding(TEXTS[0]), rows[0], atol=1e-5)
    assert np.allclose(await model.aget_text_embedding_batch(TEXTS), rows, atol=1e-5)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_a_batch_is_one_call() -> None:
    encoder = Batches()
    RagEmbedEmbedding(encoder=encoder).get_text_embedding_batch(TEXTS * 10)
    RagEmbedEmbedding(encoder=encoder, embed_batch_size=20).get_text_embedding_batch(TEXTS * 10)
    assert encoder.sizes == [30, 20, 10]


def test_it_embeds_nodes() -> None:
    model = RagEmbedEmbedding(encoder=HashEncoder(dim=16))
    nodes = model([TextNode(text=text) for text in TEXTS])
    assert [one.embedding for one in nodes] == model.get_text_embedding_batch(TEXTS)


def test_pickle_and_dict_keep_the_name(minilm) -> None:
    model = RagEmbedEmbedding(embed_batch_size=7)
    for other in (
        pickle.loads(pickle.dumps(model)),
        RagEmbedEmbedding.from_dict(model.to_dict()),
        RagEmbedEmbedding.from_json(model.to_json()),
    ):
        assert other.to_dict() == model.to_dict()
        assert other.embed_batch_size == 7
        assert other.encoder is model.encoder
    assert model.encoder.signature == minilm.signature


def test_pickle_keeps_a_given_encoder() -> None:
    model = RagEmbedEmbedding(encoder=HashEncoder(dim=16))
    again = pickle.loads(pickle.dumps(model))
    assert again.get_text_embedding("red") == model.get_text_embedding("red")
    assert again.model_name == model.model_name == "hash:1:16"


def test_unknown_options_raise() -> None:
    with pytest.raises(
        TypeError, match=r"RagEmbedEmbedding\(\) has no option 'device'; it takes .*encoder"
    ):
        RagEmbedEmbedding(device="cpu")
    with pytest.raises(ValidationError):
        RagEmbedEmbedding(embed_batch_size=0)


class Events(BaseEventHandler):
    seen: list = Field(default_factory=list)

    def handle(self, event, **kwargs) -> None:
        self.seen.append(event)


async def test_events_and_cache() -> None:
    encoder, handler, dispatcher = Batches(), Events(), get_dispatcher()
    model = RagEmbedEmbedding(encoder=encoder, embeddings_cache=SimpleKVStore())
    dispatcher.add_event_handler(handler)
    try:
        first = model.get_text_embedding_batch(TEXTS)
        assert await model.aget_text_embedding_batch(TEXTS) == first
    finally:
        dispatcher.event_handlers.remove(handler)
    ended = [one for one in handler.seen if isinstance(one, EmbeddingEndEvent)]
    assert [one.chunks for one in ended] == [TEXTS, TEXTS]
    assert encoder.sizes == [3]


async def test_async_calls_overlap() -> None:
    barrier = threading.Barrier(5, timeout=60)

    class Waiting(HashEncoder):
        def encode_query(self, texts, /):
            barrier.wait()
            return super().encode_query(texts)

        encode_document = encode_query

    model = RagEmbedEmbedding(encoder=Waiting())
    found = await asyncio.gather(*(model.aget_query_embedding("fox") for _ in range(5)))
    assert len(found) == 5
    batches = await asyncio.gather(*(model.aget_text_embedding_batch(["fox"]) for _ in range(5)))
    assert len(batches) == 5


class Broken(BaseEmbedding):
    """Returns what it is told to."""

    answer: object = None

    def _get_query_embedding(self, query):
        return self.answer

    async def _aget_query_embedding(self, query):
        return self.answer

    def _get_text_embedding(self, text):
        return [1.0, 0.0] if text == "dimension" else self.answer


def test_a_llama_model_makes_an_index(tmp_path) -> None:
    encoder = EmbeddingEncoder(RagEmbedEmbedding(encoder=HashEncoder(dim=64)))
    index = Index.create(tmp_path / "kb", encoder=encoder)
    index.add(Document(str(i), text) for i, text in enumerate(TEXTS))
    assert index.search("grey wolf", k=1)[0].text == "grey wolf"
    again = Index.open(tmp_path / "kb", encoder=encoder)
    assert again.search("grey wolf", k=1)[0].text == "grey wolf"
    other = EmbeddingEncoder(MockEmbedding(embed_dim=64))
    with pytest.raises(SpaceMismatch):
        Index.open(tmp_path / "kb", encoder=other)


def test_the_signature_names_the_model() -> None:
    signature = EmbeddingEncoder(RagEmbedEmbedding(encoder=HashEncoder(dim=8))).signature
    assert signature.model == signature.weights == "llama_index:RagEmbedEmbedding:hash:1:8"
    assert (signature.dim, signature.max_tokens, signature.pooling) == (8, 8192, "unknown")
    mock = EmbeddingEncoder(MockEmbedding(embed_dim=3))
    assert mock.signature.model == "llama_index:MockEmbedding:"
    named = EmbeddingEncoder(MockEmbedding(embed_dim=3), name="mine", max_tokens=5)
    assert (named.signature.model, named.signature.max_tokens) == ("mine", 5)


def test_rows_have_unit_length() -> None:
    encoder = EmbeddingEncoder(MockEmbedding(embed_dim=4))
    for rows in (encoder.encode_query(TEXTS), encoder.encode_document(TEXTS)):
        assert rows.dtype == np.float32
        assert np.allclose(rows, 0.5)
    assert encoder.encode_document([]).shape == encoder.encode_query([]).shape == (0, 4)


def test_tokens_are_words_and_marks() -> None:
    spans = EmbeddingEncoder(MockEmbedding(embed_dim=4)).token_spans("Hi, you")
    assert spans.tolist() == [[0, 2], [2, 3], [4, 7]]
    assert EmbeddingEncoder(MockEmbedding(embed_dim=4)).token_spans("").shape == (0, 2)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([1.0], "2 numbers"),
        ([1.0, 2.0, 3.0], "2 numbers"),
        ([float("nan"), 1.0], "NaN"),
        ([1e300, 1.0], "NaN or infinity"),
        ("text", "vectors"),
        (None, "vectors"),
        ([], "array of"),
        ([[1.0, 0.0]], "vectors"),
    ],
)
def test_a_broken_model_is_named(answer, message) -> None:
    encoder = EmbeddingEncoder(Broken(model_name="shaky", answer=answer))
    for encode in (encoder.encode_query, encoder.encode_document):
        with pytest.raises(BadInput, match="Broken|shaky") as caught:
            encode(["a", "b"])
        assert caught.match(message)


def test_a_model_that_loses_texts_is_named() -> None:
    class Losing(MockEmbedding):
        def _get_text_embeddings(self, texts):
            return super()._get_text_embeddings(texts)[: 1 if len(texts) > 1 else None]

    with pytest.raises(BadInput, match="expected 2 vectors"):
        EmbeddingEncoder(Losing(embed_dim=3)).encode_document(["a", "b"])


@pytest.mark.parametrize("options", [{"max_tokens": 0}, {"max_tokens": True}])
def test_bad_options_are_refused(options) -> None:
    with pytest.raises(BadInput, match="max_tokens"):
        EmbeddingEncoder(MockEmbedding(embed_dim=3), **options)


def test_an_encoder_is_no_llama_model() -> None:
    with pytest.raises(BadInput, match="HashEncoder"):
        EmbeddingEncoder(HashEncoder())
