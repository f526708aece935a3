"""What `Index` wires together: spaces, users, re-rankers, passages, the choice of a situation."""

from __future__ import annotations

import re
from importlib import import_module
from pydoc_data.topics import topics

import numpy as np
import pytest
from langchain_core.documents import Document as LangChainDocument
from langchain_core.embeddings import DeterministicFakeEmbedding
from llama_index.core import MockEmbedding
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.vector_stores import MetadataFilters

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.events import UserEvent
from rag_embed.indexing import personalisation
from rag_embed.personal.setting import Setting
from rag_embed.ranking.rerank import Reranked, stored_rows
from rag_embed.ranking.rerankers import FunctionReranker
from rag_embed.situated.described import described
from rag_embed.types import Progress

TEXTS = {
    "fox": "The red fox hunts mice in the meadow.",
    "sea": "The blue sea is deep and full of whales.",
    "tea": "Green tea is made with water of eighty degrees.",
}


def documents() -> list[Document]:
    return [Document(name, text, title=name.title()) for name, text in TEXTS.items()]


@pytest.fixture(params=["memory", "lance"])
def index(request, tmp_path) -> Index:
    if request.param == "memory":
        index = Index.in_memory(encoder=HashEncoder(64))
    else:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(64))
    index.add(documents())
    return index


class TestSpaces:
    def test_a_space_is_filled_and_becomes_an_expert(self, index) -> None:
        told: list[Progress] = []
        other = HashEncoder(16)
        assert index.experts.add_space("small", other, progress=told.append) == 3
        assert told == [Progress(3, 3)] and [one.name for one in index.experts.list()] == ["small"]
        assert {leg.name for leg in index.experts.hybrid().legs} == {"dense", "lexical", "small"}
        assert [part.leg for part in index.search("fox")[0].parts] == ["dense", "lexical"]
        index.add([Document("new", "A new text about foxes.")])
        view = index.store.view()
        [row] = view.vectors("small", ["new#0-23"])
        assert row.shape == (16,) and np.isclose(np.linalg.norm(row), 1.0)
        alone = {"small": 1.0}
        [found] = type(index.experts.hybrid())(
            index.store, index.experts.hybrid().legs, alone, index.experts.hybrid().calibration
        ).retrieve([Query("fox", k=1)])
        assert found[0].chunk.doc_id == "fox"
        index.experts.drop_space("small")
        assert index.experts.list() == () and index.add(documents()).unchanged == 3
        index.add([Document("last", "One more.")])
        assert index.experts.add_space("small", other) == 5

    def test_a_space_of_an_encoder_without_a_name(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(64))
        index.add(documents())
        index.experts.add_space("small", HashEncoder(16))
        again = Index.open(tmp_path / "kb", encoder=HashEncoder(64))
        with pytest.raises(SpaceMismatch, match="Space 'small'"):
            again.spaces.know("small", HashEncoder(32))
        again.spaces.know("small", HashEncoder(16))
        assert again.add([Document("new", "text")]).added == 1
        with pytest.raises(BadInput, match="no space 'nope'"):
            again.spaces.know("nope", HashEncoder(16))

    @pytest.mark.parametrize("name", ["dense", "lexical", "tokens", "", "Bad name"])
    def test_names_that_are_taken_or_impossible(self, index, name) -> None:
        with pytest.raises(BadInput):
            index.experts.add_space(name, HashEncoder(16))
        assert index.experts.list() == () and index.store.lacking() == []
        with pytest.raises(BadInput):
            index.experts.drop_space(name)


class TestUsers:
    def test_history_changes_nothing_until_it_is_chosen(self, index) -> None:
        before = index.search("whale", user="ann")
        assert (
            index.users.remember("ann", ["red fox", UserEvent.of("ann", "fox in the meadow")]) == 2
        )
        assert index.users.profile("ann").count == 2 and index.users.profile("ben").count == 0
        assert index.search("whale", user="ann") == before
        personalisation.keep(index.store, Setting(strength=3.0, centred=False, prior=0.0))
        index.users.setting = personalisation.setting_of(index.store)
        bent = index.search("whale", user="ann")
        assert bent != before and index.search("whale", user="ben") == before
        assert index.forget("ann") == 2
        assert index.search("whale", user="ann") == before

    def test_events_of_another_user_are_refused(self, index) -> None:
        with pytest.raises(BadInput, match="events of user 'ann'"):
            index.users.remember("ann", [UserEvent.of("ben", "tea")])
        assert index.users.profile("ann").count == 0

    def test_forgetting_takes_documents_events_and_contexts(self, tmp_path) -> None:
        cache = tmp_path / "contexts.db"
        situate = described(lambda document, _: f"about {document.id}", name="w", cache=cache)
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(64), situate=situate)
        secret = "zyxwvut"
        own = Document(f"{secret}/1", f"{secret} is mine", user=secret)
        index.add([*documents(), own, Document("ben/1", "mine too", user="ben")])
        index.users.remember(secret, [f"{secret} event"])
        index.users.remember("ben", ["an event"])
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(secret.encode() in path.read_bytes() for path in files)
        assert index.forget(secret) == 2
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
        assert (
            index.contents.document("ben/1", user="ben") and index.users.profile("ben").count == 1
        )
        assert len(index) == 4 and index.forget(secret) == 0
        assert index.forget("ben", events=["no such event"]) == 0 and len(index) == 4


