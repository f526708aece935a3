"""A version that is patched from the one before is the version that a fresh process reads."""

from __future__ import annotations

import gc
import shutil
import tempfile
import threading
import weakref
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed import Chunk, Document
from rag_embed.errors import BadInput
from rag_embed.fields import Fields
from rag_embed.filters import Filter, field
from rag_embed.ranking.visibility import readable
from rag_embed.stores.changes import changes
from rag_embed.stores.held import Held
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.lance_view import LanceView
from rag_embed.stores.manifests import Fragment, Named, manifests, read_manifest
from rag_embed.stores.resident import Resident
from rag_embed.stores.snapshot import Snapshot
from rag_embed.stores.written import Written
from rag_embed.types import STRANGER, ChunkRows, Principal, TokenBits, place_of

DIM, WORDS = 4, ("fox", "tea", "whale", "wine")
FIELDS = Fields.of({"year": int})
OWNERS = (None, "ann", "bob")
READERS = (None, None, ("hr",), ("hr", "law"))
ASKING = tuple(
    Principal(*one) for one in ((None,), ("ann",), ("bob", ("law", "x")), (None, ("hr",)))
)
FILTERS: tuple[Filter | None, ...] = (
    None,
    field("year") >= 2,
    field("user_id").is_missing() | (field("user_id") == "ann"),
    field("metadata.n") == 1,
    field("reader_ids").has("hr") | field("reader_ids").is_missing(),
    readable(Principal("ann", ("law",))),
    (field("year") < 2) & field("title").contains("1"),
)
UNITS = np.array(
    [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0], [0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5]],
    dtype=np.float32,
)
"""Sums of their products are exact in float32, so that what is patched must equal to the last bit."""


def write(store: LanceStore, name: str, seed: int, owner: str | None = None) -> None:
    """A document whose chunks, metadata, groups, vectors and tokens follow from the seed."""
    random = np.random.default_rng(seed)
    lines = [" ".join(random.choice(WORDS, 3)) for _ in range(random.integers(1, 5))]
    text = "\n".join(lines)
    metadata = {"year": int(random.integers(4)), "n": int(random.integers(3))}
    document = Document(name, text, f"title {seed % 3}", metadata, owner, READERS[seed % 4])
    starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
    chunks = [
        Chunk.of(document, int(start), int(start) + len(line), ordinal=i)
        for i, (start, line) in enumerate(zip(starts, lines, strict=False))
    ]
    rows = UNITS[random.integers(len(UNITS), size=len(chunks))]
    tokens = [
        TokenBits(
            random.integers(0, 9, size=3).astype(np.int32),
            random.integers(0, 256, size=(3, 1)).astype(np.uint8),
        )
        for _ in chunks
    ]
    vectors = {space: rows for space in store.spaces}
    store.replace([(document, "h")], ChunkRows(chunks, vectors, {"dense": tokens}))


def new(folder: Path) -> LanceStore:
    return LanceStore.create(folder, {"dense": DIM}, fields=FIELDS, tokens=("dense",))


def rebuilt(store: LanceStore) -> LanceView:
    """The newest version as a process reads it that holds nothing."""
    with mock.patch("rag_embed.stores.viewing.held_at", lambda *_: Held()):
        return LanceStore.open(store.uri).view()


