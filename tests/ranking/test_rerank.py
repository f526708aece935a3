"""Re-ranking: what it may change, and what must stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Document, Index, Query, encoders, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.indexing.personalisation import bend_of
from rag_embed.personal.bend import Personal
from rag_embed.personal.setting import Setting
from rag_embed.ranking.grouping import SIBLINGS
from rag_embed.ranking.rerank import (
    DEPTH,
    RERANK,
    Reranked,
    stored_rows,
)
from rag_embed.ranking.rerankers import FunctionReranker, scores_of_order
from rag_embed.types import Chunk, Hit, Part

WORDS = ["fox", "sea", "wolf", "red", "blue", "grey", "snow", "fish", "barn", "salt", "moon"]


def documents(n: int = 90) -> list[Document]:
    rng = np.random.default_rng(0)
    return [
        Document(
            f"d{i:03}",
            " ".join(rng.choice(WORDS, 6)) + f" number {i}.",
            metadata={"n": i},
            user=("ada", None, None)[i % 3],
        )
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def index():
    index = Index.in_memory(encoder=HashEncoder(), fields={"n": int})
    index.add(documents())
    return index


class Recording:
    """Scores by the number in the text, highest first, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def rerank(self, query, hits, /):
        self.asked.append([hit.id for hit in hits])
        return np.array([hit.chunk.metadata["n"] for hit in hits], dtype=np.float32)


@pytest.fixture
def recording():
    return Recording()


def reranked(index, recording, **options) -> Reranked:
    return Reranked(index.retriever, recording, **options)


def ask(retriever, text="red fox", **options) -> list[Hit]:
    return retriever.retrieve([Query(text, **options)])[0]


def test_the_best_of_the_retriever_are_put_in_the_rerankers_order(index, recording) -> None:
    hits = ask(reranked(index, recording), k=60)
    before = [hit.id for hit in index.search("red fox", k=60)]
    assert len(hits) == 60 and recording.asked == [before[:DEPTH]]
    numbers = [hit.chunk.metadata["n"] for hit in hits[:DEPTH]]
    assert numbers == sorted(numbers, reverse=True)
    assert [hit.id for hit in hits[DEPTH:]] == before[DEPTH:]


@pytest.mark.parametrize("weight", [None, 0.3])
def test_fewer_hits_are_a_prefix_of_more_and_depth_does_not_depend_on_k(
    index, recording, weight
) -> None:
    retriever = reranked(index, recording, weight=weight, rows=stored_rows(index.store))
    for options in ({}, {"group_by": "document"}, {"diversity": 0.6}):
        full = ask(retriever, k=70, user="ada", **options)
        for k in (0, 1, 7, 39, 40, 41, 69):
            assert ask(retriever, k=k, user="ada", **options) == full[:k]
    assert {len(asked) for asked in recording.asked} == {DEPTH}


def test_parts_add_up_and_tell_what_the_reranker_said(index, recording) -> None:
    for weight in (None, 0.4):
        hits = ask(reranked(index, recording, weight=weight, depth=10), k=20)
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        for i, hit in enumerate(hits):
            assert sum(part.contribution for part in hit.parts) == pytest.approx(hit.score)
            own = [part for part in hit.parts if part.leg == RERANK]
            assert len(own) == (1 if i < 10 else 0)
            assert {part.leg for part in hit.parts} >= {"dense", "lexical"}
            if own:
                assert own[0].raw == hit.chunk.metadata["n"]
                assert 0.0 <= own[0].normalised <= 1.0 and own[0].weight == (weight or 1.0)
        best, worst = (max, min)
        normalised = [hit.parts[-1].normalised for hit in hits[:10]]
        assert best(normalised) == 1.0 and worst(normalised) == 0.0


def test_with_a_weight_the_score_is_the_retrievers_plus_its_share(index, recording) -> None:
    before = {hit.id: hit for hit in index.search("red fox", k=40)}
    for hit in ask(reranked(index, recording, weight=0.25), k=40):
        share = 0.25 * hit.parts[-1].normalised
        assert hit.score == pytest.approx(before[hit.id].score + share)
        assert hit.parts[:-1] == before[hit.id].parts
        assert hit.relevance == before[hit.id].relevance


def test_a_tiny_weight_changes_nothing_and_a_huge_one_everything(index, recording) -> None:
    before = [hit.id for hit in index.search("red fox", k=40)]
    tiny = ask(reranked(index, recording, weight=1e-9), k=40)
    assert [hit.id for hit in tiny] == before
    alone = [hit.id for hit in ask(reranked(index, recording), k=40)]
    assert [hit.id for hit in ask(reranked(index, recording, weight=1e6), k=40)] == alone


def test_equal_scores_keep_the_retrievers_order(index) -> None:
    flat = FunctionReranker(lambda query, texts: [3.0] * len(texts))
    before = [hit.id for hit in index.search("red fox", k=50)]
    for weight in (None, 1.0):
        hits = ask(Reranked(index.retriever, flat, weight=weight), k=50)
        assert [hit.id for hit in hits] == before


