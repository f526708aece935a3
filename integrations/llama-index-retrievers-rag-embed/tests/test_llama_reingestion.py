"""Documents that are handed over again replace themselves, without a docstore."""

from __future__ import annotations

import datetime
import os

import numpy as np
import pytest
from conformance_data import Words, asked, node
from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import HierarchicalNodeParser, SentenceSplitter
from llama_index.core.schema import Document, IndexNode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.utils import node_to_metadata_dict
from llama_index.retrievers.rag_embed import (
    RagEmbedNodeParser,
    RagEmbedVectorStore,
    to_documents,
)

from rag_embed import Document as OwnDocument
from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.fields import Fields
from rag_embed.indexing import content_hash
from rag_embed.stores import LanceStore
from rag_embed.types import Chunk, ChunkRows

PARSERS = [
    RagEmbedNodeParser(chunk_tokens=40),
    SentenceSplitter(chunk_size=112, chunk_overlap=0),
    HierarchicalNodeParser.from_defaults(chunk_sizes=[224, 112], chunk_overlap=0),
]
TEXT = "The red fox runs fast. " + " ".join(f"Sentence {i} tells of {i} ships." for i in range(30))


@pytest.fixture(params=PARSERS, ids=lambda parser: type(parser).__name__)
def run(request, tmp_path):
    """One run of a pipeline that remembers nothing, as in a new process; what is stored then."""

    def run(documents, user=None):
        store = RagEmbedVectorStore(tmp_path / "store", user=user)
        pipeline = IngestionPipeline(transformations=[request.param, Words()], vector_store=store)
        pipeline.run(documents=documents)
        return sorted(one.get_content() for one in store.get_nodes())

    return run


def document(text: str = TEXT, id: str = "d", **metadata) -> Document:
    return Document(id_=id, text=text, metadata=metadata)


def test_the_same_again_changes_nothing(run) -> None:
    other = document("Another text.", "other")
    before = run([document(), other])
    assert len(before) >= 3
    assert run([document(), other]) == run([document()]) == before


def test_a_changed_document_leaves_nothing_behind(run, tmp_path) -> None:
    other = document("Another text.", "other")
    run([document(), other])
    after = run([document(TEXT.replace("The red fox runs fast.", "A green frog jumps."))])
    assert "frog" in " ".join(after) and "fox" not in " ".join(after)
    assert "Another text." in after
    assert run([document("Short.")]) == run([document("Short."), other])
    assert {"Short.", "Another text."} == set(run([]))


def test_changed_metadata_replace_the_old(run, tmp_path) -> None:
    run([document(year=2020)])
    run([document(year=2024)])
    stored = RagEmbedVectorStore(tmp_path / "store").get_nodes()
    assert {one.metadata["year"] for one in stored} == {2024}


def test_batches_of_one_document_stay_together(tmp_path) -> None:
    context = StorageContext.from_defaults(vector_store=RagEmbedVectorStore(tmp_path / "store"))
    options = {"embed_model": Words(), "storage_context": context, "insert_batch_size": 1}
    for text in (TEXT, TEXT, TEXT.replace("fox", "frog")):
        VectorStoreIndex.from_documents([document(text)], transformations=[PARSERS[0]], **options)
    stored = sorted(one.start_char_idx for one in context.vector_store.get_nodes())
    parsed = PARSERS[0]([document(TEXT.replace("fox", "frog"))])
    assert stored == [one.start_char_idx for one in parsed] and len(stored) > 2


