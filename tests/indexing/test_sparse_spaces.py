"""A sparse space of an index: filled, kept up with documents, searched, explained, opened again."""

from __future__ import annotations

import numpy as np
import pytest
from three_texts import documents
from word_weights import WordWeights

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, ModelUnavailable, SpaceMismatch
from rag_embed.evaluation import Collection
from rag_embed.indexing.settings import read
from rag_embed.routing.router import PilotRouter
from rag_embed.situated import described
from rag_embed.tuning.pilots import learned
from rag_embed.types import Progress, SparseVector

ALONE = {"words": 1.0}


@pytest.fixture
def index(three) -> Index:
    three.experts.add_space("words", WordWeights())
    return three


def ids(hits) -> list[str]:
    return [hit.chunk.doc_id for hit in hits]


def test_it_is_filled_and_becomes_an_expert(three) -> None:
    told: list[Progress] = []
    assert three.experts.add_space("words", WordWeights(), progress=told.append) == 3
    assert told == [Progress(3, 3)]
    [expert] = three.experts.list()
    assert (expert.name, expert.kind, expert.model) == ("words", "sparse", "words")
    assert {leg.name for leg in three.experts.hybrid().legs} == {"dense", "lexical", "words"}
    assert [part.leg for part in three.search("fox")[0].parts] == ["dense", "lexical"]
    three.experts.weigh({"dense": 0.5, "words": 0.5})
    parts = three.search("fox")[0].parts
    assert [part.leg for part in parts] == ["dense", "words"] and parts[1].raw > 0


def test_documents_that_come_and_go_are_found_and_lost(index) -> None:
    index.experts.weigh(ALONE)
    index.add(Document("new", "Two vixens and a vixen dug the den."))
    assert ids(index.search("vixen")) == ["new"]
    assert "new" in ids(index.search("fox"))  # by a word that it does not say
    index.add(Document("new", "Nothing of the kind."))
    assert index.search("vixen") == []
    index.add(Document("own", "A vixen of mine.", user="ann"))
    assert index.search("vixen") == [] and ids(index.search("vixen", user="ann")) == ["own"]
    index.forget("ann")
    assert index.search("vixen", user="ann") == []
    index.delete(["new"])
    assert index.search("nothing kind") == []


def test_what_did_not_change_is_not_computed_again() -> None:
    index, encoder = Index.in_memory(encoder=HashEncoder(16), chunk_tokens=6), WordWeights()
    index.experts.add_space("words", encoder)
    text = "\n\n".join(f"Part {n} tells of number {n}." for n in range(8))
    index.add(Document("d", text, title="Parts"))
    first = list(encoder.read)
    assert all(one.startswith("Parts\n") for one in first) and len(first) > 4
    encoder.read.clear()
    index.add(Document("d", text + "\n\nOne part more is here.", title="Parts"))
    assert 1 <= len(encoder.read) < 4
    index.experts.weigh(ALONE)
    assert "3" in index.search("3")[0].text and "more" in index.search("more")[0].text


def test_it_reads_what_lexical_search_reads() -> None:
    way = described(lambda document, chunk: f"Of the {document.id}.", name="by hand")
    index, encoder = Index.in_memory(encoder=HashEncoder(16), situate=way), WordWeights()
    index.add(Document("zoo", "Cages."))
    index.experts.add_space("words", encoder)
    index.add(Document("pub", "Beer."))
    assert all("Of the" in text for text in encoder.read) and len(encoder.read) == 2


def test_matches_are_explained_by_terms(index) -> None:
    index.add(Document("new", "The vixen, the vixen!"))
    assert all(one.terms == () for one in index.explain("vixen fox"))  # the leg was not asked
    index.experts.weigh({"lexical": 0.2, "words": 0.8})
    one = next(one for one in index.explain("the vixen fox") if one.hit.chunk.doc_id == "new")
    assert [str(term) for term in one.terms] == ["vixen (1.4)", "the (1.4)", "fox (0.5)"]
    assert one.explained["terms"][0]["term"] == "vixen"
    raw = next(part.raw for part in one.hit.parts if part.leg == "words")
    assert sum(term.score for term in one.terms) == pytest.approx(raw, rel=1e-3)


def test_a_space_of_a_program_is_passed_after_opening(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(16))
    index.add(documents())
    index.experts.add_space("words", WordWeights())
    found = index.search("fox")
    again = Index.open(tmp_path / "kb")
    assert again.search("fox") == found
    with pytest.raises(ModelUnavailable, match="spaces.know"):
        again.add(Document("more", "More."))
    with pytest.raises(SpaceMismatch, match="Space 'words'"):
        again.spaces.know("words", WordWeights("2"))
    with pytest.raises(BadInput, match="HashEncoder is no SparseEncoder"):
        again.spaces.know("words", HashEncoder(16))
    again.spaces.know("words", WordWeights())
    again.add(Document("more", "More vixens and a vixen."))
    again.experts.weigh(ALONE)
    assert ids(again.search("vixen")) == ["more"]
    with pytest.raises(ModelUnavailable, match="not at hand"):
        Index.open(tmp_path / "kb").search("fox")