def answers(view: LanceView) -> dict[str, object]:
    """Everything that is held in memory, as numbers that compare."""
    said: dict[str, object] = {"count": len(view)}
    said |= {"private": view.private, "grouped": view.grouped}
    for where in FILTERS:
        for k in (1, 3, 100):
            for row, (ids, scores) in zip(
                UNITS, view.nearest("dense", UNITS, k, where), strict=True
            ):
                said[f"nearest {where} {k} {row}"] = ids, scores.tolist()
        for ids, scores in view.lexical([*WORDS, "fox tea"], 100, where):
            said[f"lexical {where} {ids}"] = scores.tolist()
    every = view.passing(None)
    said["ids"] = every
    said["scores"] = [one.tolist() for one in view.lexical_scores(["fox tea"], [every])]
    said["vectors"] = view.vectors("dense", every).tolist()
    said["tokens"] = [(t.ids.tolist(), t.bits.tolist()) for t in view.tokens("dense", every)]
    for whom in ASKING:
        moments, frequencies = view.moments("dense", whom), view.frequencies("dense", whom)
        said[f"moments {whom}"] = moments.count, moments.mean.tolist(), moments.second.tolist()
        rarity = frequencies.idf(np.arange(12, dtype=np.int32)).tolist()
        said[f"seen {whom}"] = view.count(whom)
        said[f"frequencies {whom}"] = frequencies.count, frequencies.mean_length, rarity
    return said


def answers_in_memory(view: LanceView) -> dict[str, object]:
    """What a search that asks for no filter reads."""
    [(every, _)] = view.nearest("dense", UNITS[:1], len(view), None)
    said: dict[str, object] = {"ids": sorted(every), "private": view.private, "count": len(view)}
    for text in (*WORDS, "fox tea"):
        [(ids, scores)] = view.lexical([text], 100, None)
        said[f"lexical {text}"] = ids, scores.tolist()
    said["vectors"] = view.vectors("dense", said["ids"]).tolist()
    said["tokens"] = [(t.ids.tolist(), t.bits.tolist()) for t in view.tokens("dense", said["ids"])]
    for whom in ASKING:
        said[f"moments {whom}"] = view.moments("dense", whom).second.tolist()
    return said


def read_from_tables(view: LanceView) -> dict[str, object]:
    """What is read from the tables each time, and needs the version to be there still."""
    said: dict[str, object] = {}
    for where in FILTERS:
        said[f"passing {where}"] = view.passing(where)
    said["chunks"] = view.chunks(view.passing(None))
    return said


steps = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 5), st.integers(0, 10**6)),
    st.tuples(st.just("write"), st.integers(0, 30), st.integers(0, 10**6)),
    st.tuples(st.just("delete"), st.integers(0, 5), st.integers(0, 30)),
    st.tuples(st.just("forget"), st.sampled_from(OWNERS[1:]), st.none()),
    st.tuples(st.just("optimize"), st.none(), st.none()),
    st.tuples(st.just("grow"), st.none(), st.none()),
    st.tuples(st.just("look"), st.integers(0, 6), st.none()),
)


def take(step: tuple, store: LanceStore) -> None:
    match step:
        case "write", document, seed:
            write(store, f"d{document}", seed, OWNERS[document % 3])
        case "delete", first, last:
            store.delete([f"d{i}" for i in range(first, last)])
        case "forget", user, _:
            store.forget(user)
        case "optimize", _, _:
            store.optimize()
        case "grow", _, _ if "more" in store.spaces:
            store.drop("more", {})
        case "grow", _, _:
            store.grow({"more": DIM}, [])
            if lacking := store.lacking():
                store.fill(lacking, {"more": np.tile(UNITS[:1], (len(lacking), 1))}, {})
            store.adopt({})
        case "look", which, _:
            store.view().nearest("dense", UNITS, 5, FILTERS[which])
            store.view().lexical(WORDS, 5, FILTERS[which])
            store.view().chunks(store.view().passing(FILTERS[which]))


def filled(folder: Path, count: int) -> Path:
    store = new(folder)
    for i in range(count):
        write(store, f"d{i}", i, OWNERS[i % 3])
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    """An index of six documents; tests change copies of it."""
    return filled(tmp_path_factory.mktemp("few") / "kb", 6)


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    return filled(tmp_path_factory.mktemp("many") / "kb", 40)


