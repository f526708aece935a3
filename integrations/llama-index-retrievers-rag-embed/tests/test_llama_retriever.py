"""`RagEmbedRetriever`: nodes, options and bundles."""

from __future__ import annotations

import pytest
from conformance_data import filters, where
from llama_index.core import SimpleDirectoryReader
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.schema import MetadataMode, QueryBundle, TextNode
from llama_index.retrievers.rag_embed import RagEmbedRetriever, to_documents, to_node

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.ranking import Calibration


def sources(nodes):
    return [one.node.ref_doc_id for one in nodes]


def test_nodes_are_the_hits(index, retriever) -> None:
    hits = index.search("red fox", k=2)
    found = retriever.retrieve("red fox")
    assert [one.node.node_id for one in found] == [hit.id for hit in hits]
    assert [one.score for one in found] == [hit.score for hit in hits]
    first = found[0].node
    assert first.text == "The red fox runs fast."[first.start_char_idx : first.end_char_idx]
    assert first.metadata == {
        "year": 2018,
        "lang": "en",
        "rag_embed": {"title": "fox", "headings": []},
    }
    assert [one.relevance for one in found] == [hit.relevance for hit in hits]
    explained = found[0].explanation
    assert {one["leg"] for one in explained} == {"dense", "lexical"}
    assert sum(one["contribution"] for one in explained) == pytest.approx(found[0].score)


def test_prompts_stay_clean(retriever) -> None:
    node = retriever.retrieve("red fox")[0].node
    for mode in (MetadataMode.LLM, MetadataMode.EMBED):
        assert node.get_content(mode) == "year: 2018\nlang: en\n\nThe red fox runs fast."


def test_your_metadata_is_never_replaced(index) -> None:
    [hit] = index.search("note", k=1, user="ada")
    node = to_node(hit).node
    assert node.metadata == {"rag_embed": "mine", "tags": ["a"]}
    assert node.excluded_llm_metadata_keys == []
    node.metadata["tags"].append("b")
    assert index.contents.document("note", user="ada").metadata == {
        "rag_embed": "mine",
        "tags": ["a"],
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"k": 1}, ["fox"]),
        ({"k": 0}, []),
        ({"k": 1, "user": "ada", "where": field("doc_id") == "note"}, ["note"]),
        ({"where": field("year") > 2020}, ["wolf"]),
        ({"where": filters(where("year", ">", 2020))}, ["wolf"]),
        ({"where": where("lang", "==", "de")}, ["sea"]),
        ({"min_relevance": 1.0}, []),
        ({"group_by": "document", "k": 1}, ["fox"]),
    ],
)
def test_options(index, retriever, options, expected) -> None:
    assert sources(RagEmbedRetriever(index, **options).retrieve("red fox")) == expected
    assert sources(retriever.with_(**options).retrieve("red fox")) == expected


def test_with_leaves_the_original_and_the_other_options(index, retriever) -> None:
    mine = retriever.with_(user="ada", where=field("doc_id").is_in(["note", "fox"]))
    assert mine.index is index
    assert sources(mine.with_(k=1).retrieve("note of Ada")) == ["note"]
    assert sorted(sources(retriever.with_(user="ada", k=9).retrieve("red"))) == [
        "fox",
        "note",
        "sea",
        "wolf",
    ]
    assert "note" not in sources(mine.with_(user=None).retrieve("note of Ada"))
    assert len(retriever.retrieve("red fox")) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"k": -1},
        {"diversity": 2.0},
        {"group_by": "page"},
        {"where": {"year": {"$near": 1}}},
        {"previous": "a turn"},
    ],
)
def test_bad_options_are_refused_early(index, retriever, options) -> None:
    with pytest.raises(BadInput):
        RagEmbedRetriever(index, **options)
    with pytest.raises(BadInput):
        retriever.with_(**options)


def test_unknown_options_raise(index, retriever) -> None:
    with pytest.raises(TypeError, match="top_k"):
        retriever.with_(top_k=3)
    with pytest.raises(TypeError, match="top_k"):
        RagEmbedRetriever(index, top_k=3)


def test_a_path_and_any_retriever_will_do(index, tmp_path) -> None:
    stored = Index.create(tmp_path / "kb", encoder=HashEncoder())
    stored.add([Document("a", "A red fox.")])
    assert sources(RagEmbedRetriever(index.retriever).retrieve("red fox"))[0] == "fox"
    with pytest.raises(BadInput, match="custom_embedding_strs"):
        RagEmbedRetriever(index.retriever).retrieve(QueryBundle("x", custom_embedding_strs=["y"]))


