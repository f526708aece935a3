"""What a query has in quotes goes first where it stands word for word."""

from __future__ import annotations

import pytest

from rag_embed import Document, Index, Query, field
from rag_embed.encoders import HashEncoder
from rag_embed.ranking.phrases import phrases, plain
from rag_embed.ranking.rerank import Reranked
from rag_embed.ranking.rerankers import FunctionReranker

DOCUMENTS = [
    Document("peace", "Peace and war, and war again: about war, peace, war and their peace talks."),
    Document("novel", "He read War and\nPeace, slowly, over a long and rainy summer by the sea."),
    Document("titled", "It is long.", "War and peace", {"year": 1869}),
    Document("ann", "War and peace, war and peace.", user="ann"),
    Document("cafe", "Die Öffnungs-Zeiten des Café\u0301s hängen an der Tür."),
    Document("tokyo", "昨日東京都へ行きました。"),
    *(Document(f"n{i}", f"War and war {i} and peace in chapter {i}.") for i in range(30)),
]


@pytest.fixture(scope="module", params=["memory", "lance"])
def index(request, tmp_path_factory) -> Index:
    encoder = HashEncoder(32)
    if request.param == "memory":
        index = Index.in_memory(encoder=encoder, fields={"year": int})
    else:
        index = Index.create(tmp_path_factory.mktemp("kb"), encoder=encoder, fields={"year": int})
    index.add(DOCUMENTS)
    return index


def ids(hits) -> list[str]:
    return [hit.chunk.doc_id for hit in hits]


MARKS = ['"{}"', "“{}”", "„{}“", "«{}»", "»{}«", "”{}”", "＂{}＂", "「{}」", "『{}』"]


@pytest.mark.parametrize("marks", MARKS)
def test_what_holds_a_phrase_is_before_what_does_not(index, marks) -> None:
    bare, asked = "WAR and Peace", f"who wrote {marks.format('WAR and Peace')}?"
    found = index.search(asked, k=20)
    assert set(ids(found)[:2]) == {"novel", "titled"} and "ann" not in ids(found)
    assert set(ids(index.search(bare, k=2))) != {"novel", "titled"}
    assert set(ids(index.search(asked, k=3, user="ann"))) == {"novel", "titled", "ann"}
    assert ids(index.search(asked, k=3, where=field("year") > 1800)) == ["titled"]
    assert index.search(asked, k=5) == found[:5]
    for hit in found:
        [part] = [one for one in hit.parts if one.leg == "phrase"]
        assert part.raw == (hit.chunk.doc_id in {"novel", "titled"})
        assert hit.score == pytest.approx(sum(one.contribution for one in hit.parts), abs=1e-4)
    assert ids(index.search('"long and rainy" "the sea by"', k=1)) == ["novel"]  # one of two
    assert ids(index.search('"öffnungs zeiten des cafes"', k=1)) == ["cafe"]
    assert ids(index.search("“東京都”", k=1)) == ["tokyo"]


def test_without_a_phrase_nothing_changes(index) -> None:
    """Nor where none holds it: the order is that of the words."""
    for asked in ("war and peace", 'the "peace" of war', 'war and "peace'):
        assert all(part.leg != "phrase" for hit in index.search(asked) for part in hit.parts)
    nowhere = index.search('"summer war and"', k=20)
    assert ids(nowhere) == ids(index.search("summer war and", k=20))
    alone = index.experts.hybrid().alone("lexical")
    assert not alone.quotes


def test_what_is_a_phrase() -> None:
    assert phrases('"a b" and "a b", “c d e” or "f" and ""') == ("a b", "c d e")
    assert phrases("it's 5\" wide") == () == phrases("")
    assert plain("Ａ ﬁne—Größe_x") == "a fine grosse x"
    assert phrases('a "“b c” d"') == ("“b c” d",)
    assert phrases(" ".join(f'"a {i}"' for i in range(99)))[-1] == "a 31"


@pytest.mark.parametrize("marks", MARKS)
def test_what_stands_between_two_phrases_is_none(marks) -> None:
    assert phrases(f"{marks.format('a b')} and then {marks.format('c d')}") == ("a b", "c d")


@pytest.mark.parametrize("mark", '"“”„‟«»「」『』＂')
def test_marks_without_end_take_time_in_proportion(mark) -> None:
    assert phrases(mark * 200_000) == () == phrases(f"{mark}a" * 200_000)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("İSTANBUL Üniversitesi", "istanbul universitesi"),
        ("Donau\u00addampf schiff", "donaudampf schiff"),
        ("a good exam-\n  ple of it", "a good example of it"),
        ("a well-\nknown fact", "well known fact"),
        ("𠮷野家へ", "𠮷野家"),
    ],
)
def test_a_phrase_is_held_however_it_is_written(written, asked) -> None:
    one = Index.in_memory(encoder=HashEncoder(32))
    one.add([Document("held", written), Document("other", " ".join(reversed(asked.split())) * 3)])
    [best, *_] = one.search(f'"{asked}"')
    [share] = [part.raw for part in best.parts if part.leg == "phrase"]
    assert (best.chunk.doc_id, share) == ("held", 1.0)


def test_signs_of_vowels_are_no_accents() -> None:
    assert plain("कि ता") != plain("का ती")


@pytest.mark.parametrize("weight", [None, 1.0])
@pytest.mark.parametrize("depth", [2, 40])
def test_a_re_ranker_leaves_what_holds_a_phrase_before_what_does_not(index, weight, depth) -> None:
    """One that decides alone forgot of the quotes."""
    longest = FunctionReranker(lambda _, texts: [float(len(text)) for text in texts])
    ranked = Reranked(
        Reranked(index.retriever, longest, depth, weight), longest, depth, weight, name="again"
    )
    [found] = ranked.retrieve([Query('"war and peace"', 20)])
    assert ids(found)[:2] == ["novel", "titled"]
    for hit in found:
        assert hit.score == pytest.approx(sum(one.contribution for one in hit.parts), abs=1e-4)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    [few] = ranked.retrieve([Query('"war and peace"', 5)])
    assert few == found[:5]


@pytest.mark.parametrize("weight, spread", [(None, False), (0.5, False), (40.0, True)])
def test_no_score_of_a_re_ranker_is_so_high_that_quotes_count_less(index, weight, spread) -> None:
    """Logits of one that counts as it is outweighed them, and so did a large weight."""
    mistaken = FunctionReranker(
        lambda _, texts: [-11.0 if "summer" in one else 900.0 for one in texts]
    )
    ranked = Reranked(index.retriever, mistaken, weight=weight, spread=spread)
    [found] = ranked.retrieve([Query('"rainy summer by the sea" war', 20)])
    assert ids(found)[0] == "novel"
    for hit in found:
        total = sum(one.contribution for one in hit.parts)
        assert hit.score == pytest.approx(total, rel=1e-5, abs=1e-4)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert ranked.retrieve([Query('"rainy summer by the sea" war', 5)])[0] == found[:5]


def test_one_of_many_phrases_goes_before_none(index) -> None:
    """Whatever the others are."""
    others = " ".join(f'"war peace {i} war chapter"' for i in range(25))
    assert ids(index.search(f'{others} "rainy summer by the sea"', k=1)) == ["novel"]