@settings(max_examples=16)
@given(taken=st.lists(steps, min_size=4, max_size=20))
def test_patched_equals_rebuilt(few, taken) -> None:
    """To the last bit, whatever was done in whatever order, and however often one looked."""
    with tempfile.TemporaryDirectory() as folder:
        store = LanceStore.open(shutil.copytree(few, Path(folder) / "kb"))
        looked = [(store.view(), answers(store.view()))]
        read_from_tables(store.view())
        for step in taken:
            take(step, store)
            if step[0] == "look":
                looked.append((store.view(), answers(store.view())))
        view, fresh = store.view(), rebuilt(store)
        assert answers(view) == answers(fresh)
        assert read_from_tables(view) == read_from_tables(fresh)
        for old, before in looked:
            again = answers_again(old)
            assert again == {key: before[key] for key in again}


def answers_again(view: LanceView) -> dict[str, object]:
    """What a version that may be dropped from disk still says."""
    [(every, _)] = view.nearest("dense", UNITS[:1], len(view), None)
    moments = view.moments("dense")
    found = {"count": len(view), "private": view.private, "ids": sorted(every, key=place_of)}
    for k in (1, 3, 100):
        for row, (ids, scores) in zip(UNITS, view.nearest("dense", UNITS, k, None), strict=True):
            found[f"nearest {None} {k} {row}"] = ids, scores.tolist()
    found["vectors"] = view.vectors("dense", found["ids"]).tolist()
    found[f"moments {STRANGER}"] = moments.count, moments.mean.tolist(), moments.second.tolist()
    return found


@pytest.fixture
def store(many, tmp_path) -> LanceStore:
    return LanceStore.open(shutil.copytree(many, tmp_path / "kb"))


def resident(view: LanceView) -> Resident:
    view.nearest("dense", UNITS, 5, FILTERS[1])
    found = view.snapshot.resident
    assert found is not None
    return found


def test_a_version_reads_only_what_came(store) -> None:
    before = resident(store.view())
    answers(store.view())
    write(store, "d7", 99, OWNERS[7 % 3])
    write(store, "new", 100)
    store.delete(["d8"])
    came = len(store.view().document_chunks("d7")) + len(store.view().document_chunks("new"))
    with mock.patch.object(Snapshot, "stream", side_effect=AssertionError("read everything")):
        after = resident(store.view())
        answers(store.view())
    assert after.roster is before.roster
    assert after.size == before.size + came


def test_what_this_process_wrote_is_not_read_back(store) -> None:
    answers(store.view())
    read_from_tables(store.view())
    for i in range(3):
        write(store, f"new{i}", i, OWNERS[i])
    gone = AssertionError("asked LanceDB")
    with mock.patch("rag_embed.stores.viewing.opened", side_effect=gone):
        said = answers_in_memory(store.view())
    fresh = answers_in_memory(rebuilt(store))
    assert said == fresh and len(said["ids"]) > 40


def test_what_another_wrote_is_read_by_its_numbers(store) -> None:
    answers(store.view())
    with mock.patch.object(Written, "put"):  # as where another process writes
        write(store, "new", 1)
    with mock.patch.object(Snapshot, "scan", side_effect=AssertionError("read all rows")):
        said = answers_in_memory(store.view())
    assert said == answers_in_memory(rebuilt(store))


def test_what_went_is_told_by_manifests_and_lists_of_deleted_rows(store) -> None:
    store.optimize()
    before = store.view()
    kept = answers_in_memory(before)
    with mock.patch.object(Snapshot, "scan", side_effect=AssertionError("read all rows")):
        for i in (3, 8):
            store.delete([f"d{i}"])
            write(store, f"d{i + 1}", 100 + i, OWNERS[(i + 1) % 3])
            write(store, f"new{i}", i)
            assert store.view().snapshot.resident is not None
        said = answers_in_memory(store.view())
    assert said == answers_in_memory(rebuilt(store))
    assert answers_in_memory(before) == kept