def test_two_ways_to_cut_one_edition_stay(tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store")
    for parser in PARSERS[:2]:
        store.add(Words()(parser([document()])))
    assert len(store.get_nodes()) == sum(len(parser([document()])) for parser in PARSERS[:2])


def test_without_evidence_nothing_goes(tmp_path) -> None:
    """Sources without a hash, nodes without sources, equal texts that lead to different things."""
    store = RagEmbedVectorStore(tmp_path / "store")
    related = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d", hash="h")}
    for id, some in (
        ("a", node("a", "red fox", "source")),
        ("b", node("b", "blue sea", "source")),
        ("c", node("c", "red fox")),
        ("d", node("d", "red fox")),
        ("e", IndexNode(id_="e", text="fox", index_id="1", relationships=related)),
        ("f", IndexNode(id_="f", text="fox", index_id="2", relationships=related)),
        ("g", TextNode(id_="g", text="fox", relationships=related)),
        ("h", TextNode(id_="h", text="fox", start_char_idx=9, relationships=related)),
    ):
        some.embedding = Words().get_text_embedding("fox")
        assert store.add([some]) == [id]
    assert [one.node_id for one in store.get_nodes()] == list("abcdefgh")


def test_equal_nodes_of_one_call_stay(tmp_path) -> None:
    related = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d", hash="h")}
    store = RagEmbedVectorStore(tmp_path / "store")

    def twins(first, second):
        return Words()(
            [TextNode(id_=id, text="x", relationships=related) for id in (first, second)]
        )

    store.add(twins("a", "b"))
    store.add(twins("c", "d"))
    assert [one.node_id for one in store.get_nodes()] == ["c", "d"]


def test_another_owners_documents_stay(run, tmp_path) -> None:
    run([document("Of Ada.", "ada")], user="ada")
    run([document("Of Bob.", "bob")], user="bob")
    shared = run([document("Of all.", "all")])
    run([document("Also of Ada.", "ada")], user="ada")
    assert set(shared) == {"Of all."} == set(run([]))
    assert set(run([], user="bob")) == {"Of all.", "Of Bob."}
    assert set(run([], user="ada")) == {"Of all.", "Also of Ada."}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "fox.txt").write_text(TEXT)
    (folder / "sea.txt").write_text("Ships cross the sea.")
    return folder


def loaded(folder):
    return SimpleDirectoryReader(folder).load_data()


def test_a_folder_loaded_twice_is_stored_once(run, folder) -> None:
    first = run(loaded(folder))
    assert len(first) > 3
    yesterday = datetime.datetime.now().timestamp() - 86_400
    times = os.stat(folder / "fox.txt")
    os.utime(folder / "fox.txt", (yesterday, times.st_mtime))  # it was read at another time
    assert run(loaded(folder)) == first
    (folder / "fox.txt").write_text("A green frog jumps over.")
    assert set(run(loaded(folder))) == {"A green frog jumps over.", "Ships cross the sea."}


def test_parts_of_one_file_stay_together(run, folder) -> None:
    """Readers make several documents of one file, such as pages."""
    [fox, _] = loaded(folder)

    def pages(count, size):
        return [
            Document(text=f"Page {i} of a book.", metadata={**fox.metadata, "file_size": size})
            for i in range(count)
        ]

    at_once = run(pages(3, 100))
    assert len(set(at_once)) == 3
    for page in pages(3, 100):
        assert run([page]) == at_once
    assert len(set(run(pages(2, 90)))) == 2


def test_an_index_knows_files_by_their_path(folder) -> None:
    index = Index.in_memory(encoder=HashEncoder())
    assert index.add(to_documents(loaded(folder))).added == 2
    assert index.contents.matching() == sorted(str(path) for path in folder.iterdir())
    assert index.add(to_documents(loaded(folder))).unchanged == 2
    (folder / "fox.txt").write_text("Ein grüner Frosch springt.")
    report = index.add(to_documents(loaded(folder)))
    assert (report.replaced, report.unchanged) == (1, 1)
    assert len(index) == 2


def test_two_users_may_load_one_folder(folder) -> None:
    index = Index.in_memory(encoder=HashEncoder())
    for user in (None, "ada", "bob"):
        for _ in range(2):
            index.add(to_documents(loaded(folder), user=user))
    assert len(index.contents.matching()) == 2 and len(index.contents.matching(user="ada")) == 4


