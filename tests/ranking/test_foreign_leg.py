"""Retrievers of other libraries as legs: what they find is matched, masked, weighed and explained."""

from __future__ import annotations

import pytest

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.ranking import ForeignLeg, Found
from rag_embed.types import Route

LONG = "The fox sleeps by day.\n\nThe owl hunts at night.\n\nThe whale sings in the deep."


@pytest.fixture(params=["lance", "memory"])
def index(request, tmp_path) -> Index:
    made = {"encoder": HashEncoder(), "chunk_tokens": 8, "fields": {"year": int}}
    index = (
        Index.create(tmp_path / "kb", **made)
        if request.param == "lance"
        else Index.in_memory(**made)
    )
    index.add(
        [
            Document("long", LONG, metadata={"year": 2020}),
            Document("tea", "Green tea is hot.", metadata={"year": 2024}),
            Document("note", "Ann drinks her tea alone.", metadata={"year": 2024}, user="ann"),
            Document("same", "Green tea is hot.", metadata={"year": 1990}),
        ]
    )
    assert len(index.contents.chunks("long")) == 3
    return index


def found(index: Index, *finds: Found, lenient: bool = False, **options):
    """The hits that a leg alone decides on, with what it said of each."""
    index.experts.attach_leg(ForeignLeg("other", lambda texts: [list(finds)] * len(texts), lenient))
    index.experts.weigh({"other": 1.0})
    hits = index.search("tea", **options)
    index.experts.weigh(None)
    index.experts.remove("other")
    said = {hit.id: next(one for one in hit.parts if one.leg == "other") for hit in hits}
    return {id: round(part.normalised, 3) for id, part in said.items() if part.normalised}


def test_a_chunk_by_its_id(index) -> None:
    assert found(index, Found("whatever", "long#24-47")) == {"long#24-47": 1.0}


def test_what_a_text_covers_in_a_document_that_is_named(index) -> None:
    over_two = Found("day.\n\nThe owl", documents=("nowhere", "long"))
    assert found(index, over_two) == {"long#0-22": 1.0, "long#24-47": 1.0}
    every = {one.id: 1.0 for one in index.contents.chunks("long")}
    assert found(index, Found(LONG, documents=("long",))) == every
    assert found(index, Found("A summary of animals.", documents=("long",))) == every


def test_by_its_text_alone_wherever_it_stands(index) -> None:
    assert found(index, Found(" Green tea is hot.\n")) == {"tea#0-17": 1.0, "same#0-17": 1.0}
    assert found(index, Found("owl hunts at", "a-random-id")) == {"long#24-47": 1.0}


@pytest.mark.parametrize(
    "strange", [Found("Green tea is cold."), Found("", "x"), Found("Zzz", "x#0-3", ("x",))]
)
def test_what_is_nowhere_is_refused_or_left_out(index, strange) -> None:
    known = Found("Green tea is hot.", documents=("tea",))
    with pytest.raises(BadInput, match=r"'other' found a text of .* nowhere in this index") as told:
        found(index, known, strange)
    assert strange.text not in str(told.value) or not strange.text
    index.experts.weigh(None)
    index.experts.remove("other")
    assert found(index, known, strange, lenient=True) == {"tea#0-17": 1.0}


def test_private_documents_and_filters_hold(index) -> None:
    secret = Found("Ann drinks her tea alone.", documents=("note",), score=3.0)
    by_text = Found("Ann drinks her tea", score=2.0)
    tea = Found("Green tea is hot.", documents=("tea",), score=1.0)
    owl = Found("The owl hunts at night.", documents=("long",), score=0.5)
    nobody = found(index, secret, by_text, tea, owl)
    assert nobody == found(index, tea, owl)  # nothing tells that there was more
    assert nobody.keys() == {"tea#0-17", "long#24-47"}
    assert found(index, secret, tea, user="bob").keys() == {"tea#0-17"}
    assert found(index, secret, tea, user="ann").keys() == {"note#0-25", "tea#0-17"}
    recent = found(index, secret, tea, owl, where=field("year") >= 2024)
    assert recent.keys() == {"tea#0-17"}


def test_ranks_do_not_tell_of_what_another_owns(index) -> None:
    secret, tea, owl = (Found("", documents=(id,)) for id in ("note", "tea", "long#24-47"))
    owl = Found("The owl hunts at night.", documents=("long",))
    assert found(index, tea, secret, owl) == found(index, tea, owl)


def test_many_copies_of_others_hide_no_copy_of_ones_own(index) -> None:
    text = "A quick fox jumps."
    index.add(Document(f"a{i}", text, metadata={"year": 1990}, user=f"user {i}") for i in range(40))
    index.add(Document("zz", text, metadata={"year": 2024}, user="ann"))
    assert found(index, Found(text), user="ann") == {"zz#0-18": 1.0}
    index.add(Document(f"b{i}", text, metadata={"year": 1990}) for i in range(40))
    assert found(index, Found(text), user="ann", where=field("year") > 2000) == {"zz#0-18": 1.0}
    assert found(index, Found(text), where=field("year") > 2000) == {}


def test_the_id_of_anothers_document_hides_nothing(index) -> None:
    both = Found("The owl hunts at night.", documents=("note", "long"))
    assert found(index, both) == found(index, both, user="bob") == {"long#24-47": 1.0}
    assert found(index, both, user="ann") == {"note#0-25": 1.0}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((9.0, 8.0, 5.0), (1.0, 0.833, 0.333)),
        ((None, None, None), (1.0, 0.667, 0.333)),
        ((0.1, 0.2, 0.3), (1.0, 0.667, 0.333)),  # distances: only the order is sure
        ((1.0, float("nan"), 0.5), (1.0, 0.667, 0.333)),
        ((2.0, 2.0, 1.0), (1.0, 1.0, 0.333)),
    ],
)
def test_scores_count_where_they_follow_the_order(index, scores, expected) -> None:
    ids = ("tea#0-17", "long#24-47", "long#0-22")
    finds = [Found("", id, score=score) for id, score in zip(ids, scores, strict=True)]
    assert found(index, *finds) == dict(zip(ids, expected, strict=True))


def test_routed_and_explained(index) -> None:
    class Owls:
        def route(self, queries, vectors):
            return [
                Route({"other": 1.0} if "owl" in query.text else {"lexical": 1.0}, 1.0)
                for query in queries
            ]

    asked = []

    def find(texts):
        asked.extend(texts)
        return [[Found("The whale sings in the deep.")] for _ in texts]

    index.experts.attach_leg(ForeignLeg("other", find))
    index.experts.router = Owls()
    routed, plain = index.search_many(["an owl", "tea"])
    assert routed[0].id == "long#49-77" and plain[0].chunk.doc_id in ("tea", "same")
    assert asked == ["an owl"]  # nobody else is put to it
    told = index.explain("an owl")[0].explained
    assert told["route"]["weights"] == {"other": 1.0}
    assert [one["leg"] for one in told["parts"] if one["contribution"]] == ["other"]


def test_one_list_per_query_is_needed(index) -> None:
    index.experts.attach_leg(ForeignLeg("other", lambda texts: []))
    index.experts.weigh({"other": 1.0})
    with pytest.raises(BadInput, match="one list of finds per query, 1 in all; got 0"):
        index.search("tea")


def test_a_query_without_text_is_not_put_to_it(index) -> None:
    index.experts.attach_leg(ForeignLeg("other", lambda texts: pytest.fail(f"asked {texts}")))
    index.experts.weigh({"dense": 0.5, "other": 0.5})
    row = index.spaces.own.encode_query(["tea"])[0]
    assert index.search("", vectors={"dense": row})