@pytest.mark.parametrize("how", ["gone", "of another format"])
def test_without_a_list_of_deleted_rows_all_numbers_are_read(store, how) -> None:
    store.optimize()  # one file, of which a document is a part
    answers(store.view())
    store.delete(["d3"])
    [path] = (Path(store.uri) / "chunks.lance" / "_deletions").iterdir()
    before, after = (read_manifest(one) for one in manifests(path.parents[1])[1::-1])
    found = changes(before, after)
    assert found is not None and len(found[0]) and not len(found[1])
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(b"bitmap")
    assert changes(before, after) is None and changes(None, after) is None
    path.write_bytes(content)
    with mock.patch("rag_embed.stores.resident.changes", return_value=None):
        assert answers(store.view()) == answers(rebuilt(store))


def test_nothing_that_was_written_stays_but_what_is_to_be_read(store) -> None:
    written = store.view().snapshot.held.written
    write(store, "unread", 1)
    assert not written._rows  # nobody has read anything yet
    resident(store.view())
    write(store, "d7", 99, OWNERS[7 % 3])
    assert not written._rows  # it took the place of rows
    write(store, "new", 1)
    assert len(written._rows) == 1
    resident(store.view())
    assert not written._rows
    write(store, "private", 2, "ann")
    store.forget("ann")
    assert not written._rows


def test_rows_that_were_written_last_stay_within_bounds() -> None:
    some, rows = Written(room=3000), pa.table({"id": ["x" * 1000]})
    files = [Fragment(i, 1, 0, (Named(f"data/{i}", None),)) for i in range(9)]
    for i in range(9):
        some.put(f"data/{i}", rows)
    assert [some.of(one, ["id"]) is not None for one in files] == [False] * 7 + [True] * 2
    more = replace(files[8], files=(*files[8].files, Named("data/filled", None)))
    assert some.of(more, ["id"]) is None and some.of(files[8], ["id", "other"]) is None


def test_a_version_that_is_read_still_is_opened_before_it_goes(store) -> None:
    kept = store.view()
    every = sorted(kept.nearest("dense", UNITS[:1], len(kept), None)[0][0])
    file = kept.snapshot.told.path
    write(store, "new", 1)
    assert len(store.view()) > len(kept)
    file.unlink()
    assert [chunk.id for chunk in kept.chunks(every)] == every


def test_stores_of_one_place_share_what_is_held(store) -> None:
    other = LanceStore.open(store.uri)
    mine, theirs = resident(store.view()), resident(other.view())
    assert mine is theirs
    write(other, "new", 1)
    assert resident(store.view()) is resident(other.view()) is not mine


def test_what_is_held_goes_with_the_last_view(store) -> None:
    other = LanceStore.open(store.uri)
    roster = weakref.ref(resident(store.view()).roster)
    resident(other.view())
    store._viewing._latest = None
    gc.collect()
    assert roster() is not None
    del other
    gc.collect()
    assert roster() is None


def test_a_chunk_that_went_is_unknown_to_later_versions_only(store) -> None:
    before = store.view()
    [chunk, *_] = [chunk.id for chunk in before.document_chunks("d8")]
    kept = before.vectors("dense", [chunk]), before.tokens("dense", [chunk])[0].ids
    store.delete(["d8"])
    for ask in (store.view().vectors, store.view().tokens):
        with pytest.raises(BadInput, match="Unknown chunk ids"):
            ask("dense", [chunk])
    write(store, "d8", 1000, OWNERS[8 % 3])
    assert np.array_equal(before.vectors("dense", [chunk]), kept[0])
    assert np.array_equal(before.tokens("dense", [chunk])[0].ids, kept[1])


