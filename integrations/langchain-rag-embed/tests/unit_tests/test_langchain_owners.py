"""Owners: what is added for a user is found, read and replaced by nobody else, by every way in."""

from __future__ import annotations

import pytest
from langchain_classic.retrievers import ParentDocumentRetriever
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, aindex, index
from langchain_core.stores import InMemoryStore
from langchain_rag_embed import (
    RagEmbedDocumentIndex,
    RagEmbedRetriever,
    RagEmbedVectorStore,
    to_documents,
)
from langchain_text_splitters import CharacterTextSplitter

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput

OWN = [Document("Ada's red fox is called Rob.", id="own", metadata={"source": "ada.md"})]


@pytest.fixture(params=["memory", "lancedb"])
def store(request, tmp_path):
    path = tmp_path / "kb" if request.param == "lancedb" else None
    store = RagEmbedVectorStore(path, embedding=HashEncoder())
    store.add_texts(["The red fox hunts mice."], ids=["shared"])
    return store


async def added(store, way):
    documents = RagEmbedDocumentIndex(store=store)
    records = InMemoryRecordManager("ada")
    run = {"key_encoder": lambda one: one.id, "upsert_kwargs": {"user": "ada"}}
    match way:
        case "add_documents":
            store.add_documents(OWN, user="ada")
        case "aadd_documents":
            await store.aadd_documents(OWN, user="ada")
        case "add_texts":
            store.add_texts([OWN[0].page_content], [OWN[0].metadata], ids=["own"], user="ada")
        case "retriever":
            store.as_retriever().add_documents(OWN, user="ada")
        case "upsert":
            documents.upsert(OWN, user="ada")
        case "aupsert":
            await documents.aupsert(OWN, user="ada")
        case "index":
            index(OWN, records, store, **run)
        case "aindex":
            await aindex(OWN, records, store, **run)
        case "index of documents":
            index(OWN, records, documents, **run)


WAYS = [
    "add_documents",
    "aadd_documents",
    "add_texts",
    "retriever",
    "upsert",
    "aupsert",
    "index",
    "aindex",
    "index of documents",
]


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_added_for_a_user_is_theirs_alone(store, way):
    await added(store, way)
    documents = RagEmbedDocumentIndex(store=store)
    retriever = RagEmbedRetriever(index=store.index, k=9)
    for user, expected in (("ada", ["own", "shared"]), ("bob", ["shared"]), (None, ["shared"])):
        found = [
            store.similarity_search("red fox called Rob", 9, user=user),
            await store.as_retriever(search_kwargs={"k": 9, "user": user}).ainvoke("fox Rob"),
            documents.invoke("fox Rob", k=9, user=user),
            store.get_by_ids(["own", "shared"], user=user),
            await store.aget_by_ids(["own", "shared"], user=user),
            documents.get(["own", "shared"], user=user),
            await documents.aget(["own", "shared"], user=user),
        ]
        assert [sorted(one.id for one in some) for some in found] == [expected] * len(found)
        ours = retriever.invoke("red fox called Rob", user=user)
        assert sorted(one.metadata["rag_embed"]["doc_id"] for one in ours) == expected


@pytest.mark.parametrize("user", ["bob", None])
def test_nobody_takes_over_an_id_of_another_owner(store, user):
    store.add_documents(OWN, user="ada")
    with pytest.raises(BadInput, match="belongs to another owner"):
        store.add_texts(["Rob is mine now."], ids=["own"], user=user)
    with pytest.raises(BadInput, match="belongs to another owner"):
        store.add_texts(["Mine."], ids=["shared"], user="ada")
    assert store.get_by_ids(["own"], user="ada") == OWN
    with pytest.raises(BadInput, match="cannot be stored: .* control character"):
        store.add_texts(["x"], ids=["a\0b"])
    pages = [Document("Mine.", id="own"), Document("Bob's tea.", id="tea")]
    told = RagEmbedDocumentIndex(store=store).upsert(pages, user="bob")
    assert told == {"succeeded": ["tea"], "failed": ["own"]}


