"""A part, a name or a user that is none is refused where it is given, with what was expected."""

from __future__ import annotations

import pytest

from rag_embed import Document, Index
from rag_embed.chunking import TokenSplitter
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection, evaluate, from_retriever
from rag_embed.personal.affinity import Affinity
from rag_embed.ranking import Excerpts, FunctionReranker
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.ranking.legs import LexicalLeg
from rag_embed.ranking.neighbours import Neighbours
from rag_embed.ranking.relevance import default
from rag_embed.ranking.rerank import Reranked, stored_rows

ENCODER = HashEncoder(16)
INDEX = Index.in_memory(encoder=ENCODER)
ONES = FunctionReranker(lambda query, texts: [1.0] * len(texts))


class Named:
    name = "x"


class Numbered(Named):
    name = 3
    ask = LexicalLeg().ask


def set_router(router: object) -> None:
    INDEX.experts.router = router  # type: ignore[assignment]


WRONG = {
    "Retriever; object has no retrieve": lambda: INDEX.experts.attach("x", object()),
    "Reranked is a class": lambda: INDEX.experts.attach("x", Reranked),
    "Index has no retrieve; give its .retriever": lambda: INDEX.experts.attach("x", INDEX),
    "needs a name that is free, got 3": lambda: INDEX.experts.attach(3, INDEX.retriever),
    "Leg; object has no ask and no name": lambda: INDEX.experts.attach_leg(object()),
    "Named has no ask": lambda: INDEX.experts.attach_leg(Named()),
    "needs a name that is free, got 3.": lambda: INDEX.experts.attach_leg(Numbered()),
    "SecondStage; ": lambda: INDEX.experts.attach_stage(Named()),
    "Router; 'auto' is a str": lambda: set_router("auto"),
    "Encoder; NoneType": lambda: INDEX.experts.add_space("x", None),
    "free, got 3; remove": lambda: INDEX.experts.add_space(3, ENCODER),
    "Reranked.reranker": lambda: Reranked(INDEX.retriever, None),
    "no rerank": lambda: Reranked(INDEX.retriever, lambda query, hits: None),
    "Reranked.retriever": lambda: Reranked(None, ONES),
    "give its .retriever": lambda: Reranked(INDEX, ONES),
    "Reranked.rows is a function, got int": lambda: Reranked(INDEX.retriever, ONES, rows=3),
    "Reranked.weight must": lambda: Reranked(INDEX.retriever, ONES, weight="1"),
    "FunctionReranker.score": lambda: FunctionReranker(None),
    "FunctionReranker.read": lambda: FunctionReranker(len, read=3),
    "Excerpts.reranker": lambda: Excerpts(None),
    "Neighbours.store": lambda: Neighbours(None),
    "Affinity.store": lambda: Affinity(None, None),
    "Affinity.histories": lambda: Affinity(INDEX.store, None),
    "store is": lambda: stored_rows(None),
    "Hybrid.legs": lambda: Hybrid(INDEX.store, (object(),), {}, default("", {"lexical": 1.0})),
    "TokenSplitter.encoder is a rag_embed.chunking.Tokens; 'words'": lambda: TokenSplitter("words"),
    "Splitter; 'sentence' is a str": lambda: Index.in_memory(encoder=ENCODER, splitter="sentence"),
    "TokenSplitter is a class": lambda: Index.in_memory(encoder=ENCODER, splitter=TokenSplitter),
    "HashEncoder is a class": lambda: Index.in_memory(encoder=HashEncoder),
    r"Analyzer\(language='english'\), got str": lambda: Index.in_memory(
        encoder=ENCODER, analyzer="english"
    ),
    "NoneType has no": lambda: Index.create(None, encoder=ENCODER),
    "int has no": lambda: Index.open(3),
    "or in a Store": lambda: Index.at(None),
    "store is a .*Store; 'kb' is a str": lambda: Index(
        "kb", INDEX.spaces.splitter, INDEX.spaces.own
    ),
    "retriever is": lambda: from_retriever(INDEX),
    "System 'a' is a function": lambda: evaluate(
        {"a": INDEX.retriever}, Collection.of({"q": ["d"]})
    ),
    "user id is a non-empty str, got None": lambda: INDEX.forget(None),
    "user id is a non-empty str, got 3": lambda: INDEX.forget(3),
    "user id is a non-empty str, got ''": lambda: INDEX.users.forget("", ["e"]),
    "a .*Retriever; NoneType": lambda: INDEX.users.around(None),
    "name of a folder is a text": lambda: INDEX.sync([Document("d", "text")], scope=3),
    "takes a list of queries, got NoneType": lambda: INDEX.search_many(None),
    r"documents\(\) takes a list of ids, got NoneType.*matching": (
        lambda: INDEX.contents.documents(None)
    ),
    r"delete\(\) takes a list of ids": lambda: INDEX.delete(None),
    r"delete\(\) takes ids, each a str, got int": lambda: INDEX.delete([3]),
    "takes ids, each a str, got list": lambda: INDEX.contents.document(["a"]),
    r"calibrate\(\) takes a Calibration, got float; fit one": lambda: INDEX.experts.calibrate(0.5),
    r"explain\(\) takes a list of rag_embed.Hit, .* got str": lambda: INDEX.explain(
        "x", hits=["x"]
    ),
    r"explain\(\) takes a list of rag_embed.Hit, .* got int": lambda: INDEX.explain("x", hits=3),
    r"passages\(\) takes a list of .*Hit, .* got None": lambda: INDEX.contents.passages(None, 50),
    r"retrieve\(\) takes a list of .*Query, got None": lambda: INDEX.retriever.retrieve([None]),
    r"apply\(\) takes what tune\(\) gave, got NoneType": lambda: INDEX.apply(None),
    r"tune\(\) decides one of .*, got \['x'\]": lambda: INDEX.tune(["x"], None),
    "Labels are a dict of queries .* got NoneType": lambda: Collection.of(None),
    "Labels map a query, a str, to a list of document ids, got str with None": (
        lambda: Collection.of({"q": None})
    ),
    "a str, to a list of document ids, got int with list": lambda: Collection.of({3: ["d"]}),
    "progress is a function, got str": lambda: INDEX.add([], progress="bar"),
    "path of a file or folder, got NoneType": lambda: INDEX.add_files(None),
    "path of a file or folder, got int": lambda: INDEX.experts.add(3),
    r"There is no space \['x'\]": lambda: INDEX.experts.drop_space(["x"]),
    "str, got \\['ann'\\]": lambda: INDEX.experts.weights_of(["ann"]),
    "seconds above 0 or None, got 'day'": lambda: INDEX.users.fade("day"),
    "list of event ids, got int": lambda: INDEX.forget("ann", 3),
    "list of events, got NoneType": lambda: INDEX.users.remember("ann", None),
    "a hit or its chunk, got str": lambda: INDEX.contents.neighbours("d#0-4"),
    "a hit or its chunk, got NoneType": lambda: INDEX.contents.section(None),
    "hit or its chunk, got str": lambda: INDEX.contents.citation("d#0-4"),
}