def test_memory_is_bounded_when_rows_are_replaced_for_ever(few, tmp_path) -> None:
    store = LanceStore.open(shutil.copytree(few, tmp_path / "kb"))
    sizes = []
    with mock.patch("rag_embed.stores.resident._SPARE", 16):
        for i in range(30):
            write(store, "d1", i, OWNERS[1])
            sizes.append(resident(store.view()).size)
    assert max(sizes) <= 1.5 * len(store.view()) + 16 + 4 and sizes != sorted(sizes)
    with mock.patch("rag_embed.stores.resident._SPARE", 0):
        for i in range(15):
            write(store, "d1", i, OWNERS[1])
            found = resident(store.view())
        assert found.size <= 1.5 * found.count + 4
        assert answers(store.view()) == answers(rebuilt(store))


def test_many_filters_neither_pile_up_nor_displace_vectors(store) -> None:
    view = store.view()
    for i in range(140):
        view.nearest("dense", UNITS[:1], 5, field("year") < i)
    roster = resident(view).roster
    assert len(roster.columns) <= 130
    write(store, "new", 1)
    with mock.patch.object(Snapshot, "stream", side_effect=AssertionError("read everything")):
        assert resident(store.view()).roster is roster


def test_rows_that_were_moved_are_read_and_no_others(store) -> None:
    """LanceDB gives rows of small files other numbers when it merges them."""
    with mock.patch("rag_embed.stores.resident._SPARE", 0):
        answers(store.view())
        store.optimize()
        before = resident(store.view())
        for i in range(5):
            write(store, f"small{i}", i)
        answers(store.view())
        store.optimize()
        assert answers(store.view()) == answers(rebuilt(store))
        assert resident(store.view()).roster is before.roster


def test_rows_that_were_all_moved_lie_in_no_array_beside_what_they_were(few, tmp_path) -> None:
    store = LanceStore.open(shutil.copytree(few, tmp_path / "kb"))
    with mock.patch("rag_embed.stores.resident._SPARE", 0):
        before = resident(store.view())
        answers(store.view())
        store.optimize()
        after = resident(store.view())
        assert answers(store.view()) == answers(rebuilt(store))
    assert (after.numbers(after.roster.ids) != before.numbers(before.roster.ids)).all()
    assert after.size == after.count == before.count


def test_what_nobody_reads_goes_without_the_collector_of_garbage(few, tmp_path) -> None:
    """It comes seldom, and what waits for it are the vectors of an index."""
    store = LanceStore.open(shutil.copytree(few, tmp_path / "kb"))
    gc.disable()
    try:
        with mock.patch("rag_embed.stores.resident._SPARE", 0):
            for change in (lambda: write(store, "new", 1), store.optimize):
                before = resident(store.view())
                answers(store.view())
                gone = [weakref.ref(before), weakref.ref(before.snapshot)]
                del before
                change()
                answers(store.view())
                assert [one() for one in gone] == [None, None]
    finally:
        gc.enable()


def test_an_index_made_anew_in_the_same_place_is_another(store) -> None:
    """Ids and row numbers are the same, vectors are not."""
    before = answers(store.view())
    uri = store.uri
    shutil.rmtree(uri)
    again = new(uri)
    for i in range(40):
        write(again, f"d{i}", i + 1000, OWNERS[i % 3])
    assert answers(again.view()) == answers(rebuilt(again)) != before


def test_a_space_made_anew_under_the_same_name_is_another(tmp_path) -> None:
    """LanceDB fills the new column in place: no row gets another number."""
    store = new(tmp_path / "kb")
    write(store, "d", 3)
    for unit in UNITS[:2]:
        store.optimize()  # what is in a search index is filled in place
        store.grow({"more": DIM}, [])
        lacking = store.lacking()
        store.fill(lacking, {"more": np.tile(unit, (len(lacking), 1))}, {})
        store.adopt({})
        found = store.view().vectors("more", lacking)
        assert (found == unit).all()
        kept = store.view()  # so that what is held outlives the change
        store.drop("more", {})
    assert (kept.vectors("more", lacking) == UNITS[1]).all()