def test_filters_owners_and_relevance_keep_chunks_from_the_reranker(index, recording) -> None:
    retriever = reranked(index, recording)
    hits = ask(retriever, k=90, where=field("n") < 30)
    assert {hit.chunk.metadata["n"] for hit in hits} == {i for i in range(30) if i % 3}
    assert {hit.chunk.user for hit in ask(retriever, k=90)} == {None}
    assert {hit.chunk.user for hit in ask(retriever, k=90, user="ada")} == {None, "ada"}
    floor = index.search("red fox", k=10)[-1].relevance
    kept = ask(retriever, k=90, min_relevance=floor)
    assert kept and all(hit.relevance >= floor for hit in kept)
    assert sorted(hit.id for hit in kept) == sorted(
        hit.id for hit in index.search("red fox", k=90, min_relevance=floor)
    )
    assert set(recording.asked[-1]) == {hit.id for hit in kept}


@pytest.fixture(scope="module")
def cut():
    """Documents of eight chunks each."""
    index = Index.in_memory(encoder=HashEncoder(), chunk_tokens=8)
    rng = np.random.default_rng(1)
    index.add(
        Document(f"d{i}", "\n\n".join(" ".join(rng.choice(WORDS, 7)) + "." for _ in range(8)))
        for i in range(20)
    )
    return index


def test_documents_stand_at_their_best_chunk_with_their_siblings(cut) -> None:
    salt = FunctionReranker(lambda query, texts: [text.count("salt") for text in texts])
    retriever = Reranked(cut.retriever, salt, depth=50)
    chunks = ask(retriever, "salt and moon", k=50)
    hits = ask(retriever, "salt and moon", k=4, group_by="document")
    best: dict[str, list[str]] = {}
    for chunk in chunks:
        best.setdefault(chunk.chunk.doc_id, []).append(chunk.id)
    assert [hit.chunk.doc_id for hit in hits] == list(best)[:4]
    for hit in hits:
        mine = [hit.id, *(sibling.id for sibling in hit.siblings)]
        assert mine == best[hit.chunk.doc_id][: 1 + SIBLINGS]


def test_more_chunks_are_asked_for_until_there_are_enough_documents(cut) -> None:
    flat = FunctionReranker(lambda query, texts: [0.0] * len(texts))
    retriever = Reranked(cut.retriever, flat, depth=2)
    assert len(ask(retriever, "salt", k=20, group_by="document")) == 20
    assert len(ask(retriever, "salt", k=50, group_by="document")) == 20


def test_diversity_is_mmr_on_the_new_scores(index) -> None:
    twins = Index.in_memory(encoder=HashEncoder())
    twins.add([Document(f"t{i}", "the red fox in the snow") for i in range(5)])
    twins.add([Document("other", "a red boat on the sea")])
    first = FunctionReranker(lambda query, texts: ["boat" not in text for text in texts])
    retriever = Reranked(twins.retriever, first, rows=stored_rows(twins.store))
    plain = [hit.chunk.doc_id for hit in ask(retriever, k=6)]
    assert plain[-1] == "other"
    diverse = [hit.chunk.doc_id for hit in ask(retriever, k=6, diversity=0.9)]
    assert diverse[1] == "other" and diverse[0] == plain[0]
    with pytest.raises(BadInput, match="stored_rows"):
        ask(Reranked(twins.retriever, first), diversity=0.5)


def test_a_query_without_text_keeps_its_order(index, recording) -> None:
    row = index.spaces.own.encode_query(["blue tide"])[0]
    query = Query("", k=50, vectors={"dense": row})
    [hits] = reranked(index, recording).retrieve([query])
    assert hits == index.retriever.retrieve([query])[0] and hits and not recording.asked


def test_a_batch_answers_like_single_queries(index, recording) -> None:
    retriever = reranked(index, recording, weight=0.5)
    queries = [Query("red fox"), Query("blue sea", k=3), Query("", k=4), Query("moon", k=0)]
    together = retriever.retrieve(queries)
    assert together == [retriever.retrieve([query])[0] for query in queries]
    assert [len(hits) for hits in together] == [10, 3, 0, 0]
    assert retriever.retrieve([]) == []


def test_rerankers_nest(index, recording) -> None:
    short = FunctionReranker(lambda query, texts: [-len(text) for text in texts])
    inner = Reranked(index.retriever, short, depth=30, weight=0.2, name="short")
    outer = Reranked(inner, recording, depth=5, weight=0.1)
    hits = ask(outer, k=12)
    before = ask(inner, k=12)
    assert {hit.id for hit in hits[:5]} == {hit.id for hit in before[:5]}
    assert hits[5:] == before[5:] and recording.asked == [[hit.id for hit in before[:5]]]
    assert [part.leg for part in hits[0].parts] == ["dense", "lexical", "short", RERANK]
    assert sum(part.contribution for part in hits[0].parts) == pytest.approx(hits[0].score)


