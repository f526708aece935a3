"""`RagEmbedNodeParser` in pipelines, and contexts written by an LLM."""

from __future__ import annotations

import pickle
from itertools import pairwise

import pytest
from conformance_data import Words
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.ingestion.pipeline import DocstoreStrategy
from llama_index.core.llms import MockLLM
from llama_index.core.schema import Document, NodeRelationship
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores.types import VectorStoreQuery
from llama_index.retrievers.rag_embed import (
    RagEmbedEmbedding,
    RagEmbedIndexer,
    RagEmbedNodeParser,
    RagEmbedVectorStore,
    context_writer,
)
from pydantic import ValidationError

from rag_embed import Document as OwnDocument
from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.situated import described

GUIDE = """# Files

Open a file with open(). Close it with close(). Open a file with open().

## Reading

Read all of it with read(). Read a line with readline().

## Writing

Write a text with write(). Open a file with open().
"""
MARKDOWN = {"file_name": "guide.md"}


def guide(text: str = GUIDE) -> Document:
    return Document(id_="guide", text=text, metadata=MARKDOWN)


@pytest.fixture
def parser():
    return RagEmbedNodeParser(chunk_tokens=16)


@pytest.fixture
def pipeline(parser, tmp_path):
    return IngestionPipeline(
        transformations=[parser, Words()],
        vector_store=RagEmbedVectorStore(tmp_path / "store"),
        docstore=SimpleDocumentStore(),
    )


def test_offsets_are_exact_even_of_repeated_text(parser) -> None:
    text = "First we open it and then we stop it.\n\nstop it."
    short = RagEmbedNodeParser(chunk_tokens=10)([Document(id_="d", text=text)])
    assert [(one.start_char_idx, one.end_char_idx) for one in short] == [(0, 37), (39, 47)]
    for one in [*short, *parser([guide()])]:
        source = text if one.ref_doc_id == "d" else GUIDE
        assert source[one.start_char_idx : one.end_char_idx] == one.text
        assert one.node_id == f"{one.ref_doc_id}#{one.start_char_idx}-{one.end_char_idx}"


def test_headings_metadata_and_relationships(parser) -> None:
    nodes = parser([guide(), Document(id_="other", text="Another text.")])
    assert nodes[0].metadata["headings"] == ["Files"]
    assert ["Files", "Writing"] in [one.metadata.get("headings") for one in nodes]
    assert all(one.metadata["file_name"] == "guide.md" for one in nodes[:-1])
    assert nodes[-1].metadata == {}
    assert [one.ref_doc_id for one in nodes] == ["guide"] * (len(nodes) - 1) + ["other"]
    for before, after in pairwise(nodes[:-1]):
        assert before.next_node.node_id == after.node_id
        assert after.prev_node.node_id == before.node_id
    assert NodeRelationship.PREVIOUS not in nodes[-1].relationships


def test_your_headings_stay(parser) -> None:
    document = Document(text=GUIDE, metadata={**MARKDOWN, "headings": "mine"})
    assert {one.metadata["headings"] for one in parser([document])} == {"mine"}


async def test_it_is_the_same_every_time(parser) -> None:
    def shown(nodes):
        return [one.to_dict() for one in nodes]

    nodes = shown(parser([guide()]))
    assert len(nodes) > 2
    assert shown(await parser.acall([guide()])) == nodes
    assert shown(RagEmbedNodeParser.from_dict({"chunk_tokens": 16})([guide()])) == nodes
    assert shown(pickle.loads(pickle.dumps(parser))([guide()])) == nodes
    assert parser.to_dict()["chunk_tokens"] == 16


def test_options(parser) -> None:
    [whole] = RagEmbedNodeParser(chunk_tokens=None)([guide()])
    assert whole.text == GUIDE
    plain = Document(text="One two three. " * 12)
    overlapping = RagEmbedNodeParser(chunk_tokens=12, chunk_overlap=4)([plain])
    assert overlapping[1].start_char_idx < overlapping[0].end_char_idx
    assert (
        RagEmbedNodeParser(chunk_tokens=16, include_prev_next_rel=False)([guide()])[1].prev_node
        is None
    )
    own = RagEmbedNodeParser(chunk_tokens=16, id_func=lambda i, doc: f"{doc.node_id}-{i}")
    assert own([guide()])[1].node_id == "guide-1"
    assert parser([Document(text=" \n ")]) == []


@pytest.mark.parametrize("options", [{"chunk_tokens": 0}, {"chunk_tokens": 8, "chunk_overlap": 5}])
def test_bad_options_are_refused(options) -> None:
    with pytest.raises(ValidationError) as told:
        RagEmbedNodeParser(**options)
    assert not told.value.errors()[0]["msg"].startswith("Value error")
    with pytest.raises(TypeError, match="no option 'chunk_token'; did you mean 'chunk_tokens'"):
        RagEmbedNodeParser(chunk_token=10)