def test_a_path_is_opened(tmp_path, minilm) -> None:
    Index.create(tmp_path / "kb", encoder=minilm).add([Document("a", "A red fox.")])
    assert sources(RagEmbedRetriever(tmp_path / "kb").retrieve("foxes")) == ["a"]


@pytest.mark.parametrize("wrong", [3, None, object()])
def test_something_else_is_refused(wrong) -> None:
    with pytest.raises(BadInput, match="Index"):
        RagEmbedRetriever(wrong)


def test_llama_retrievers_are_refused(retriever) -> None:
    with pytest.raises(BadInput, match="RagEmbedRetriever"):
        RagEmbedRetriever(retriever)


def test_custom_embedding_strings_steer_the_dense_side(retriever, encoder) -> None:
    bundle = QueryBundle("howls", custom_embedding_strs=["blue sea", "deep sea"])
    found = retriever.with_(k=3).retrieve(bundle)
    assert encoder.asked == [["blue sea", "deep sea"]]
    raw = {
        one.node.ref_doc_id: {part["leg"]: part["raw"] for part in one.explanation} for one in found
    }
    assert max(raw, key=lambda id: raw[id]["dense"]) == "sea"
    assert max(raw, key=lambda id: raw[id]["lexical"]) == "wolf"


def test_an_empty_list_of_strings_is_none(retriever) -> None:
    bundle = QueryBundle("red fox", custom_embedding_strs=[])
    assert sources(retriever.retrieve(bundle))[0] == "fox"


def test_a_foreign_vector_in_the_bundle_is_not_read(retriever) -> None:
    bundle = QueryBundle("red fox", embedding=[1.0, 2.0])
    plain = retriever.retrieve("red fox")
    assert sources(retriever.retrieve(bundle)) == sources(plain)
    assert bundle == QueryBundle("red fox", embedding=[1.0, 2.0])
    bundle = QueryBundle("red fox", custom_embedding_strs=["sea"])
    retriever.retrieve(bundle)
    assert bundle == QueryBundle("red fox", custom_embedding_strs=["sea"])


def test_blank_queries_find_nothing(retriever) -> None:
    assert retriever.retrieve(" ") == []
    assert [len(one) for one in retriever.retrieve_many(["", "fox"])] == [0, 2]


def test_a_reader_feeds_the_index() -> None:
    loaded = [
        LlamaDocument(id_="a", text="# Files\n\nOpen it.", metadata={"file_name": "a.md"}),
        LlamaDocument(id_="b", text="def f(): ...", metadata={"file_name": "b.py", "title": "B"}),
        LlamaDocument(id_="c", text="plain", metadata={"file_name": "c.md", "format": "text"}),
    ]
    documents = {one.id: one for one in to_documents(loaded)}
    assert (documents["a"].title, documents["a"].metadata["format"]) == ("Files", "markdown")
    assert (documents["b"].title, documents["b"].metadata["language"]) == ("B", "python")
    assert documents["c"].metadata == loaded[2].metadata
    assert loaded[0].metadata == {"file_name": "a.md"}
    index = Index.in_memory(encoder=HashEncoder())
    assert index.add(to_documents(loaded, user="ada")).added == 3
    assert index.search("open", user="ada")[0].chunk.headings == ("Files",)
    assert index.search("open") == []


def test_front_matter_of_markdown_files_is_metadata(tmp_path) -> None:
    """It stayed in the passage's text, and neither its title nor its values were known."""
    text = "---\ntitle: Trips by train\nyear: 2024\ntags: [rail]\nfile_name: x\n---\nTrains run.\n"
    (tmp_path / "travel.md").write_text(text)
    (tmp_path / "plain.txt").write_text(text)
    loaded = SimpleDirectoryReader(str(tmp_path)).load_data()
    index = Index.in_memory(encoder=HashEncoder())
    index.add(to_documents(loaded))
    assert index.add(to_documents(SimpleDirectoryReader(str(tmp_path)).load_data())).unchanged == 2
    by_year = RagEmbedRetriever(index, k=1, where={"year": 2024})
    [found] = by_year.retrieve("trains")
    assert found.text == "Trains run."
    about = found.node.metadata
    assert about["rag_embed"]["title"] == "Trips by train" and about["tags"] == ["rail"]
    assert about["file_name"] == "travel.md" and about["front_matter"] in text
    shown = found.node.get_content(MetadataMode.LLM)
    assert "year: 2024" in shown and "title: " not in shown and "format" not in shown
    whole = next(
        one.text for one in to_documents(loaded) if one.metadata["file_name"] == "plain.txt"
    )
    assert whole == text  # only Markdown has front matter


