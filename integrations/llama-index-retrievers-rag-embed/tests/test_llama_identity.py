"""What is handed out depends on the chunk alone, and comes back as it was given."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import (
    HierarchicalNodeParser,
    SentenceWindowNodeParser,
    get_leaf_nodes,
)
from llama_index.core.postprocessor import (
    MetadataReplacementPostProcessor,
    PrevNextNodePostprocessor,
)
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import (
    AutoMergingRetriever,
    QueryFusionRetriever,
    RecursiveRetriever,
)
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.schema import (
    ImageNode,
    IndexNode,
    MetadataMode,
    Node,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.storage import StorageContext
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.retrievers.rag_embed import RagEmbedNode, RagEmbedRetriever, to_documents

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput

QUESTIONS = ["red fox", "deep sea", "howling wolf"]


@pytest.fixture
def many(retriever):
    """One chunk, found by three questions."""
    found = [retriever.with_(k=9).retrieve(question) for question in QUESTIONS]
    return [next(one for one in some if one.node.ref_doc_id == "fox") for some in found]


def index_of(documents, **options):
    index = Index.in_memory(encoder=HashEncoder(), **options)
    index.add(to_documents(documents))
    return index


def nodes_of(documents, question, **options):
    return [
        one.node for one in RagEmbedRetriever(index_of(documents, **options)).retrieve(question)
    ]


def test_a_chunk_is_one_node_whatever_was_asked(many) -> None:
    assert len({one.score for one in many}) == len({str(one.explanation) for one in many}) == 3
    first, *others = (one.node for one in many)
    assert all(one == first and one.hash == first.hash for one in others)


@pytest.mark.parametrize("mode", list(FUSION_MODES))
async def test_fusion_keeps_what_all_lists_hold(retriever, mode) -> None:
    class Asks(MockLLM):
        def complete(self, prompt, formatted=False, **options):
            answer = super().complete(prompt)
            answer.text = "\n".join(QUESTIONS[1:])
            return answer

        async def acomplete(self, prompt, formatted=False, **options):
            return self.complete(prompt)

    fusion = QueryFusionRetriever(
        [retriever.with_(k=3), retriever.with_(k=3, min_relevance=0.0001)],
        llm=Asks(),
        mode=mode,
        num_queries=3,
        similarity_top_k=3,
        use_async=False,
    )
    for found in (fusion.retrieve(QUESTIONS[0]), await fusion.aretrieve(QUESTIONS[0])):
        assert sorted(one.node.ref_doc_id for one in found) == ["fox", "sea", "wolf"]


def test_a_copy_keeps_scores_and_reasons(many) -> None:
    one = many[0]
    for again in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert type(again) is RagEmbedNode and again == one
    assert json.loads(one.to_json())["explanation"] == one.explanation
    assert json.loads(one.to_json())["relevance"] == one.relevance


def hidden_document() -> LlamaDocument:
    return LlamaDocument(
        id_="a",
        text="# Foxes\n\nA red fox.\n\n## Food\n\nThe fox eats mice.",
        metadata={"secret": "s3cr3t", "inner": "i", "shown": "yes", "file_name": "a.md"},
        excluded_llm_metadata_keys=["secret", "file_name"],
        excluded_embed_metadata_keys=["inner", "file_name"],
        metadata_template="<{key}={value}>",
        metadata_separator=" | ",
        text_template="{metadata_str} :: {content}",
    )


def test_what_a_document_hides_stays_hidden() -> None:
    index = index_of([hidden_document()], chunk_tokens=8)
    found = RagEmbedRetriever(index, k=1).retrieve("eats mice")[0].node
    text = found.get_content(MetadataMode.NONE)
    assert found.get_content(MetadataMode.LLM) == f"<inner=i> | <shown=yes> :: {text}"
    assert found.get_content(MetadataMode.EMBED) == f"<secret=s3cr3t> | <shown=yes> :: {text}"
    assert found.metadata["secret"] == "s3cr3t"
    answer = RetrieverQueryEngine.from_args(RagEmbedRetriever(index), llm=MockLLM()).query("fox")
    assert "s3cr3t" not in str(answer) and "<shown=yes>" in str(answer)


def test_a_plain_document_is_stored_plainly() -> None:
    [document] = to_documents([LlamaDocument(id_="a", text="A fox.", metadata={"year": 1})])
    assert dict(document.metadata) == {"year": 1}


def related(id: str, **metadata: object) -> RelatedNodeInfo:
    return RelatedNodeInfo(node_id=id, node_type="4", metadata=metadata, hash="h")


@pytest.mark.parametrize(
    "node",
    [
        TextNode(
            id_="n",
            text="A red fox.",
            metadata={"year": 1},
            excluded_llm_metadata_keys=["year"],
            start_char_idx=3,
            end_char_idx=13,
            mimetype="text/x",
            relationships={
                NodeRelationship.SOURCE: related("s", year=1),
                NodeRelationship.PREVIOUS: related("p"),
                NodeRelationship.CHILD: [related("c"), related("d")],
            },
        ),
        IndexNode(id_="i", text="A red fox.", index_id="other"),
        ImageNode(id_="p", text="A red fox.", image_url="http://here/fox.png"),
        ImageNode(id_="q", text="", metadata={"title": "fox"}, image_path="fox.png"),
        TextNode(id_="w", text="\n A red fox.\t "),
        Node(id_="m", text_resource={"text": "A red fox."}, image_resource={"path": "fox.png"}),
    ],
)
def test_a_node_that_is_not_cut_is_found_as_itself(node) -> None:
    [found] = nodes_of([node], "fox")
    assert type(found) is type(node)
    assert found == node and found.hash == node.hash


def test_parts_of_a_node_have_its_source_and_parent_and_no_neighbours() -> None:
    node = TextNode(
        id_="n",
        text="A red fox runs. " * 9,
        relationships={
            NodeRelationship.SOURCE: related("s"),
            NodeRelationship.PARENT: related("up"),
            NodeRelationship.NEXT: related("next"),
        },
    )
    parts = nodes_of([node], "fox", chunk_tokens=8)
    assert len(parts) > 1
    assert {one.ref_doc_id for one in parts} == {"s"}
    assert {one.parent_node.node_id for one in parts} == {"up"}
    assert all(one.next_node is None for one in parts)
    assert all(one.node_id.startswith("n#") for one in parts)


TEXT = "The red fox runs. The blue sea is deep. A grey wolf howls. Fresh bread smells good. " * 4


def test_auto_merging_finds_parents_of_what_was_found() -> None:
    parser = HierarchicalNodeParser.from_defaults(chunk_sizes=[128, 32], chunk_overlap=0)
    nodes = parser.get_nodes_from_documents([LlamaDocument(id_="d", text=TEXT)])
    docstore = SimpleDocumentStore()
    docstore.add_documents(nodes)
    leaves = get_leaf_nodes(nodes)
    retriever = RagEmbedRetriever(index_of(leaves), k=len(leaves))
    merging = AutoMergingRetriever(retriever, StorageContext.from_defaults(docstore=docstore))
    found = merging.retrieve("red fox")
    assert {one.node.node_id for one in found} <= {one.node_id for one in nodes if one.child_nodes}


def test_a_window_replaces_its_sentence() -> None:
    parser = SentenceWindowNodeParser.from_defaults(window_size=1)
    nodes = parser.get_nodes_from_documents([LlamaDocument(id_="d", text=TEXT)])
    engine = RetrieverQueryEngine.from_args(
        RagEmbedRetriever(index_of(nodes), k=1),
        llm=MockLLM(),
        node_postprocessors=[MetadataReplacementPostProcessor(target_metadata_key="window")],
    )
    [source] = engine.query("grey wolf").source_nodes
    assert "deep" in source.text and "bread" in source.text


def test_neighbours_are_found_in_a_docstore() -> None:
    nodes = SentenceWindowNodeParser.from_defaults().get_nodes_from_documents(
        [LlamaDocument(id_="d", text=TEXT)]
    )
    docstore = SimpleDocumentStore()
    docstore.add_documents(nodes)
    around = PrevNextNodePostprocessor(docstore=docstore, num_nodes=1, mode="both")
    found = RagEmbedRetriever(index_of(nodes), k=1).retrieve("grey wolf")
    assert len(around.postprocess_nodes(found, query_str="x")) == 3


def test_an_index_node_leads_on() -> None:
    summary = IndexNode(id_="i", text="All about animals.", index_id="animals")
    top = RagEmbedRetriever(index_of([summary]), k=1)
    below = RagEmbedRetriever(index_of([LlamaDocument(id_="fox", text="A red fox.")]), k=1)
    recursive = RecursiveRetriever("top", {"top": top, "animals": below})
    assert [one.node.ref_doc_id for one in recursive.retrieve("animals")] == ["fox"]
    objects = [IndexNode(id_="i", text="x", index_id="animals", obj=below)]
    leading = RagEmbedRetriever(index_of([summary]), k=1, objects=objects)
    assert [one.node.ref_doc_id for one in leading.retrieve("animals")] == ["fox"]
    many = leading.retrieve_many(["animals", "all"])
    assert [[one.node.ref_doc_id for one in found] for found in many] == [["fox"], ["fox"]]


def test_what_cannot_be_stored_is_named() -> None:
    related_to = {NodeRelationship.SOURCE: related("s", handle=object())}
    with pytest.raises(BadInput, match="'n': metadata 'handle'"):
        list(to_documents([TextNode(id_="n", text="x", relationships=related_to)]))
    leading = IndexNode(id_="n", text="x", index_id="i", obj=RagEmbedRetriever(index_of([])))
    with pytest.raises(BadInput, match="'n'.*objects"):
        list(to_documents([leading]))
