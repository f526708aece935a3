"""What is handed out is the same document however it was found: equality, hash, serialisation."""

from __future__ import annotations

import copy
import pickle

import pytest
from langchain_classic.retrievers import (
    ContextualCompressionRetriever,
    EnsembleRetriever,
    MergerRetriever,
    MultiQueryRetriever,
)
from langchain_classic.retrievers.document_compressors import LLMChainFilter
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import FakeListLLM
from langchain_core.load import dumps, loads
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_rag_embed import (
    RagEmbedDocument,
    RagEmbedDocumentIndex,
    RagEmbedRetriever,
    RagEmbedVectorStore,
    to_documents,
)

from rag_embed import Index
from rag_embed.encoders import HashEncoder

QUESTIONS = ["red fox", "mice in the snow", "Who comes near the barn?"]


@pytest.fixture
def retriever(index):
    return RagEmbedRetriever(index=index, k=9)


@pytest.fixture
def twice(retriever):
    """One chunk, found by two questions."""
    found = [retriever.invoke(question) for question in QUESTIONS[:2]]
    return [next(one for one in some if one.id.startswith("fox#")) for some in found]


def test_a_chunk_is_one_document_whatever_was_asked(twice):
    one, other = twice
    assert one.score != other.score and one.explanation != other.explanation
    assert one == other and hash(one) == hash(other) and one.metadata == other.metadata
    assert other in [one] and {one, other} == {one}


def test_equality_with_a_plain_document_holds_both_ways_and_needs_all_of_it(twice):
    one = twice[0]
    plain = Document(one.page_content, id=one.id, metadata=one.metadata)
    assert one == plain and plain == one and plain in [one] and one in [plain]
    for change in ({"id": "x"}, {"page_content": "x"}, {"metadata": {}}):
        assert one != one.model_copy(update=change) and plain.model_copy(update=change) != one
    assert one != one.page_content and one != 3


@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
async def test_retrievers_over_several_questions_see_a_chunk_once(retriever, call):
    several = MultiQueryRetriever(
        retriever=retriever, llm_chain=RunnableLambda(lambda _: QUESTIONS), include_original=True
    )
    found = await several.ainvoke("fox") if call == "ainvoke" else several.invoke("fox")
    assert sorted(one.id for one in found) == sorted(one.id for one in retriever.invoke("fox"))


@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
async def test_retrievers_over_several_retrievers_see_a_chunk_once(retriever, call):
    def rewritten(text):
        return RunnableLambda(lambda _: text) | retriever

    async def found(outer):
        return await outer.ainvoke("fox") if call == "ainvoke" else outer.invoke("fox")

    ensemble = EnsembleRetriever(retrievers=[retriever, rewritten("mice")], weights=[0.5, 0.5])
    assert len(await found(ensemble)) == len({one.id for one in await found(ensemble)}) == 5
    merged = await found(MergerRetriever(retrievers=[retriever, retriever]))
    assert len(merged) == 10 and len(set(merged)) == 5


def test_a_compressor_may_look_for_what_it_was_given(retriever):
    """Some compressors give back plain copies, which are the same documents."""

    class Copies(BaseDocumentCompressor):
        def compress_documents(self, documents, query, callbacks=None):
            copies = [
                Document(**one.model_dump(include={"id", "page_content", "metadata"}))
                for one in documents[:2]
            ]
            assert all(one in documents for one in copies)
            return copies

    asked = ContextualCompressionRetriever(base_compressor=Copies(), base_retriever=retriever)
    assert asked.invoke("fox") == retriever.invoke("fox")[:2]
    chain = LLMChainFilter.from_llm(FakeListLLM(responses=["YES"] * 5))
    asked = ContextualCompressionRetriever(base_compressor=chain, base_retriever=retriever)
    assert [one.score for one in asked.invoke("fox")] == [
        one.score for one in retriever.invoke("fox")
    ]


def test_scores_go_with_a_document_through_runnables(retriever):
    chain = {"found": retriever, "question": RunnablePassthrough()} | RunnablePassthrough.assign(
        best=lambda so_far: so_far["found"][0].relevance
    )
    answer = chain.invoke("red fox")
    assert answer["best"] == answer["found"][0].relevance > 0


def test_a_copy_keeps_scores_and_reasons(twice):
    one = twice[0]
    for again in (
        copy.deepcopy(one),
        pickle.loads(pickle.dumps(one)),
        RagEmbedDocument(**one.model_dump()),
        RagEmbedDocument.model_validate_json(one.model_dump_json()),
    ):
        assert again == one and again.model_dump() == one.model_dump()


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_langchain_writes_the_scores_and_reads_a_plain_document(twice):
    one = twice[0]
    written = dumps(one)
    assert '"score": ' in written and '"explanation": ' in written
    again = loads(written, allowed_objects=[Document])
    assert type(again) is Document and again == one and one == again


def test_a_prompt_shows_neither_scores_nor_reasons(twice):
    one, other = twice
    assert str(one) == str(other) and str([one]) == str([other])
    for shown in (str(one), str([one])):
        assert one.page_content in shown and "score" not in shown and "dense" not in shown
    prompt = ChatPromptTemplate.from_template("{context}").invoke({"context": twice}).to_string()
    assert "explanation" not in prompt and "relevance" not in prompt and "route" not in prompt


def test_a_prompt_shows_what_a_file_says_once_and_the_metadata_keeps_all(tmp_path):
    (tmp_path / "trips").mkdir()
    written = "---\ntitle: Trains\nyear: 2024\n---\nTrains run every hour.\n"
    (tmp_path / "trips" / "trains.md").write_text(written)
    index = Index.in_memory(encoder=HashEncoder())
    index.add_files(tmp_path / "trips")
    [found] = RagEmbedRetriever(index=index, k=1).invoke("trains")
    for shown in (str(found), str([found])):
        assert "front_matter" not in shown and "indexed_from" not in shown
        assert "'year': 2024" in shown and shown.count("'Trains'") == 1
    assert found.metadata["front_matter"] == "title: Trains\nyear: 2024\n"
    assert found.metadata["indexed_from"] == "trips/trains.md"
    [again] = to_documents([found])
    assert again.metadata == found.metadata


@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("where", ["memory", "lancedb"])
def test_stores_and_retrievers_are_copied_and_pickled(again, where, tmp_path):
    path = None if where == "memory" else tmp_path / "kb"
    store = RagEmbedVectorStore(path, embedding=DeterministicFakeEmbedding(size=8))
    store.add_texts(["The red fox.", "The blue sea."], [{"n": 1}, {"n": 2}], ids=["a", "b"])
    assert again(store).similarity_search("fox") == store.similarity_search("fox")
    assert again(store).embeddings == store.embeddings
    for retriever in (
        RagEmbedRetriever(index=store.index, where={"n": {"$gte": 2}}, k=3),
        store.as_retriever(search_kwargs={"filter": {"n": 1}}),
        RagEmbedDocumentIndex(store=store),
    ):
        assert again(retriever).invoke("fox") == retriever.invoke("fox") != []