def test_a_node_keeps_its_front_matter_and_is_found_as_itself() -> None:
    node = TextNode(id_="n", text="---\nyear: 2024\n---\nTrains.", metadata={"file_name": "a.md"})
    index = Index.in_memory(encoder=HashEncoder())
    index.add(to_documents([node]))
    found = RagEmbedRetriever(index, k=1).retrieve("trains")[0].node
    assert (found.node_id, found.text) == (node.node_id, node.text)


def test_language_models_see_where_a_file_is_and_no_bookkeeping(tmp_path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "bees.md").write_text("---\nyear: 2021\n---\n# Bees\n\nThey swarm.\n")
    index = Index.in_memory(encoder=HashEncoder())
    index.add_files(tmp_path / "notes")
    [found] = RagEmbedRetriever(index, k=1).retrieve("swarm")
    assert found.node.metadata["front_matter"] == "year: 2021\n"
    for mode in (MetadataMode.LLM, MetadataMode.EMBED):
        shown = found.node.get_content(mode).partition("\n\n")[0].splitlines()
        assert sorted(shown) == ["file_path: notes/bees.md", "year: 2021"]


def test_what_is_printed_of_a_node_leaves_out_what_legs_said(retriever) -> None:
    found = retriever.retrieve("red fox")
    for shown in (str(found[0]), str(found)):
        assert "The red fox runs fast." in shown and "explanation" not in shown


def test_own_documents_are_no_llama_documents() -> None:
    with pytest.raises(BadInput, match=r"Index\.add"):
        list(to_documents([Document("a", "text")]))


def test_passages_of_what_was_found() -> None:
    index = Index.in_memory(encoder=HashEncoder(), chunk_tokens=8)
    text = "A red fox hunts mice. It hears them in the snow. It sleeps by day."
    index.add(Document("fox", text))
    index.experts.calibrate(Calibration(1.0, 0.0, 5.0))  # all of it is relevant
    hits = index.search("fox snow day", k=10)
    [passage] = index.contents.passages(hits, 100)
    [found] = RagEmbedRetriever(index, passage_tokens=100).retrieve("fox snow day")
    assert len(hits) > 1 and found.text == passage.text and found.score == hits[0].score
    plain = RagEmbedRetriever(index)
    joined = plain.with_(passage_tokens=100)
    assert joined.retrieve_many(["fox snow day"]) == [[found]]
    assert len(plain.retrieve("fox snow day")) == len(hits)
    assert len(joined.with_(passage_tokens=None).retrieve("fox snow day")) == len(hits)
    for make in (
        lambda: RagEmbedRetriever(index, passage_tokens=0),
        lambda: plain.with_(passage_tokens=0),
    ):
        with pytest.raises(BadInput, match="passage_tokens"):
            make()


def test_what_only_an_index_can_do(index, retriever) -> None:
    assert retriever.remember("ada", ["She likes foxes."]) == 1
    [event] = index.users.profiles.history("ada").events
    assert retriever.forget("ada", [event.id]) == 1 and retriever.forget("ada") == 1
    assert "note" not in sources(retriever.with_(user="ada", k=9).retrieve("note of Ada"))
    other = RagEmbedRetriever(index.retriever, passage_tokens=9)
    for call in (
        lambda: other.remember("ada", ["x"]),
        lambda: other.forget("ada"),
        lambda: other.explain("fox"),
        lambda: other.retrieve("fox"),
    ):
        with pytest.raises(BadInput, match="needs an Index"):
            call()


def test_a_filter_is_a_boundary_that_a_copy_narrows(index, retriever) -> None:
    """A filter of a copy once took the place of the host's."""
    bound = retriever.with_(where=field("doc_id").is_in(["sea", "fox"]), k=9)
    for wider in (None, field("doc_id").is_in(["fox", "sea", "wolf"])):
        assert sorted(sources(bound.with_(where=wider).retrieve("red"))) == ["fox", "sea"]
    assert sources(bound.with_(where=field("doc_id").is_in(["fox", "wolf"])).retrieve("red")) == [
        "fox"
    ]
    assert bound.with_(where=field("doc_id") == "wolf").retrieve("red") == []