def test_what_is_outside_of_a_boundary_is_not_deleted():
    store = RagEmbedVectorStore(embedding=HashEncoder())
    store.add_texts(["Old.", "New."], [{"year": 1990}, {"year": 2024}], ids=["old", "new"])
    store.add_texts(["Ada's."], [{"year": 2024}], ids=["hers"], user="ada")
    recent = RagEmbedVectorStore(store.index, where={"year": {"$gte": 2000}})
    recent.delete(["old", "nowhere"])
    removed = RagEmbedDocumentIndex(store=recent).delete(["old", "new", "hers"])
    assert removed["succeeded"] == ["new", "hers"]
    assert store.index.contents.matching() == ["old"]
    with pytest.raises(BadInput, match="wrap it in a list"):
        recent.delete("old")


def test_two_users_keep_the_same_page_in_step_under_ids_that_name_them(store):
    for user in ("ada", "bob"):
        records = InMemoryRecordManager(user)
        run = {
            "key_encoder": lambda one, user=user: f"{user}:{one.metadata['source']}",
            "cleanup": "full",
            "upsert_kwargs": {"user": user},
        }
        page = [Document("A page.", metadata={"source": "a.md"})]
        assert index(page, records, store, **run)["num_added"] == 1
        assert index(page, records, store, **run)["num_skipped"] == 1
        if user == "ada":
            assert index([], records, store, **run)["num_deleted"] == 1
    assert store.get_by_ids(["ada:a.md", "bob:a.md"], user="bob")[0].id == "bob:a.md"


def test_a_parents_parts_have_its_owner(store):
    parents = ParentDocumentRetriever(
        vectorstore=store,
        docstore=InMemoryStore(),
        child_splitter=CharacterTextSplitter(separator=" ", chunk_size=20, chunk_overlap=0),
        search_kwargs={"k": 9, "user": "ada"},
    )
    parents.add_documents(OWN, user="ada")
    assert parents.invoke("Rob") == OWN
    parents.search_kwargs = {"k": 9}
    assert parents.invoke("Rob") == []


def test_a_store_made_of_texts_may_be_one_users(tmp_path):
    made = RagEmbedVectorStore.from_documents(OWN, HashEncoder(), path=tmp_path / "kb", user="ada")
    assert made.similarity_search("fox") == [] and made.similarity_search("fox", user="ada") == OWN


def test_loaded_documents_may_be_one_users():
    index = Index.in_memory(encoder=HashEncoder())
    index.add(to_documents(OWN, user="ada"))
    assert index.search("fox") == [] and len(index.search("fox", user="ada")) == 1


def test_an_edited_private_document_takes_the_place_of_the_old_one():
    """Both were found, the old one first, and the same text of another owner was refused."""
    index = Index.in_memory(encoder=HashEncoder())

    def synced(lock, user):
        loaded = [Document(f"My lock opens with {lock}.", metadata={"source": "b.md"})]
        return index.sync(to_documents(loaded, user=user), scope="notes")

    assert [synced(1234, user).added for user in ("ann", "bob")] == [1, 1]
    report = synced(9999, "ann")
    assert (report.added, report.deleted) == (1, 1)
    assert "1 document with an owner" in report.notes[0]
    seen = {user: [hit.text for hit in index.search("lock", user=user)] for user in ("ann", "bob")}
    assert "9999" in seen["ann"][0] and len(seen["bob"]) == 1


async def test_only_what_is_the_owners_is_deleted(store):
    store.add_documents(OWN, user="ada")
    documents = RagEmbedDocumentIndex(store=store)
    for user in ("bob", None):
        assert store.delete(["own"], user=user) and await store.adelete(["own"], user=user)
        assert documents.delete(["own"], user=user)["succeeded"] == []
    assert store.delete(["shared"], user="ada")
    assert len(store.get_by_ids(["own", "shared"], user="ada")) == 2
    told = await documents.adelete(["own", "shared"], user="ada")
    assert told["succeeded"] == ["own"] and told["num_deleted"] == 1
    assert store.delete(["shared"], user=None) and store.get_by_ids(["shared"]) == []


def test_a_store_forgets_a_user(store):
    store.add_documents(OWN, user="ada")
    store.index.users.remember("ada", ["She likes foxes."])
    assert store.forget("ada") == 2
    assert store.get_by_ids(["own"], user="ada") == [] and len(store.get_by_ids(["shared"])) == 1