def test_an_empty_index_has_no_hits(recording) -> None:
    empty = Index.in_memory(encoder=HashEncoder())
    assert ask(Reranked(empty.retriever, recording)) == [] and not recording.asked


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (lambda texts: [1.0], "one finite score per hit"),
        (lambda texts: [float("nan")] * len(texts), "NaN or infinity"),
        (lambda texts: [[1.0, 2.0]] * len(texts), "one finite score per hit"),
        (lambda texts: ["good"] * len(texts), "one number per text"),
        (lambda texts: [[1.0], [1.0, 2.0]], "one number per text"),
        (lambda texts: None, "one finite score per hit"),
    ],
)
def test_wrong_scores_are_refused(index, scores, message) -> None:
    wrong = FunctionReranker(lambda query, texts: scores(texts))
    with pytest.raises(BadInput, match=message):
        ask(Reranked(index.retriever, wrong))


@pytest.mark.parametrize("options", [{"depth": 0}, {"depth": 2.5}, {"weight": 0.0}, {"weight": -1}])
def test_wrong_options_are_refused(index, recording, options) -> None:
    with pytest.raises(BadInput, match="Reranked"):
        reranked(index, recording, **options)


def test_what_is_read_is_the_titled_text_or_what_you_say(index) -> None:
    seen: list[str] = []

    def score(query: str, texts: list[str]) -> list[float]:
        seen.extend([query, *texts])
        return [0.0] * len(texts)

    hit = Hit(Chunk.of(Document("d", "It is red.", title="Foxes"), 0, 10), 0.5, 0.5)
    FunctionReranker(score).rerank(Query("why"), [hit])
    FunctionReranker(score, read=lambda hit: hit.text).rerank(Query("why"), [hit])
    assert seen == ["why", "Foxes\nIt is red.", "why", "It is red."]


def test_a_real_model_as_reranker_on_the_index_on_disk(tmp_path) -> None:
    """The default model's cosine, asked of chunk and query alone, orders what words found."""
    model = encoders.load()
    index = Index.create(tmp_path / "kb", encoder=HashEncoder())
    texts = {
        "car": "The driver parked the vehicle in the garage.",
        "cake": "Mix flour and eggs and bake it in the oven.",
        "law": "The court ruled in favour of the tenant.",
    }
    index.add(Document(id, text) for id, text in texts.items())

    def cosine(query: str, some: list[str]) -> list[float]:
        return list(model.encode_document(some) @ model.encode_query([query])[0])

    retriever = Reranked(index.retriever, FunctionReranker(cosine))
    for text, expected in (("where is the automobile", "car"), ("the judge's decision", "law")):
        assert ask(retriever, text)[0].chunk.doc_id == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.none() | st.floats(-5, 5)),
        max_size=9,
        unique_by=lambda o: o[0],
    )
)
def test_scores_of_order_give_that_order_back(some) -> None:
    ids = [str(i) for i in range(9)]
    ranked = [(str(i), score) for i, score in some]
    scores = scores_of_order(ids, ranked)
    assert scores.shape == (9,) and np.isfinite(scores).all()
    order = [ids[i] for i in np.argsort(-scores, kind="stable")]
    assert order[: len(ranked)] == [id for id, _ in ranked]
    dropped = [scores[ids.index(id)] for id in order[len(ranked) :]]
    assert len(set(dropped)) <= 1 and (not dropped or not ranked or max(dropped) < scores.max())


def test_unknown_ids_in_an_answer_are_refused() -> None:
    with pytest.raises(BadInput, match="'x'"):
        scores_of_order(["a"], [("x", 1.0)])


def test_hits_of_any_retriever_can_be_reranked(recording) -> None:
    """Nothing but the protocol is asked of the retriever."""
    hits = [
        Hit(replace(Chunk.of(Document(f"d{i}", "text"), 0, 4), metadata={"n": i}), 1.0 - i, 0.5)
        for i in range(3)
    ]

    class Fixed:
        def retrieve(self, queries, /):
            return [hits[: query.k] for query in queries]

    found = Reranked(Fixed(), recording).retrieve([Query("x", k=2)])[0]
    assert [hit.chunk.doc_id for hit in found] == ["d2", "d1"]
    assert found[0].parts == (Part(RERANK, 2.0, 1.0, 1.0),)


def test_a_text_is_no_list_of_queries():
    """It was read letter by letter, and an AttributeError of str came back."""
    index = Index.in_memory(encoder=HashEncoder())
    index.add([Document("a", "A fox.")])
    bend = bend_of(index.store, index.spaces.own, index.users.profiles, Setting(0.1))
    first = FunctionReranker(lambda query, texts: [0.0] * len(texts))
    for one in (index.retriever, Reranked(index.retriever, first), Personal(index.retriever, bend)):
        for wrong in ("fox", ["fox"], Query("fox"), {"q": Query("fox")}):
            with pytest.raises(BadInput, match="a list of rag_embed.Query, got .*index.search"):
                one.retrieve(wrong)
        assert len(one.retrieve((Query("fox"),))) == 1