def test_floats_stay_within_a_stated_bound_of_a_rebuilt_version(tmp_path) -> None:
    """Moments of unit vectors: within 1e-6 after a thousand changes."""
    store = LanceStore.create(tmp_path / "kb", {"dense": 32})
    random = np.random.default_rng(0)

    def one(name: str) -> None:
        rows = random.normal(size=(20, 32)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        document = Document(name, "x" * 20)
        chunks = [Chunk.of(document, i, i + 1, ordinal=i) for i in range(20)]
        store.replace([(document, "h")], ChunkRows(chunks, {"dense": rows}))

    for i in range(10):
        one(f"d{i}")
    for i in range(40):
        one(f"d{i % 10}")
        patched = store.view().moments("dense")
    exact = rebuilt(store).moments("dense")
    assert patched.count == exact.count
    np.testing.assert_allclose(patched.mean, exact.mean, atol=1e-6)
    np.testing.assert_allclose(patched.second, exact.second, atol=1e-6)


def test_threads_read_whole_versions_while_one_writes(store) -> None:
    """All chunks of a document have the same vector, so a hit list that mixes versions shows."""
    document = Document("same", "a\nb\nc\nd")
    chunks = [Chunk.of(document, 2 * i, 2 * i + 1, ordinal=i) for i in range(4)]
    tokens = [TokenBits(np.zeros(1, np.int32), np.zeros((1, 1), np.uint8))] * 4
    faults: list[object] = []
    done = threading.Event()
    where = field("doc_id") == "same"

    def put(i: int) -> None:
        rows = np.tile(UNITS[i % 2], (4, 1))
        store.replace([(document, "h")], ChunkRows(chunks, {"dense": rows}, {"dense": tokens}))

    def read(mine: LanceStore) -> None:
        while not done.is_set():
            try:
                view = mine.view()
                [(ids, scores)] = view.nearest("dense", UNITS[:1], 10, where)
                rows = view.vectors("dense", ids)
                if (
                    len(ids) != 4
                    or len(set(scores.tolist())) != 1
                    or len(np.unique(rows, axis=0)) > 1
                ):
                    faults.append((ids, scores, rows))
                view.moments("dense")
            except Exception as error:
                faults.append(error)

    put(0)
    readers = [store, store, LanceStore.open(store.uri)]
    threads = [threading.Thread(target=read, args=(mine,)) for mine in readers]
    for thread in threads:
        thread.start()
    for i in range(15):
        put(i)
    done.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert answers(store.view()) == answers(rebuilt(store))


def test_an_older_version_that_is_restored_is_what_is_read(store) -> None:
    """With as many rows as the version before, which a count does not tell apart."""
    tables = store._chunks, store._documents
    was, older = answers(store.view()), [table.version for table in tables]
    gone = store.delete(["d39"])
    write(store, "d39", 7, OWNERS[0])
    assert gone and answers(store.view()) != was
    for table, version in zip(tables, older, strict=True):
        table.checkout(version)
        table.restore()
    assert answers(store.view()) == answers(rebuilt(store)) == was


@pytest.mark.parametrize("written", [1, 2, 3])
def test_a_copy_that_takes_the_place_of_the_index_is_what_is_read(store, tmp_path, written) -> None:
    """Also when it was written since: its versions and rows have the numbers of others that were read."""
    folder = Path(store.uri)
    answers(store.view())
    shutil.copytree(folder, tmp_path / "copy")
    for i in (1, 2):
        write(store, f"gone{i}", i, OWNERS[0])
        answers(store.view())
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    with mock.patch("rag_embed.stores.viewing.held_at", lambda *_: Held()):
        other = LanceStore.open(folder)  # as another process writes
        for i in range(written):
            write(other, f"new{i}", 10 + i, OWNERS[0])
    read = store.view()
    assert answers(read) == answers(rebuilt(store))
    assert read_from_tables(read) == read_from_tables(rebuilt(store))
