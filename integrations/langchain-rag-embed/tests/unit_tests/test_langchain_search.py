"""Every search of `RagEmbedVectorStore`: scores, vectors, marginal relevance, retrievers."""

from __future__ import annotations

import pytest
from langchain_rag_embed import RagEmbedDocumentIndex, RagEmbedVectorStore

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.indexing.personalisation import keep
from rag_embed.personal.setting import Setting

TEXTS = {
    "fox": "The red fox hunts mice.",
    "fox2": "The red fox hunts mice!",
    "sea": "The deep blue sea is full of fish.",
    "snow": "A red fox in the snow.",
}


def ids(documents):
    return [document.id for document in documents]


@pytest.fixture
def store(tmp_path):
    store = RagEmbedVectorStore(tmp_path / "kb", embedding=HashEncoder())
    store.add_texts(list(TEXTS.values()), [{"n": i} for i in range(4)], ids=list(TEXTS))
    return store


async def test_every_search_has_its_async_twin(store):
    vector = store.embeddings.embed_query("red fox")
    options = {"k": 3, "filter": {"n": {"$gte": 1}}, "user": "ada"}
    calls = {
        "similarity_search": "red fox",
        "similarity_search_with_score": "red fox",
        "similarity_search_with_relevance_scores": "red fox",
        "similarity_search_by_vector": vector,
        "max_marginal_relevance_search": "red fox",
        "max_marginal_relevance_search_by_vector": vector,
    }
    for name, argument in calls.items():
        found = getattr(store, name)(argument, **options)
        assert len(found) == 3, name
        assert await getattr(store, f"a{name}")(argument, **options) == found
        assert getattr(store, name)(argument, k=0) == []
        assert len(getattr(store, name)(argument, k=100)) == 4
        with pytest.raises(BadInput, match="k must be"):
            getattr(store, name)(argument, k=-1)


def test_scores_fall_and_relevance_is_between_0_and_1(store):
    scores = [score for _, score in store.similarity_search_with_score("red fox in the snow")]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]
    found = store.similarity_search_with_relevance_scores("red fox in the snow")
    assert found[0][0].id == "snow"
    assert all(0.0 <= relevance <= 1.0 for _, relevance in found)
    cut = (found[0][1] + found[1][1]) / 2
    above = store.similarity_search_with_relevance_scores(
        "red fox in the snow", score_threshold=cut
    )
    assert above == found[:1]


def test_a_search_by_vector_is_the_nearest_neighbours(store):
    encoder = HashEncoder()
    texts = list(TEXTS.values())
    titled = encoder.encode_document(texts)
    row = encoder.encode_query(["blue snow"])[0]
    nearest = [list(TEXTS)[i] for i in (-(titled @ row)).argsort(kind="stable")]
    found = store.similarity_search_with_score_by_vector((7.0 * row).tolist(), k=2)
    assert [document.id for document, _ in found] == nearest[:2]
    assert ids(store.similarity_search_by_vector(row.tolist(), k=2)) == nearest[:2]
    with pytest.raises(BadInput, match="shape"):
        store.similarity_search_by_vector([1.0, 2.0])


def test_marginal_relevance_prefers_what_is_different(store):
    plain = ids(store.similarity_search("red fox hunts mice", k=2))
    assert sorted(plain) == ["fox", "fox2"]
    for lambda_mult, expected in ((1.0, plain), (0.3, [plain[0], "sea"])):
        found = store.max_marginal_relevance_search(
            "red fox hunts mice", k=2, lambda_mult=lambda_mult
        )
        assert ids(found) == expected
    vector = store.embeddings.embed_query("red fox hunts mice")
    found = store.max_marginal_relevance_search_by_vector(vector, k=2, lambda_mult=0.3)
    assert ids(found) == [plain[0], "sea"]


def test_marginal_relevance_chooses_among_the_first_candidates(store):
    query = "red fox hunts mice"
    first_two = store.max_marginal_relevance_search(query, k=2, fetch_k=2, lambda_mult=0.0)
    assert sorted(ids(first_two)) == ["fox", "fox2"]
    assert len(store.max_marginal_relevance_search(query, k=4, fetch_k=1)) == 4
    for wrong in ({"fetch_k": 0}, {"lambda_mult": 1.5}, {"lambda_mult": -0.5}):
        with pytest.raises(BadInput, match=next(iter(wrong))):
            store.max_marginal_relevance_search(query, **wrong)


async def test_as_retriever_with_every_search_type(store):
    plain = store.as_retriever(search_kwargs={"k": 2, "filter": {"n": {"$lt": 3}}})
    assert ids(plain.invoke("red fox in the snow", filter={"n": 3})) == ["snow"]
    assert len(await plain.ainvoke("red fox in the snow", k=1)) == 1
    mmr = store.as_retriever(search_type="mmr", search_kwargs={"k": 2, "lambda_mult": 0.3})
    assert "sea" in ids(await mmr.ainvoke("red fox hunts mice"))
    threshold = store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": 1.0}
    )
    assert threshold.invoke("penguins") == await threshold.ainvoke("penguins") == []
    low = store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.0}
    )
    assert len(low.invoke("red fox")) == len(await low.ainvoke("red fox")) == 4


def test_earlier_turns_count_as_in_the_index(store):
    keep(store.index.store, Setting(2.0, pooling="session", prior=0.0))
    store = RagEmbedVectorStore(Index.open(store.index.store.uri))
    previous = ["What swims in the sea?", "fish"]
    hits = store.index.search("What about snow?", k=4, previous=previous)
    assert [hit.score for hit in hits] != [h.score for h in store.index.search("What about snow?")]
    found = store.similarity_search_with_score("What about snow?", previous=previous)
    assert [score for _, score in found] == [hit.score for hit in hits]
    assert ids(
        RagEmbedDocumentIndex(store=store).invoke("What about snow?", previous=previous)
    ) == [hit.chunk.doc_id for hit in hits]


async def test_an_unknown_option_is_an_error(store):
    vector = store.embeddings.embed_query("red fox")
    for call in (
        lambda: store.similarity_search("fox", where={"n": 1}),
        lambda: store.similarity_search_with_score("fox", users="ada"),
        lambda: store.similarity_search_by_vector(vector, previous=["sea"]),
        lambda: store.max_marginal_relevance_search_by_vector(vector, previous=["sea"]),
    ):
        with pytest.raises(TypeError, match="has no option"):
            call()