class TestSearching:
    def test_reranked(self, index) -> None:
        longest = FunctionReranker(lambda query, texts: [float(len(text)) for text in texts])
        hits = Reranked(index.retriever, longest, rows=stored_rows(index.store)).retrieve(
            [Query("the sea of tea", k=3)]
        )[0]
        lengths = [len(hit.text) for hit in hits]
        assert lengths == sorted(lengths, reverse=True) and len(hits) == 3
        assert hits[0].parts[-1].leg == "rerank"

    def test_passages_join_neighbours(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(256), chunk_tokens=40)
        index.add([Document(name, topics[name], name) for name in sorted(topics)[:8]])
        hits = index.search("augmented assignment statement", k=8)
        found = index.contents.passages(index.search("augmented assignment statement", k=8), 200)
        assert {hit.id for one in found for hit in one.hits} == {hit.id for hit in hits}
        assert any(len(one.chunks) > 1 for one in found)
        for one in found:
            text = index.contents.document(one.doc_id).text[one.start : one.end]
            assert text.startswith(one.chunks[0].text) and text.endswith(one.chunks[-1].text)
            assert one.tokens <= 200 or len(one.chunks) == 1
            shown, best = one.as_hit, one.hits[0]
            assert (
                shown.text == one.text == text and shown.id == f"{one.doc_id}#{one.start}-{one.end}"
            )
            assert (shown.score, shown.relevance, shown.parts) == (
                best.score,
                best.relevance,
                best.parts,
            )
            assert shown.siblings == one.chunks
            for chunk in one.chunks:
                assert chunk.headings[: len(shown.chunk.headings)] == shown.chunk.headings
        with pytest.raises(BadInput, match="budget"):
            index.contents.passages(index.search("x"), 0)


class TestSituate:
    def test_auto_measures_on_a_sample(self, tmp_path) -> None:
        some = [Document(name, topics[name], name) for name in sorted(topics)[:12]]
        index = Index.create(
            tmp_path / "kb",
            encoder=HashEncoder(128),
            situate="auto",
            sample=some,
            chunk_tokens=60,
        )
        assert (
            "nDCG@10" in index.contents.stats()["situated"]
            or "No candidate" in index.contents.stats()["situated"]
        )
        index.add(some[:2])
        again = Index.open(tmp_path / "kb", encoder=HashEncoder(128))
        assert again.spaces.own.signature == index.spaces.own.signature
        assert again.add(some[:3]).added == 1

    def test_auto_needs_a_sample_and_nothing_else_does(self) -> None:
        for options in ({"situate": "auto"}, {"situate": "titled", "sample": documents()}):
            with pytest.raises(BadInput, match="sample"):
                Index.in_memory(encoder=HashEncoder(16), **options)
        with pytest.raises(BadInput, match="20 are the least"):
            Index.in_memory(encoder=HashEncoder(16), situate="auto", sample=documents())


class TestOneWhereManyAreExpected:
    def test_one_of_ours_is_a_list_of_one(self) -> None:
        index = Index.in_memory(encoder=HashEncoder(64))
        assert index.add(Document("a", "The fox is red.")).added == 1
        assert index.sync(Document("b", "The sea is blue."), scope="facts").added == 1
        assert index.users.remember("ann", UserEvent.of("ann", "foxes")) == 1
        assert index.contents.matching() == ["a", "b"] and index.users.profile("ann").count == 1

    @pytest.mark.parametrize(
        ("call", "complaint"),
        [
            (lambda index: index.add("The fox."), r"got str; write Document\(id, text\)"),
            (lambda index: index.add(["The fox."]), r"got str; write Document\(id, text\)"),
            (lambda index: index.add({"id": "a", "text": "fox"}), r"got dict; write Document"),
            (lambda index: index.add(7), "got int; write Document"),
            (lambda index: index.search_many("fox"), r"got one str; search\(\) takes one"),
            (
                lambda index: index.search_many(Query("fox")),
                r"got one rag_embed\.types\.Query",
            ),
            (lambda index: index.contents.documents("a"), r"documents\(\) takes a list of ids"),
            (lambda index: index.delete("a"), r"delete\(\) takes a list of ids"),
        ],
    )
    def test_anything_else_is_told(self, index, call, complaint) -> None:
        before = index.contents.matching()
        with pytest.raises(BadInput, match=complaint):
            call(index)
        assert index.contents.matching() == before


class TestWhatComesFromAFramework:
    @pytest.mark.parametrize(
        ("strange", "module", "adapter"),
        [
            (LangChainDocument("fox"), "langchain_core.documents.base", "langchain_rag_embed"),
            (
                LlamaDocument(text="fox"),
                "llama_index.core.schema",
                "llama_index.retrievers.rag_embed",
            ),
        ],
    )
    def test_a_document_is_told_by_its_module_with_what_converts_it(
        self, strange, module, adapter
    ) -> None:
        index = Index.in_memory(encoder=HashEncoder(64))
        expected = re.escape(f"got {module}.Document; convert it with {adapter}.to_documents.")
        for documents in (strange, [strange], iter([strange])):
            with pytest.raises(BadInput, match=expected):
                index.add(documents)
        converted = import_module(adapter).to_documents([strange])
        assert index.add(converted).added == 1

    def test_so_are_filters_and_embedding_models(self) -> None:
        filters = MetadataFilters(filters=[])
        with pytest.raises(
            BadInput, match=r"MetadataFilters; convert it with .*rag_embed\.to_filter"
        ):
            Query("fox", where=filters)
        embeddings = DeterministicFakeEmbedding(size=4)
        with pytest.raises(BadInput, match=r"wrap it in langchain_rag_embed\.EmbeddingsEncoder"):
            Index.in_memory(encoder=embeddings)
        with pytest.raises(BadInput, match=r"wrap it in .*rag_embed\.EmbeddingEncoder"):
            Index.in_memory(encoder=MockEmbedding(embed_dim=4))
        with pytest.raises(BadInput, match="int has no signature"):
            Index.in_memory(encoder=7)
