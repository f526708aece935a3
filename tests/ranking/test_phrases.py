"""What a query has in quotes goes first where it stands word for word."""

from __future__ import annotations

import pytest

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.ranking.phrases import phrases, plain

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


@pytest.mark.parametrize("marks", ['"{}"', "“{}”", "„{}“", "«{}»"])
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
