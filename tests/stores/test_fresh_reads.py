"""A version that is patched from the one before is the version that a fresh process reads."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stores.readings import (
    ASKING,
    DIM,
    FILTERS,
    OWNERS,
    UNITS,
    WORDS,
    answers,
    read_from_tables,
    rebuilt,
    resident,
    write,
)

from rag_embed import Chunk, Document
from rag_embed.errors import BadInput
from rag_embed.stores.changes import changes
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.lance_view import LanceView
from rag_embed.stores.manifests import manifests, read_manifest
from rag_embed.stores.snapshot import Snapshot
from rag_embed.stores.written import Written
from rag_embed.types import STRANGER, ChunkRows, place_of


@pytest.fixture
def store(many, tmp_path) -> LanceStore:
    return LanceStore.open(shutil.copytree(many, tmp_path / "kb"))


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
