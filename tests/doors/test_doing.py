"""What is done to an index is the same from everywhere, or there is a reason why a way in has it not."""

from __future__ import annotations

from itertools import count

import pytest
from doors.page import BEGIN, END, PAGE, rendered
from doors.table import REASONS, VERBS, WAYS, Asked
from doors.ways import Python

from rag_embed import Document, Index, field

BEN = "Ben's fox is called Rob."
TESTED = set()


def cells(what: str):
    """The test of a verb, for every way in that has it."""
    [verb] = [one for one in VERBS if one.what == what]
    TESTED.add(what)
    return pytest.mark.parametrize("way", list(verb.said))


@pytest.fixture
def kb(kbs, tmp_path):
    """``kb("plain")`` copies that index, to be changed."""
    number = count()
    return lambda name: kbs.copy(name, tmp_path / f"kb{next(number)}")


@cells("add for an owner")
def test_add(kb, ways, way) -> None:
    path = kb("plain")
    ways[way].add(path, BEN, "ben")
    index = Index.open(path)
    [hit] = index.search(BEN, k=1, user="ben")
    assert "own.txt" in hit.chunk.doc_id and hit.chunk.user == "ben"
    others = index.search_many([BEN] * 2, k=9)
    others += index.search_many([BEN], k=9, user="ann")
    assert not any(one.chunk.user == "ben" for hits in others for one in hits)


@cells("add for groups")
def test_add_for_groups(kb, ways, way) -> None:
    path = kb("plain")
    ways[way].add(path, BEN, None, ["staff", "hr"])
    index = Index.open(path)
    for groups in (["staff"], ["x", "hr"]):
        [hit] = index.search(BEN, k=1, groups=groups)
        assert "own.txt" in hit.chunk.doc_id and hit.chunk.readers == ("hr", "staff")
    others = index.search_many([BEN] * 2, k=9, user="staff", groups=["x"])
    assert not any("own.txt" in one.chunk.doc_id for hits in others for one in hits)


@cells("delete, only what is the owner's")
def test_delete(kb, ways, way) -> None:
    path, ids = kb("whole"), ["own", "hunt", "nowhere"]
    assert ways[way].delete(path, ids, "ben") == 0
    assert ways[way].delete(path, ids, "ann") == 1
    assert "hunt" in Index.open(path).contents.matching(user="ann")
    assert "own" not in Index.open(path).contents.matching(user="ann")


@cells("delete, only what is for a group")
def test_delete_for_groups(kb, ways, way) -> None:
    path, ids = kb("whole"), ["own", "pay", "nowhere"]
    assert ways[way].delete(path, ids, None, ["board"]) == 0
    assert ways[way].delete(path, ids, None, ["hr"]) == 1
    left = Index.open(path).contents.matching(user="ann", groups=["hr"])
    assert "pay" not in left and "own" in left


@cells("declare a field later")
def test_declare(kb, ways, way) -> None:
    path = kb("whole")
    Index.open(path).add(Document("new", "Kept on a shelf.", metadata={"shelf": 7}))
    ways[way].declare(path)
    index = Index.open(path)
    assert index.store.fields.types["shelf"] == "int"
    assert index.contents.matching(field("shelf") > 6) == ["new"]


@cells("explain")
def test_explain(kbs, ways, way) -> None:
    """Line by line in `test_searching`."""
    assert ways[way].explained(kbs["plain"], Asked())


@cells("remember")
def test_remember(kb, ways, way) -> None:
    path = kb("plain")
    assert ways[way].remember(path, "ben", "He likes whales.") == 1
    [event] = Index.open(path).users.profiles.history("ben").events
    assert event.text == "He likes whales."


@cells("forget")
def test_forget(kb, ways, way) -> None:
    path = kb("history")
    assert ways[way].forget(path, "ann") == 4
    index = Index.open(path)
    assert index.users.profile("ann").count == 0
    assert "own" not in index.contents.matching(user="ann")


@cells("tell what is known of a user")
def test_known(kbs, ways, way) -> None:
    number, texts = ways[way].known(kbs["plain"], "ann")
    assert number == 3 and set(texts) == {f"dividends of fund {n}" for n in range(3)}


@cells("tune on labels")
def test_tune(kb, ways, way) -> None:
    path, other = kb("plain"), kb("plain")
    assert ways[way].tune(path) == Python().tune(other)
    assert Index.open(path).experts.weights == Index.open(other).experts.weights


def test_each_cell_is_tested_or_has_a_reason() -> None:
    assert {verb.what for verb in VERBS} == TESTED
    for verb in VERBS:
        for way in WAYS:
            assert (way in verb.said) != ((verb.what, way) in REASONS), (verb.what, way)


@pytest.mark.parametrize("cell", REASONS, ids="-".join)
def test_a_reason_is_void_once_the_way_in_can(cell) -> None:
    reason = REASONS[cell]
    assert reason.lacking and not any(hasattr(one, reason.method) for one in reason.lacking)


def test_the_page_shows_the_table() -> None:
    shown = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    assert shown.strip() == rendered(), "run: python tests/doors/page.py"