async def test_options_of_the_parser_are_no_options_of_a_call(parser) -> None:
    with pytest.raises(TypeError, match="chunk_tokens"):
        parser([guide()], chunk_tokens=3)
    with pytest.raises(TypeError, match="model"):
        await parser.acall([guide()], model="x")


@pytest.mark.parametrize("use_async", [False, True])
def test_an_index_is_built_with_it(parser, tmp_path, use_async) -> None:
    """The framework hands the options of the index to all transformations."""
    index = VectorStoreIndex.from_documents(
        [guide()],
        embed_model=Words(),
        transformations=[parser],
        storage_context=StorageContext.from_defaults(
            vector_store=RagEmbedVectorStore(tmp_path / "store")
        ),
        use_async=use_async,
        insert_batch_size=2,
    )
    stored = index.vector_store.get_nodes()
    assert sorted(one.node_id for one in stored) == sorted(one.node_id for one in parser([guide()]))
    index.insert(Document(id_="other", text="Another text."))
    assert index.as_retriever(similarity_top_k=1).retrieve("Another")[0].node.ref_doc_id == "other"


def texts(pipeline) -> list[str]:
    return sorted(one.text for one in pipeline.vector_store.get_nodes())


@pytest.mark.parametrize("strategy", list(DocstoreStrategy)[::2])
def test_upserts(pipeline, strategy) -> None:
    pipeline.docstore_strategy = strategy
    other = Document(id_="other", text="Another text.")
    first = pipeline.run(documents=[guide(), other])
    assert len(first) == len(texts(pipeline)) > 2
    assert pipeline.run(documents=[guide(), other]) == []
    changed = guide(GUIDE.replace("Read all of it with read().", "Take it all."))
    pipeline.run(documents=[changed])
    stored = "".join(texts(pipeline))
    assert "Take it all." in stored and "Read all of it" not in stored
    assert ("Another text." in stored) == (strategy == DocstoreStrategy.UPSERTS)


def test_a_lost_docstore_makes_no_duplicates(pipeline) -> None:
    pipeline.run(documents=[guide()])
    before = texts(pipeline)
    pipeline.docstore = SimpleDocumentStore()
    pipeline.run(documents=[guide()])
    assert texts(pipeline) == before


def test_the_cache_knows_the_settings(tmp_path, parser) -> None:
    class Counting(HashEncoder):
        calls = 0

        def encode_document(self, texts, /):
            Counting.calls += 1
            return super().encode_document(texts)

    def run(parser, dim, cache):
        model = RagEmbedEmbedding(encoder=Counting(dim))
        pipeline = IngestionPipeline(transformations=[parser, model], cache=cache)
        return pipeline.run(documents=[guide()]), pipeline.cache

    first, cache = run(parser, 8, None)
    again, _ = run(parser, 8, cache)
    assert [one.embedding for one in again] == [one.embedding for one in first]
    assert Counting.calls == 1
    wider, _ = run(parser, 16, cache)
    assert len(wider[0].embedding) == 16
    longer, _ = run(RagEmbedNodeParser(chunk_tokens=100), 8, cache)
    assert len(longer) < len(first)


async def test_async_pipeline_with_the_real_model(parser, tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store")
    model = RagEmbedEmbedding()
    pipeline = IngestionPipeline(transformations=[parser, model], vector_store=store)
    await pipeline.arun(documents=[guide()])
    query = VectorStoreQuery(query_embedding=model.get_query_embedding("how to save text"))
    [best] = store.query(query).nodes
    assert "write()" in best.text
    assert best.metadata["headings"][0] == "Files"


def test_an_llm_writes_contexts() -> None:
    write = context_writer(MockLLM())
    index = Index.in_memory(encoder=HashEncoder(), situate=described(write, name="mock"))
    index.add([OwnDocument("a", "They are red.", title="Foxes")])
    assert index.search("red", k=1)[0].text == "They are red."
    chunk = index.search("red", k=1)[0].chunk
    prompt = write(index.contents.document("a"), chunk)
    assert "Foxes" in prompt and "They are red." in prompt


def test_options_without_a_name_are_told_theirs() -> None:
    with pytest.raises(TypeError, match=r"RagEmbedNodeParser\(chunk_tokens=200\)"):
        RagEmbedNodeParser(100)
    with pytest.raises(TypeError, match=r"RagEmbedIndexer\(..., user=...\)"):
        RagEmbedIndexer("kb", "ann")
