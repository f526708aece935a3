"""Fields declared of an index that holds chunks: killed on the way, with others writing, and with damage."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from rag_embed import Document
from rag_embed.errors import StoreError
from rag_embed.fields import Fields
from rag_embed.filters import field
from rag_embed.stores import declaring, writing
from rag_embed.stores.lance import LanceStore
from rag_embed.testing.store_data import DIM, write

YEARS = Fields({"year": "int"})
OLD, SINCE = field("metadata.year") < 2003, field("year") >= 2003


def years(first: int, last: int) -> list[Document]:
    return [Document(f"d{n}", "red fox", metadata={"year": n}) for n in range(first, last)]


@pytest.fixture
def store(tmp_path):
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM})
    write(store, *years(2000, 2005))
    return store


def killed_in(monkeypatch, step: str, parts: int):
    """Let a declaration go no further than so many calls of one of its steps."""
    done, left = getattr(declaring, step), iter([True] * parts)

    def go(*given, **named):
        if not next(left, False):
            raise KeyboardInterrupt
        return done(*given, **named)

    monkeypatch.setattr(declaring, "_PART", 2)
    monkeypatch.setattr(declaring, step, go)


@pytest.mark.parametrize("step, parts", [("add_lacking", 0), ("fill", 0), ("_write", 1)])
def test_killed_on_the_way_it_is_as_before_and_done_when_asked_again(
    store, monkeypatch, step, parts
) -> None:
    with monkeypatch.context() as patched:
        killed_in(patched, step, parts)
        with pytest.raises(KeyboardInterrupt):
            store.declare(YEARS)
    again = LanceStore.open(store.uri)
    assert again.view().matching(OLD) == ["d2000", "d2001", "d2002"]
    assert again.fields == Fields({}) and again.stats()["declaring"] == ["year"]
    write(again, *years(2005, 2006), Document("d2000", "blue", metadata={"year": 2006}))
    other = Fields({"year": "str", "more": "str"})  # what was begun is taken away
    assert len(again.declare(other)) == 6
    assert again.view().matching(field("year").is_missing()) == [
        "d2000",
        *(f"d{n}" for n in range(2001, 2006)),
    ]
    assert "declaring" not in again.stats() and "has_f_more" in again._chunks.schema.names


def test_in_small_parts_everything_is_filled(store, monkeypatch) -> None:
    killed_in(monkeypatch, "_write", 3)
    assert store.declare(YEARS) == []
    assert store.view().matching(SINCE) == ["d2003", "d2004"]
    assert store.stats()["filled"] == {"year": 5}
    assert LanceStore.open(store.uri).view().matching(OLD) == ["d2000", "d2001", "d2002"]


def test_whoever_opened_it_before_reads_as_before_and_opens_it_again_to_write(store) -> None:
    stale = LanceStore.open(store.uri)
    store.declare(YEARS)
    assert stale.view().matching(OLD) == ["d2000", "d2001", "d2002"]
    with pytest.raises(StoreError, match=r"declared fields .* has \['year'\] now. Open it again"):
        write(stale, *years(2010, 2011))
    write(store, *years(2010, 2011))
    assert stale.delete(["d2004"]) == 1
    assert store.view().matching(SINCE) == ["d2003", "d2010"]
    assert stale.declare(YEARS) == []  # it learns of them
    write(stale, *years(2011, 2012))
    assert stale.view().matching(SINCE) == ["d2003", "d2010", "d2011"]


def test_chunks_that_were_added_meanwhile_are_filled(store, monkeypatch) -> None:
    """Where there is no lock, by a process that knows of no such field."""
    stale, done, left = LanceStore.open(store.uri), declaring._write, iter([True])

    def meanwhile(*given):
        if next(left, False):
            with monkeypatch.context() as patched:
                patched.setattr("rag_embed.stores.lance.turn", lambda _: patched.context())
                write(stale, *years(2010, 2012), Document("d2003", "grey", metadata={"year": 1}))
        done(*given)

    monkeypatch.setattr(declaring, "_write", meanwhile)
    store.declare(YEARS)
    view = store.view()
    assert view.matching(SINCE) == ["d2004", "d2010", "d2011"]
    assert view.matching(~SINCE) == ["d2000", "d2001", "d2002", "d2003"]


@pytest.mark.parametrize("when", ["before it begins", "before columns are made", "while it fills"])
def test_of_two_who_declare_at_once_none_takes_what_the_other_finished(
    store, monkeypatch, when
) -> None:
    """Where there is no lock: columns that the settings named were dropped, and nothing could be read."""
    write(store, Document("x", "red fox", metadata={"year": 2009, "day": "monday"}))
    other, left = LanceStore.open(store.uri), iter([True])
    monkeypatch.setattr(declaring, "turn", lambda _: nullcontext())

    def meanwhile(do, first: bool):
        def go(*given, **named):
            if first and next(left, False):
                other.declare(Fields({"day": "str"}))
            done = do(*given, **named)
            if not first and next(left, False):
                other.declare(Fields({"day": "str"}))
            return done

        return go

    if when == "before columns are made":
        settings = store._declaring._settings
        monkeypatch.setattr(settings, "change", meanwhile(settings.change, first=False))
    else:
        step = "uuid4" if when == "before it begins" else "_write"
        monkeypatch.setattr(declaring, step, meanwhile(getattr(declaring, step), first=True))
    if when == "before it begins":
        store.declare(YEARS)
    else:
        with pytest.raises(StoreError, match=r"meanwhile\. Declare again what is lacking"):
            store.declare(YEARS)
        assert LanceStore.open(store.uri).view().matching(field("day") == "monday") == ["x"]
        store.declare(YEARS)
    for one in (store, LanceStore.open(store.uri)):
        assert dict(one.fields.types) == {"year": "int", "day": "str"}
        assert one.view().matching(SINCE) == ["d2003", "d2004", "x"]
        assert one.view().matching(field("day") == "monday") == ["x"]
        assert one.stats()["filled"] == {"year": 6, "day": 1}


def test_chunks_whose_document_is_still_to_be_written_have_their_own_values(
    store, monkeypatch
) -> None:
    """Where there is no lock, chunks come a moment before their document: they had values of the old one."""
    stale, put = LanceStore.open(store.uri), writing.upsert
    monkeypatch.setattr(declaring, "turn", lambda _: nullcontext())

    def meanwhile(table, *given):
        assert store.declare(YEARS) == []
        put(table, *given)

    monkeypatch.setattr(writing, "upsert", meanwhile)
    write(stale, Document("d2000", "red fox", metadata={"year": 2009}), digest="new")
    assert store.view().matching(SINCE) == ["d2000", "d2003", "d2004"]


def test_columns_that_are_gone_come_back_when_their_field_is_declared_again(store) -> None:
    store.declare(YEARS)
    store._chunks.drop_columns(["f_year", "has_f_year"])
    again = LanceStore.open(store.uri)
    assert again.declare(YEARS) == []
    assert again.view().matching(SINCE) == ["d2003", "d2004"]


def test_chunks_from_before_the_declaration_are_filled_when_it_is_opened(store) -> None:
    """A power cut took what was written last of the chunks, and not the settings."""
    table = Path(store.uri, "chunks.lance")
    before = set(table.rglob("*.lance"))
    store.declare(YEARS)
    for new in set(table.rglob("*.lance")) - before:
        new.unlink()
    with pytest.warns(UserWarning, match="not whole"):
        again = LanceStore.open(store.uri)
    assert again.view().matching(SINCE) == ["d2003", "d2004"]
