"""`RagEmbedIndexer`: what comes through a pipeline is in an index, with all that the index can do."""

from __future__ import annotations

import pickle

import pytest
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.schema import Document, ImageNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.retrievers.rag_embed import RagEmbedIndexer, RagEmbedRetriever

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput


@pytest.fixture
def index(tmp_path):
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(), situate="titled")
    index.experts.add_space("other", HashEncoder(dim=16))
    return index


def documents():
    return [
        Document(id_="fox", text="# Foxes\n\nThey run.", metadata={"file_name": "fox.md"}),
        Document(id_="sea", text="The blue sea is deep."),
    ]


def found(index, question, **options):
    nodes = RagEmbedRetriever(index, **options).retrieve(question)
    return [one.node.ref_doc_id for one in nodes]


async def test_what_comes_is_added_as_the_index_was_made(index) -> None:
    pipeline = IngestionPipeline(transformations=[RagEmbedIndexer(index)])
    assert [one.id_ for one in pipeline.run(documents=documents())] == ["fox", "sea"]
    [hit] = index.search("foxes", k=1)
    assert hit.chunk.headings == ("Foxes",) and found(index, "foxes", k=1) == ["fox"]
    assert index.store.view().vectors("other", [hit.id]).shape == (1, 16)
    await pipeline.arun(documents=[Document(id_="wolf", text="A grey wolf howls.")])
    assert found(index, "grey wolf", k=1) == ["wolf"]


def test_the_owner_is_the_users(index) -> None:
    indexer = RagEmbedIndexer(index, user="ada")
    IngestionPipeline(transformations=[indexer]).run(documents=documents())
    assert found(index, "foxes") == []
    assert found(index, "foxes", user="ada", k=1) == ["fox"]
    with pytest.warns(UserWarning, match="fox was not added: .* another owner"):
        RagEmbedIndexer(index)([next(iter(documents())), Document(id_="tea", text="Green tea.")])
    assert found(index, "tea", k=1) == ["tea"]


def test_a_cache_does_not_stand_in(index) -> None:
    pipeline = IngestionPipeline(transformations=[RagEmbedIndexer(index)])
    pipeline.run(documents=documents())
    index.delete(["fox"])
    pipeline.run(documents=documents())
    assert index.contents.matching() == ["fox", "sea"]


def test_a_docstore_saves_work(index) -> None:
    pipeline = IngestionPipeline(
        transformations=[RagEmbedIndexer(index)],
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.DUPLICATES_ONLY,
    )
    assert len(pipeline.run(documents=documents())) == 2
    changed = Document(id_="sea", text="The sea is red.")
    assert [one.id_ for one in pipeline.run(documents=[documents()[0], changed])] == ["sea"]
    assert index.contents.document("sea").text == "The sea is red."


def test_what_cannot_be_searched_is_told(index) -> None:
    picture = ImageNode(id_="p", text="", image_url="http://here/fox.png")
    captioned = ImageNode(id_="q", text="A fox.", image_url="http://here/fox.png")
    with pytest.warns(UserWarning, match="p was not added: it has neither text nor title"):
        RagEmbedIndexer(index)([picture, captioned])
    assert index.contents.matching() == ["q"]


def test_it_goes_to_other_processes_by_path(tmp_path, minilm) -> None:
    Index.create(tmp_path / "kb", encoder=minilm)
    indexer = RagEmbedIndexer(tmp_path / "kb", user="ada")
    again = pickle.loads(pickle.dumps(indexer))
    again(documents())
    assert found(indexer.index, "foxes", user="ada", k=1) == ["fox"]


@pytest.mark.parametrize("wrong", [3, None, RagEmbedIndexer])
def test_something_else_is_refused(wrong) -> None:
    with pytest.raises(BadInput, match="Index"):
        RagEmbedIndexer(wrong)


def test_the_user_is_checked(index) -> None:
    with pytest.raises(BadInput, match="user"):
        RagEmbedIndexer(index, user="")
    with pytest.raises(TypeError):
        RagEmbedIndexer(index, owner="ada")


def test_only_what_is_the_owners_is_deleted(index) -> None:
    shared, own = RagEmbedIndexer(index), RagEmbedIndexer(index, user="ann")
    shared([documents()[1]])
    own([documents()[0]])
    assert RagEmbedIndexer(index, user="ben").delete(["fox", "sea"]) == 0
    assert own.delete(["fox", "sea", "nowhere"]) == 1
    assert index.contents.matching(user="ann") == ["sea"]
    assert shared.delete(["sea"]) == 1 and len(index) == 0
    with pytest.raises(BadInput, match="list of ids"):
        shared.delete("sea")
