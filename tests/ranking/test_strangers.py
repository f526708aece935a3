"""Legs and second stages that know nothing of this package work wherever ours do."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed import Document, Index, Query, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection
from rag_embed.maths.vectors import unit
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.routing.router import PilotRouter
from rag_embed.situated.tokens import WithTokens
from rag_embed.tuning.pilots import learned
from rag_embed.types import Route


class Recent:
    """A leg: new documents first, whatever is asked."""

    name = "recent"

    def ask(self, view, queries):
        return RecentAnswers(view)


class RecentAnswers:
    def __init__(self, view) -> None:
        self.view = view

    def _years(self, ids):
        years = {c.id: c.metadata["year"] for c in self.view.chunks(ids)}
        return np.array([years[id] for id in ids], np.float32)

    def top(self, where, n):
        found = []
        for one in where:
            ids = self.view.passing(one)
            years = self._years(ids)
            order = sorted(range(len(ids)), key=lambda i: (-years[i], ids[i]))[:n]
            found.append(([ids[i] for i in order], years[order]))
        return found

    def score(self, ids):
        return [self._years(some) for some in ids]

    def normalise(self, query, raw):
        return (raw - 2000) / 20


class Letters:
    """A leg that compares vectors of its own making, and so can be read by a router."""

    name, space = "letters", "dense"

    def ask(self, view, queries):
        return LettersAnswers(view, unit(np.stack([self.row(query.text) for query in queries])))

    @staticmethod
    def row(text):
        row = np.zeros(32, np.float32)
        for letter in text.lower():
            row[ord(letter) % 32] += 1.0
        return row


class LettersAnswers:
    def __init__(self, view, rows) -> None:
        self.view, self.rows = view, rows

    def top(self, where, n):
        return [
            self.view.nearest("dense", row[None], n, one)[0]
            for row, one in zip(self.rows, where, strict=True)
        ]

    def score(self, ids):
        return [
            self.view.vectors("dense", some) @ row for some, row in zip(ids, self.rows, strict=True)
        ]

    def normalise(self, query, raw):
        return raw


class Shout:
    """A second stage: exclamation marks, of which a query with a question mark wants to hear nothing."""

    name = "shout"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.looked: list[int] = []

    def ask(self, view, queries, answers):
        self.asked += [query.text for query in queries]
        assert all(hasattr(one, "normalise") for one in answers.values())
        return ShoutEvidence(view, queries, self.looked)


class ShoutEvidence:
    def __init__(self, view, queries, looked) -> None:
        self.view, self.queries, self.looked = view, queries, looked

    def score(self, query, ids):
        if "?" in self.queries[query].text:
            return None
        self.looked.append(len(ids))
        return np.array([c.text.count("!") for c in self.view.chunks(ids)], np.float32)

    def normalise(self, query, raw):
        return raw / 3


def documents() -> list[Document]:
    words = ["fox", "whale", "tea", "wine", "river", "stone"]
    return [
        Document(
            f"d{i:03}",
            f"The {words[i % 6]} and the {words[i % 5]} number {i}{'!' * (i % 4)}",
            metadata={"year": 2000 + i % 21},
            user="ann" if i % 7 == 0 else None,
        )
        for i in range(160)
    ]


@pytest.fixture(params=["memory", "lance"])
def index(request, tmp_path) -> Index:
    options = {"encoder": HashEncoder(32), "fields": {"year": int}}
    if request.param == "memory":
        index = Index.in_memory(**options)
    else:
        index = Index.create(tmp_path / "kb", **options)
    index.add(documents())
    return index


def parts(hit) -> dict[str, float]:
    return {part.leg: part.contribution for part in hit.parts}


def ids(hits) -> list[str]:
    return [hit.id for hit in hits]


def test_a_leg_and_a_second_stage_join_an_index(index) -> None:
    stage = Shout()
    index.experts.attach_leg(Recent())
    index.experts.attach_stage(stage)
    assert [(one.name, one.kind) for one in index.experts.list()] == [
        ("recent", "attached"),
        ("shout", "attached"),
    ]
    assert ids(index.search("fox")) == ids(index.search("fox")) and stage.asked == []
    index.experts.weigh({"dense": 0.5, "lexical": 0.5, "recent": 0.4, "shout": 2.0})
    full = index.search("fox river", k=150, where=field("year") >= 2003)
    assert len(full) > 100 and stage.asked == ["fox river"] and stage.looked == [40]
    for place, hit in enumerate(full):
        assert sum(parts(hit).values()) == pytest.approx(hit.score, abs=1e-6)
        assert ("shout" in parts(hit)) == (place < 40)
        assert hit.chunk.metadata["year"] >= 2003 and hit.chunk.user is None
    assert full[0].text.endswith("!!!")
    for k in (1, 39, 41, 100, 101):
        assert index.search("fox river", k=k, where=field("year") >= 2003) == full[:k]
    asked = [Query("fox", k=5), Query("fox?", k=5), Query("fox", k=5, user="ann")]
    assert [ids(hits) for hits in index.search_many(asked)] == [ids(index.search(q)) for q in asked]
    assert all("shout" not in parts(hit) for hit in index.search("fox?"))
    index.experts.weigh({"dense": 0.5, "lexical": 0.5})
    index.experts.remove("shout")
    index.experts.remove("recent")
    assert index.experts.list() == ()


def test_relevance_does_not_hear_of_them(index) -> None:
    before = {hit.id: hit.relevance for hit in index.search("fox river", k=160)}
    index.experts.attach_leg(Recent())
    index.experts.attach_stage(Shout())
    plain = index.experts.hybrid()
    for weights in ({"recent": 1.0}, {"dense": 1.0, "shout": 1.0}):
        other = Hybrid(index.store, plain.legs, weights, plain.calibration, plain.stages)
        for hit in other.retrieve([Query("fox river", k=100)])[0]:
            assert hit.relevance == pytest.approx(before[hit.id], abs=1e-6)


def test_a_router_and_diversity_read_a_strangers_vectors(index) -> None:
    seen = []

    class Router:
        def route(self, queries, vectors):
            seen.append(vectors)
            return [Route({"letters": 1.0, "shout": 1.0}, 1.0) for _ in queries]

    stage = Shout()
    hybrid = Hybrid(
        index.store,
        (Letters(),),
        {"letters": 1.0},
        index.experts.hybrid().alone("dense").calibration,
        (stage,),
        router=Router(),
    )
    [hits] = hybrid.retrieve([Query("fox tea", k=20, diversity=0.5)])
    np.testing.assert_allclose(seen[0], unit(Letters.row("fox tea")[None]), atol=1e-6)
    assert {part.leg for part in hits[0].parts} == {"letters", "shout"}
    assert ids(hits) != ids(hybrid.retrieve([Query("fox tea", k=20)])[0])


def test_pilots_learn_about_them(index) -> None:
    index.experts.attach_leg(Recent())
    index.experts.attach_stage(Shout())
    index.experts.weigh({"dense": 0.5, "lexical": 0.5, "shout": 0.1})
    asked = {f"q{i}": f"whale number {i}" for i in range(1, 40, 7)}
    labels = Collection(
        "mine", tuple(documents()), asked, {q: {f"d{int(q[1:]):03}": 1} for q in asked}
    )
    pilots = learned(index.experts.hybrid(), index.spaces.own.signature, labels)
    assert pilots.legs == ("dense", "lexical", "recent", "shout")
    assert np.abs(pilots.gradients[:, 2:]).sum(axis=0).min() > 0
    index.experts.router = PilotRouter(pilots)
    assert set(index.search("whale number 8")[0].route.weights) == set(pilots.legs)
    with pytest.raises(BadInput, match="learned beside the mixture"):
        index.experts.weigh({"dense": 0.5, "lexical": 0.5})
    assert index.experts.weights == {"dense": 0.5, "lexical": 0.5, "shout": 0.1}


def test_a_leg_without_vectors_serves_no_router_and_no_diversity(index) -> None:
    words = index.experts.hybrid().alone("lexical")
    with pytest.raises(BadInput, match="Diversity compares the chunks' vectors"):
        words.retrieve([Query("fox", diversity=0.5)])
    with pytest.raises(BadInput, match="A router reads"):
        Hybrid(index.store, words.legs, words.weights, words.calibration, router=object())
    with pytest.raises(BadInput, match="must count a leg that compares vectors"):
        learned(
            words,
            index.spaces.own.signature,
            Collection("c", tuple(documents()[:1]), {"q": "fox"}, {"q": {"d000": 1}}),
        )
    with pytest.raises(BadInput, match="There is no leg 'x'; there are: lexical"):
        words.alone("x")


class Broken(Recent):
    def __init__(self, **changed) -> None:
        self.changed = changed

    def ask(self, view, queries):
        answers = super().ask(view, queries)
        for name, method in self.changed.items():
            setattr(answers, name, method)
        return answers


@pytest.mark.parametrize(
    ("leg", "message"),
    [
        (Broken(top=lambda where, n: []), "Leg 'recent' must answer each query, 1 in all; got 0"),
        (
            Broken(top=lambda where, n: [(["d001#0-25"], np.array([np.nan]))]),
            "Leg 'recent' gave a score that is not finite",
        ),
    ],
)
def test_a_broken_leg_is_named(index, leg, message) -> None:
    index.experts.attach_leg(leg)
    index.experts.weigh({"recent": 1.0})
    with pytest.raises(BadInput, match=message):
        index.search("fox")


def test_a_broken_stage_or_vector_leg_is_named(index) -> None:
    class Half(Shout):
        def ask(self, view, queries, answers):
            found = super().ask(view, queries, answers)
            found.score = lambda query, ids: np.ones(1, np.float32)
            return found

    class Flat(Letters):
        def ask(self, view, queries):
            return RecentAnswers(view)

    index.experts.attach_stage(Half())
    index.experts.weigh({"dense": 1.0, "shout": 1.0})
    with pytest.raises(BadInput, match="'shout' must give one finite score per candidate"):
        index.search("fox")
    hybrid = index.experts.hybrid().alone("dense")
    flat = Hybrid(
        index.store,
        (Flat(),),
        {"letters": 1.0},
        hybrid.calibration,
        router=PilotRouter.__new__(PilotRouter),
    )
    with pytest.raises(BadInput, match="needs `rows`"):
        flat.retrieve([Query("fox")])


def test_a_query_takes_one_forward_pass(monkeypatch) -> None:
    read: list[list[str]] = []
    real = WithTokens.read_query

    def counted(self, texts, /):
        read.append(list(texts))
        return real(self, texts)

    monkeypatch.setattr(WithTokens, "read_query", counted)
    monkeypatch.setattr(WithTokens, "encode_query", lambda *_: pytest.fail("a second pass"))
    index = Index.in_memory(tokens=True)
    index.add(documents()[:5])
    hits = index.search_many(["fox", "whale", "fox"])
    assert read == [["fox", "whale", "fox"]] and all("tokens" in parts(one[0]) for one in hits)
    bent = Query("tea", vectors={"dense": np.ones(384, np.float32)})
    assert "tokens" in parts(index.search(bent)[0]) and read[1:] == [["tea"]]
    index.experts.weigh({"dense": 1.0})
    assert "tokens" not in parts(index.search("wine")[0]) and read[2:] == [["wine"]]
