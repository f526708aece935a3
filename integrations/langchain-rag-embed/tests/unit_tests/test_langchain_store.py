"""`RagEmbedVectorStore`: what LangChain's standard tests leave out."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.messages import AIMessage, HumanMessage
from langchain_rag_embed import (
    EmbeddingsEncoder,
    RagEmbedEmbeddings,
    RagEmbedRetriever,
    RagEmbedVectorStore,
)

from rag_embed import Document as OwnDocument
from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, SpaceMismatch, StoreError
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
def store(tmp_path, counting):
    store = RagEmbedVectorStore(tmp_path / "kb", embedding=counting)
    store.add_texts(list(TEXTS.values()), [{"n": i} for i in range(4)], ids=list(TEXTS))
    return store


ODD = [
    "quote ' and \" both",
    "日本語/ä b",
    "a#0-5",
    "100%_[x]*?",
    "'; DROP TABLE chunks; --",
]


async def test_odd_ids_are_just_ids(store):
    documents = [Document(f"text {i}", id=id, metadata={"i": i}) for i, id in enumerate(ODD)]
    assert await store.aadd_documents(documents) == ODD
    assert store.get_by_ids(ODD) == documents
    assert await store.aget_by_ids([ODD[2]]) == [documents[2]]
    found = store.similarity_search("text", k=20, filter={"i": {"$exists": True}})
    assert sorted(ids(found)) == sorted(ODD)
    assert await store.adelete(ODD[:2]) is True
    assert store.get_by_ids(ODD) == documents[2:]


def test_what_comes_back_is_what_was_stored(store):
    metadata = {"n": 1, "f": 0.5, "none": None, "list": [1, "a"], "dict": {"ü": True}, "title": "T"}
    stored = Document("  \n white space, \U0001f98a and é\t\n", id="odd", metadata=metadata)
    store.add_documents([stored])
    assert store.get_by_ids(["odd"]) == [stored]
    assert store.similarity_search("white space", k=1) == [stored]


def test_changing_a_result_changes_nothing_stored():
    store = RagEmbedVectorStore(embedding=HashEncoder())
    store.add_texts(["The red fox."], [{"tags": {"ü": True}}], ids=["a"])
    for found in (store.similarity_search("fox"), store.get_by_ids(["a"])):
        found[0].metadata["tags"]["ü"] = False
    assert store.get_by_ids(["a"])[0].metadata == {"tags": {"ü": True}}


def test_an_empty_text_can_be_kept(store):
    store.add_documents(
        [Document("", id="none"), Document(" \n", id="t", metadata={"title": "Owls"})]
    )
    assert store.get_by_ids(["none", "t"])[0] == Document("", id="none")
    found = store.similarity_search("owls", k=1)
    assert found == [Document(" \n", id="t", metadata={"title": "Owls"})]
    assert store.delete(["none", "t"]) is True
    assert store.get_by_ids(["none", "t"]) == []


def test_ids_are_given_taken_or_made(store):
    documents = [Document("one", id="own"), Document("two"), Document("three", id="lost")]
    added = store.add_documents(documents, ids=[None, None, "given"])
    assert (added[0], added[2]) == ("own", "given")
    assert store.get_by_ids(added) == [
        Document("one", id="own"),
        Document("two", id=added[1]),
        Document("three", id="given"),
    ]
    assert documents[1].id is None
    assert store.get_by_ids(["lost"]) == []


def test_of_one_id_twice_the_last_wins(store):
    assert store.add_texts(["first", "second"], ids=["same", "same"]) == ["same", "same"]
    assert store.get_by_ids(["same"]) == [Document("second", id="same")]


def test_batches_are_commits_and_unchanged_documents_cost_nothing(store, counting):
    counting.documents.clear()
    documents = [Document(f"text {i}", id=str(i)) for i in range(5)]
    store.add_documents(documents, batch_size=2)
    assert counting.documents == [2, 2, 1]
    store.add_documents([*documents, Document("text 5", id="5")])
    assert counting.documents == [2, 2, 1, 1]
    assert store.add_documents([]) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"ids": ["a"]}, "1 ids for 2"),
        ({"ids": "ab"}, "ids"),
        ({"metadatas": [{}]}, "1 metadatas for 2"),
        ({"batch_size": 0}, "at least 1"),
        ({"metadatas": [{"x": 1j}, {}]}, "metadata 'x' cannot be stored"),
    ],
    ids=str,
)
def test_wrong_arguments_of_add_are_refused(store, arguments, said):
    before = len(store.index)
    with pytest.raises(BadInput, match=said):
        store.add_texts(["one", "two"], **arguments)
    assert len(store.index) == before


VALUES = {
    "at": datetime(2024, 5, 1, 9, 30),
    "day": date(2024, 5, 1),
    "key": UUID(int=5),
    "price": Decimal("0.5"),
    "n": np.int64(3),
    "yes": np.bool_(True),
}


@pytest.mark.parametrize("fields", [None, {"at": datetime, "n": int, "yes": bool}], ids=str)
@pytest.mark.parametrize("where", ["memory", "lancedb"])
def test_values_of_many_types_are_kept_as_json_has_them_and_found(where, fields, tmp_path):
    path = None if where == "memory" else tmp_path / "kb"
    store = RagEmbedVectorStore(path, embedding=HashEncoder(), fields=fields)
    store.add_texts(["one", "other"], [VALUES, {"n": 4}], ids=["a", "b"])
    assert store.get_by_ids(["a"])[0].metadata == {
        "at": "2024-05-01T09:30:00",
        "day": "2024-05-01",
        "key": "00000000-0000-0000-0000-000000000005",
        "price": 0.5,
        "n": 3,
        "yes": True,
    }
    for name, value in VALUES.items():
        assert ids(store.similarity_search("one", filter={name: value})) == ["a"], name
    assert ids(store.similarity_search("one", filter={"at": {"$lt": date(2024, 5, 1)}})) == []


async def test_unknown_options_are_errors(store):
    with pytest.raises(TypeError):
        store.add_texts(["text"], owner="ada")
    with pytest.raises(TypeError):
        store.similarity_search("fox", filters={"n": 1})
    with pytest.raises(TypeError):
        await store.asimilarity_search("fox", filters={"n": 1})
    with pytest.raises(TypeError):
        store.similarity_search_with_relevance_scores("fox", filters={"n": 1})
    with pytest.raises(TypeError):
        RagEmbedVectorStore.from_texts(["text"], HashEncoder(), collection="c")


async def test_delete_needs_ids(store):
    for wrong in (None, "fox"):
        with pytest.raises(ValueError, match="ids"):
            store.delete(wrong)
    with pytest.raises(ValueError, match="ids"):
        await store.adelete()
    assert store.delete([]) is True
    assert store.delete(["unknown"]) is True
    with pytest.raises(BadInput, match="list of ids"):
        store.get_by_ids("fox")
    assert store.delete(store.index.contents.matching()) is True
    assert store.similarity_search("fox") == []


async def test_a_store_is_made_of_texts_or_documents(tmp_path):
    embedding = DeterministicFakeEmbedding(size=8)
    texts = ["The red fox.", "The blue sea."]
    made = RagEmbedVectorStore.from_texts(
        texts, embedding, [{"year": 1}, {"year": 2}], ids=["a", "b"], path=tmp_path / "one"
    )
    assert ids(made.similarity_search("fox", filter={"year": 1})) == ["a"]
    made = await RagEmbedVectorStore.afrom_texts(texts, embedding, ids=["a", "b"])
    assert sorted(ids(made.similarity_search("fox"))) == ["a", "b"]
    documents = [Document(text, id=text[:7]) for text in texts]
    made = RagEmbedVectorStore.from_documents(documents, embedding, path=tmp_path / "two")
    assert made.get_by_ids(["The red"]) == documents[:1]
    made = await RagEmbedVectorStore.afrom_documents(documents, embedding, fields={"year": int})
    assert made.index.store.fields.types == {"year": "int"}


def test_a_store_is_opened_again(tmp_path, minilm):
    path = tmp_path / "kb"
    first = RagEmbedVectorStore(path, embedding=minilm, fields={"year": int})
    first.add_texts(["The red fox."], [{"year": 2020, "title": "Fox", "by": "Ann"}], ids=["a"])
    for again in (
        RagEmbedVectorStore(str(path)),
        RagEmbedVectorStore(path, embedding=minilm, fields={"year": int}),
        RagEmbedVectorStore(Index.open(path)),
    ):
        assert ids(again.similarity_search("fox", filter={"year": 2020})) == ["a"]
        assert again.index.contents.document("a").title == "Fox"
    with pytest.raises(SpaceMismatch):
        RagEmbedVectorStore(path, embedding=HashEncoder())
    more = RagEmbedVectorStore(path, fields={"by": str})
    assert ids(more.similarity_search("fox", filter={"by": "Ann"})) == ["a"]
    with pytest.raises(BadInput, match="declared as int, and stays so"):
        RagEmbedVectorStore(path, fields={"year": str})


def test_an_index_must_fit(tmp_path):
    whole = Index.in_memory(encoder=HashEncoder(), chunk_tokens=None)
    assert RagEmbedVectorStore(whole).index is whole
    with pytest.raises(BadInput, match="leave them out"):
        RagEmbedVectorStore(whole, embedding=HashEncoder())
    with pytest.raises(BadInput, match="in memory"):
        RagEmbedVectorStore(embedding=HashEncoder(), storage_options={"key": "x"})
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError):
        RagEmbedVectorStore(tmp_path / "file", embedding=HashEncoder())


async def test_an_index_that_cuts_gives_passages_under_the_ids_of_their_documents(tmp_path):
    """It was refused, though deleting and declaring were said to work for any index."""
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(), chunk_tokens=8)
    store = RagEmbedVectorStore(tmp_path / "kb", fields={"year": int})
    long = Document("The fox is red. " * 9 + "The whale is blue.", id="a", metadata={"year": 2020})
    assert store.add_documents([long, Document("A cat.", id="b")]) == ["a", "b"]
    [found] = store.similarity_search("blue whale", k=1, filter={"year": 2020})
    assert found.id == "a" and found.page_content.endswith("The whale is blue.")
    assert found.metadata["year"] == 2020 and found.metadata["rag_embed"]["start"] > 0
    assert len(found.page_content) < len(long.page_content)
    spread = store.max_marginal_relevance_search("fox", k=3, fetch_k=9)
    assert len({one.metadata["rag_embed"]["start"] for one in spread}) > 1
    assert store.get_by_ids([found.id]) == [long]
    bound = RagEmbedVectorStore(index, where={"year": 2021})
    assert bound.delete(["a"]) and len(store.get_by_ids(["a"])) == 1
    assert await store.adelete([found.id]) and ids(store.similarity_search("whale")) == ["b"]


def test_a_refused_call_declares_and_makes_nothing(tmp_path):
    Index.create(tmp_path / "kb", encoder=HashEncoder()).add(
        OwnDocument("a", "x", metadata={"lang": "en"})
    )
    wrong = [
        {"where": {"a": {"$near": 1}}},
        {"embedding": HashEncoder(8)},
        {"fields": {"lang": complex}},
    ]
    for one in wrong:
        with pytest.raises((BadInput, SpaceMismatch)):
            RagEmbedVectorStore(tmp_path / "kb", **{"fields": {"lang": str}, **one})
    for texts in ({"ids": ["a"]}, {"metadatas": [{}]}, {"metadatas": [{}, {"lang": 1}]}):
        for path in ("kb", "new"):
            given = {"path": tmp_path / path, "fields": {"lang": str}, "embedding": HashEncoder()}
            with pytest.raises(BadInput, match=r"1 (ids|metadatas) for 2|got 1"):
                RagEmbedVectorStore.from_texts(["x", "y"], **given, **texts)
    assert not Index.open(tmp_path / "kb").store.fields.types and not (tmp_path / "new").exists()


def test_a_text_that_the_model_does_not_read_to_its_end_is_told_of(minilm):
    """A fact at the end of 400 sentences was hardly found, and nobody said why."""
    long = " ".join(f"Sentence {i} tells of nothing." for i in range(400))
    store = RagEmbedVectorStore(embedding=minilm)
    with pytest.warns(UserWarning, match=r"more than the \d+ tokens .* Cut texts with a splitter"):
        store.add_texts(["short", long])
    RagEmbedVectorStore(Index.in_memory(encoder=minilm)).add_texts([long])  # cuts it


async def test_what_langchains_words_are_for_ours():
    """Without embedding there was a bare TypeError, messages were refused, and `where` had no remedy."""
    talk = [HumanMessage("blue fish"), AIMessage("They swim.")]
    store = RagEmbedVectorStore.from_documents([Document("The red fox.", id="a")])
    assert ids(store.similarity_search("fox", previous=talk)) == ["a"]
    made = await RagEmbedVectorStore.afrom_documents([Document("x"), Document("y", id="b")])
    assert made.get_by_ids(["b"]) and len(made.index) == 2
    retriever = RagEmbedRetriever(index=store.index, previous=talk)
    assert retriever.previous == ("blue fish",) and retriever.invoke("fox", previous=talk)
    for wrong in ("blue fish", [3]):
        with pytest.raises(BadInput, match="previous"):
            store.similarity_search("fox", previous=wrong)
    with pytest.raises(TypeError, match="did you mean 'filter'"):
        store.similarity_search("fox", where={"year": 2024})
    with pytest.raises(TypeError, match="colour"):
        RagEmbedVectorStore.from_documents([Document("x")], colour="red")


def test_titles_come_from_the_key_that_is_named():
    documents = [Document("text", id="a", metadata={"title": 3, "headline": "Owls"})]
    titles = []
    for key in ("title", "headline", None):
        store = RagEmbedVectorStore(embedding=HashEncoder(), title_key=key)
        store.add_documents(documents)
        titles.append(store.index.contents.document("a").title)
    assert titles == ["", "Owls", ""]


def test_the_embeddings_are_those_of_the_index():
    given = DeterministicFakeEmbedding(size=8)
    assert RagEmbedVectorStore(embedding=given).embeddings is given
    whole = Index.in_memory(encoder=EmbeddingsEncoder(given), chunk_tokens=None)
    assert RagEmbedVectorStore(whole).embeddings is given
    ours = RagEmbedVectorStore(embedding=HashEncoder()).embeddings
    assert isinstance(ours, RagEmbedEmbeddings)
    assert len(ours.embed_query("fox")) == 256


async def test_concurrent_writers_and_readers(store):
    async def write(i):
        await store.aadd_texts([f"number {i}", "shared"], ids=[f"w{i}", "shared"])
        assert await store.aget_by_ids([f"w{i}"])
        return len(await store.asimilarity_search("number", k=50))

    counts = await asyncio.gather(*(write(i) for i in range(6)))
    assert all(count >= 5 for count in counts)
    written = [f"w{i}" for i in range(6)]
    assert sorted(ids(store.similarity_search("number", k=50))) == sorted(
        [*TEXTS, *written, "shared"]
    )


def test_a_users_history_counts_as_it_does_in_the_index(store):
    store.index.users.remember("ada", ["blue fish of the sea", "deep blue sea"])
    store.index.users.setting = Setting(2.0, prior=0.0)
    plain, bent = (ids(store.similarity_search("animals", 4, user=user)) for user in (None, "ada"))
    assert bent == [hit.chunk.doc_id for hit in store.index.search("animals", k=4, user="ada")]
    assert plain != bent and bent[0] == "sea"
    spread = store.max_marginal_relevance_search("animals", 4, fetch_k=100, user="ada")
    hits = store.index.search("animals", k=4, user="ada", diversity=0.5)
    assert ids(spread) == [hit.chunk.doc_id for hit in hits]
    [row] = store.index.spaces.own.encode_query(["animals"])
    assert ids(store.similarity_search_by_vector(row.tolist(), 4, user="ada"))[0] == "sea"