def test_parts_of_a_file_have_ids_of_their_own_whatever_the_batch(folder) -> None:
    [fox, _] = loaded(folder)
    pages = [
        Document(text=text, metadata={**fox.metadata, "page_label": str(i)})
        for i, text in enumerate(["Red.", "Blue.", "Blue.", "Grey."])
    ]
    at_once = [one.id for one in to_documents(pages)]
    assert len(set(at_once)) == 4
    assert [next(to_documents([page])).id for page in pages] == at_once
    without_one = pages[:1] + pages[2:]
    assert [one.id for one in to_documents(without_one)] == at_once[:1] + at_once[2:]


def test_parts_that_are_gone_go_with_sync(folder) -> None:
    [fox, _] = loaded(folder)

    def pages(*texts):
        return [Document(text=text, metadata={**fox.metadata, "file_size": 9}) for text in texts]

    index = Index.in_memory(encoder=HashEncoder())
    index.sync(to_documents(pages("Red.", "Blue.")), scope="books")
    index.sync(to_documents(pages("Red.", "Green.")), scope="books")
    assert sorted(hit.text for hit in index.search("red green blue")) == ["Green.", "Red."]


def test_ids_that_somebody_gave_stay(folder) -> None:
    named = SimpleDirectoryReader(folder, filename_as_id=True).load_data()
    assert [one.id for one in to_documents(named)] == [one.id_ for one in named]
    given = "3f2b7c1e-8d7a-4c3e-9f10-2b6a5d4c3e2f"
    mine = Document(id_=given, text=TEXT, metadata=loaded(folder)[0].metadata)
    plain = Document(text="A red fox.")
    assert [one.id for one in to_documents([mine, plain])] == [given, plain.id_]


def test_an_edited_private_file_takes_the_place_of_the_old_one(tmp_path) -> None:
    """Pages of a file are known by a hash of their text: the old ones were found beside the new."""
    index = Index.in_memory(encoder=HashEncoder())
    file = {"file_path": "/notes/lock.pdf", "file_size": 999}
    for lock in (1234, 9999):
        pages = [Document(text=f"My lock opens with {lock}.", metadata=file)]
        report = index.sync(to_documents(pages, user="ann"), scope="notes")
    assert (report.added, report.deleted) == (1, 1)
    assert [hit.text for hit in index.search("lock", user="ann")] == ["My lock opens with 9999."]


def test_a_store_of_the_first_format_is_read_and_added_to(tmp_path) -> None:
    """What was stored before sources had editions."""
    old = LanceStore.create(
        tmp_path / "store",
        {"dense": 64},
        fields=Fields.of({"year": "int", "ref_doc_id": "str"}),
        settings={"llama_index": {"format": 1}},
    )
    before = node("a", "The red fox runs.", "one", year=2018, tags=[])
    before.excluded_llm_metadata_keys = ["year"]
    metadata = {**node_to_metadata_dict(before, remove_text=True), "ref_doc_id": "one"}
    stored = OwnDocument("a", before.text, metadata={k: v for k, v in metadata.items() if v != []})
    old.replace(
        [(stored, content_hash(stored))],
        ChunkRows(
            [Chunk.of(stored, 0, len(stored.text))],
            {"dense": np.array([before.embedding], dtype=np.float32)},
        ),
    )
    store = RagEmbedVectorStore(tmp_path / "store")
    before.embedding = None
    assert store.get_nodes() == [before]
    for text in (TEXT, TEXT, TEXT.replace("fox", "frog")):
        pipeline = IngestionPipeline(transformations=[PARSERS[1], Words()], vector_store=store)
        pipeline.run(documents=[document(text)])
    texts = [one.get_content() for one in store.get_nodes()]
    assert len(texts) == 1 + len(PARSERS[1]([document()]))
    assert "frog" in " ".join(texts)
    assert store.query(asked("red fox", k=1)).ids == ["a"]