def test_it_is_dropped_with_all_that_it_kept(index) -> None:
    index.experts.weigh(ALONE)
    with pytest.raises(BadInput, match="count"):
        index.experts.drop_space("words")
    index.experts.weigh(None)
    index.experts.drop_space("words")
    assert index.experts.list() == () and read(index.store).sparse == {}
    index.add(Document("last", "One more."))
    assert index.experts.add_space("words", WordWeights()) == 4
    with pytest.raises(BadInput, match="free"):
        index.experts.add_space("words", WordWeights())
    with pytest.raises(BadInput, match="no space 'nope'"):
        index.experts.drop_space("nope")


def test_filling_goes_on_where_it_was_stopped(three, monkeypatch) -> None:
    encoder = WordWeights()
    settle = three.store.adopt

    def killed(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(three.store, "adopt", killed)
    with pytest.raises(KeyboardInterrupt):
        three.experts.add_space("words", encoder)
    assert three.experts.list() == () and three.search("fox")
    three.store.delete(["fox"])
    encoder.read.clear()
    monkeypatch.setattr(three.store, "adopt", settle)
    three.experts.add_space("words", encoder)
    assert encoder.read == []  # all that is left was filled before
    three.experts.weigh(ALONE)
    assert "fox" not in ids(three.search("the"))


def test_a_space_that_was_no_expert_yet_becomes_one(three, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(three.spaces, "expert", lambda name: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            three.experts.add_space("words", WordWeights())
    encoder = WordWeights()
    assert three.experts.add_space("words", encoder) == 0 and encoder.read == []
    three.experts.weigh(ALONE)
    assert ids(three.search("whales")) == ["sea"]
    with pytest.raises(BadInput, match="no sparse space 'nope'"):
        three.spaces.sparse.get("nope")


def test_a_router_sends_queries_to_it(index) -> None:
    texts = {"a": "vixens at night", "b": "whales of the deep", "c": "water of eighty degrees"}
    right = {"a": {"fox": 1}, "b": {"sea": 1}, "c": {"tea": 1}}
    labels = Collection("three", tuple(documents()), texts, right)
    pilots = learned(index.experts.hybrid(), index.spaces.own.signature, labels)
    index.experts.router = PilotRouter(pilots)
    [hit] = index.search("whales", k=1)
    assert set(hit.route.weights) == {"dense", "lexical", "words"}
    assert {part.leg for part in hit.parts} == {"dense", "lexical", "words"}


def test_a_query_without_text_weighs_nothing(index) -> None:
    index.experts.weigh({"dense": 0.5, "words": 0.5})
    [row] = index.spaces.own.encode_query(["fox"])
    found = index.search(Query("", vectors={"dense": row}))
    assert ids(found)[:1] == ["fox"] and all(part.raw == 0 for part in found[0].parts[1:])


def test_it_compares_no_vectors(index) -> None:
    index.experts.weigh({"words": 1.0})
    hybrid = index.experts.hybrid()
    assert hybrid.base is None
    with pytest.raises(BadInput, match="names \\['words'\\]"):
        index.search(Query("fox", vectors={"words": np.ones(3, np.float32)}))
    with pytest.raises(BadInput, match="Leave diversity out"):
        hybrid.alone("words").retrieve([Query("fox", diversity=0.5)])


@pytest.mark.parametrize(
    ("terms", "weights"),
    [
        ([1], [np.nan]),
        ([1], [np.inf]),
        ([1], [-1]),
        ([1, 1], [1, 1]),
        ([2, 1], [1, 1]),
        ([-1], [1]),
    ],
)
def test_a_query_that_weighs_nonsense_is_refused(index, monkeypatch, terms, weights) -> None:
    row = SparseVector(np.array(terms, np.int32), np.array(weights, np.float32))
    monkeypatch.setattr(WordWeights, "encode_query", lambda self, texts: [row] * len(texts))
    index.experts.weigh({"words": 1.0})
    with pytest.raises(BadInput, match="leg 'words' must give one vector for each of 1 queries"):
        index.search("fox")
    monkeypatch.setattr(WordWeights, "encode_query", lambda self, texts: [])
    with pytest.raises(BadInput, match="leg 'words' must give one vector for each of 1 queries"):
        index.search("fox")


def test_what_makes_no_sense_is_refused(three) -> None:
    with pytest.raises(BadInput, match="leave situate out"):
        three.experts.add_space("words", WordWeights(), situate="titled")
    with pytest.raises(BadInput, match="stands beside a dense one"):
        Index.in_memory(encoder=WordWeights())


def test_every_search_is_a_prefix_of_a_longer_one(index) -> None:
    index.add(Document(f"d{n}", f"Number {n} of the foxes, {'fox ' * (n % 5)}") for n in range(30))
    index.experts.weigh({"dense": 0.3, "lexical": 0.3, "words": 0.4})
    most = index.search("the fox number 7", k=33)
    for k in (1, 5, 10):
        assert index.search("the fox number 7", k=k) == most[:k]