@pytest.mark.parametrize("told", WRONG)
def test_it_is_refused_where_it_is_given(told) -> None:
    with pytest.raises(BadInput, match=told):
        WRONG[told]()
    assert INDEX.experts.list() == () and INDEX.experts.router is None


def test_an_index_is_made_by_its_class_methods() -> None:
    for make in (
        lambda: Index(),
        lambda: Index("kb"),
        lambda: Index("kb", encoder=ENCODER),
    ):
        with pytest.raises(TypeError, match=r"opened by Index\.open\(path\)"):
            make()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: INDEX.add([], worker=2), r"Index.add\(\) .* did you mean 'workers'\?"),
        (lambda: INDEX.sync([], scop="x"), r"Index.sync\(\) .* did you mean 'scope'\?"),
        (lambda: INDEX.delete([], owner="ann"), r"Index.delete\(\) .* did you mean 'user'\?"),
        (lambda: INDEX.tune("weights", None, metrics="x"), "did you mean 'metric'"),
        (lambda: INDEX.contents.matching(filter=None), "did you mean 'where'"),
        (lambda: INDEX.experts.weigh(users="ann"), "did you mean 'user'"),
        (lambda: INDEX.users.profile("ann", instructions="x"), "did you mean 'instruction'"),
        (
            lambda: INDEX.add([], print),
            r"takes progress, workers by name: Index.add\(\.\.\., progress=",
        ),
    ],
)
def test_a_keyword_that_is_misspelt_is_told_with_what_was_meant(call, told) -> None:
    with pytest.raises(TypeError, match=told):
        call()


def test_what_an_index_keeps_is_no_option_of_open(tmp_path) -> None:
    Index.create(tmp_path / "kb", encoder=ENCODER)
    with pytest.raises(
        BadInput, match=r"open\(\) takes no tokens, which an index keeps.*Index\.at"
    ):
        Index.open(tmp_path / "kb", tokens=False)
    with pytest.raises(
        BadInput, match=r"open\(\) has no option 'encodr'; did you mean 'encoder'\?"
    ):
        Index.open(tmp_path / "kb", encodr=ENCODER)
    assert len(Index.open(tmp_path / "kb", encoder=ENCODER)) == 0


def test_a_splitter_of_an_opened_index_splits(tmp_path) -> None:
    class Whole:
        def split(self, document):
            return TokenSplitter(ENCODER, None).split(document)

    Index.create(tmp_path / "kb", encoder=ENCODER, splitter=Whole())
    with pytest.raises(BadInput, match="Splitter; 'sentence' is a str"):
        Index.open(tmp_path / "kb", encoder=ENCODER, splitter="sentence")
    index = Index.open(tmp_path / "kb", encoder=ENCODER, splitter=Whole())
    assert index.add(Document("d", "One fox. Two seas.")).chunks == 1
