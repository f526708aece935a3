"""What stores keep of tokens comes back bit for bit, in every mode."""

from __future__ import annotations

from shutil import copytree

import numpy as np
import pytest

from rag_embed import Chunk, Document
from rag_embed.errors import BadInput
from rag_embed.stores import sampled_tokens
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.memory import MemoryStore
from rag_embed.testing.store_data import DIM, vector
from rag_embed.types import ChunkRows, TokenBits

MODES = ["memory", "lance", "lance on disk"]


@pytest.fixture(params=MODES)
def store(request, tmp_path):
    if request.param == "memory":
        return MemoryStore({"dense": DIM}, tokens=["dense"])
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM}, tokens=["dense"])
    if request.param == "lance on disk":
        store.cache_bytes = 0
    return store


def bits(seed: int, n: int) -> TokenBits:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 70_000, size=n, dtype=np.int32)
    return TokenBits(ids, rng.integers(0, 256, size=(n, 1), dtype=np.uint8))


def write(store, *texts: str, seed: int = 0) -> dict[str, TokenBits]:
    """One document and chunk per text, as many tokens as characters."""
    documents = [Document(text, text) for text in texts]
    chunks = [Chunk.of(document, 0, len(document.text)) for document in documents]
    kept = [bits(seed + i, len(text)) for i, text in enumerate(texts)]
    rows = np.concatenate([vector(text) for text in texts])
    store.replace(
        [(d, "h") for d in documents], ChunkRows(chunks, {"dense": rows}, {"dense": kept})
    )
    return {chunk.id: one for chunk, one in zip(chunks, kept, strict=True)}


def same(one: TokenBits, other: TokenBits) -> bool:
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.bits, other.bits)


def test_tokens_come_back_after_replacing_and_deleting(store) -> None:
    kept = write(store, "a", "bcd", "efgh")
    before = store.view()
    kept |= write(store, "bcd", "x", seed=9)
    store.delete(["a"])
    store.optimize()
    del kept["a#0-1"]
    view = store.view()
    found = view.tokens("dense", [*kept, *kept])
    expected = [*kept.values(), *kept.values()]
    assert all(same(a, b) for a, b in zip(found, expected, strict=True))
    assert len(before.tokens("dense", ["a#0-1"])[0].ids) == 1
    with pytest.raises(BadInput, match=r"Unknown chunk ids: \['a#0-1'\]"):
        view.tokens("dense", ["a#0-1"])
    assert view.tokens("dense", []) == []


def test_frequencies_are_those_of_the_chunks(store) -> None:
    kept = write(store, "a", "bcd", "efgh")
    frequencies = store.view().frequencies("dense")
    assert frequencies.count == 3 and frequencies.mean_length == pytest.approx(8 / 3)
    for one in kept.values():
        assert (frequencies.chunks_with[one.ids] >= 1).all()
    assert frequencies.chunks_with.sum() == sum(len(set(one.ids)) for one in kept.values())


def test_tokens_survive_opening_again(tmp_path) -> None:
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM}, tokens=["dense"])
    kept = write(store, "a", "bcd")
    view = LanceStore.open(tmp_path / "kb").view()
    found = view.tokens("dense", list(kept))
    assert all(same(a, b) for a, b in zip(found, kept.values(), strict=True))


def test_more_tokens_than_are_read_at_once_are_held_when_they_were_asked_for_often(
    tmp_path,
) -> None:
    """What is said of them stays the same meanwhile, and new ones are taken in."""
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM}, tokens=["dense"])
    kept = write(store, *(f"{number:040d}" for number in range(200)))
    store.cache_bytes = 150 * 200
    known, ids = [], list(kept)
    before = store.view().frequencies("dense").chunks_with
    for start in range(0, 10, 2):
        view = store.view()
        some = ids[start : start + 2]
        found = view.tokens("dense", some)
        assert all(same(a, kept[id]) for a, id in zip(found, some, strict=True))
        known.append(view.snapshot.resident.known(("tokens", "dense")))
    assert known == [False, True, True, True, True]
    assert np.array_equal(store.view().frequencies("dense").chunks_with, before)
    kept |= write(store, "new", seed=999)
    assert same(store.view().tokens("dense", ["new#0-3"])[0], kept["new#0-3"])
    store.cache_bytes = 100 * 200
    assert store.view().tokens("dense", ids[:2])


def test_tokens_that_do_not_fit_are_refused_and_change_nothing(store) -> None:
    document = Document("n", "text")
    chunk, rows = Chunk.of(document, 0, 4), vector("text")
    wide = TokenBits(np.zeros(2, np.int32), np.zeros((2, 2), np.uint8))
    uneven = TokenBits(np.zeros(3, np.int32), np.zeros((2, 1), np.uint8))
    for tokens in ({}, {"dense": []}, {"dense": [wide]}, {"dense": [uneven]}, {"x": [wide]}):
        with pytest.raises(BadInput, match="tokens"):
            store.replace([(document, "h")], ChunkRows([chunk], {"dense": rows}, tokens))
    assert list(store.document_ids()) == []


def test_a_space_without_tokens_says_so(tmp_path) -> None:
    for store in (
        MemoryStore({"dense": DIM}),
        LanceStore.create(tmp_path / "kb", {"dense": DIM}),
    ):
        for ask in (lambda view: view.tokens("dense", []), lambda view: view.frequencies("dense")):
            with pytest.raises(BadInput, match="keeps no tokens"):
                ask(store.view())
        document = Document("n", "text")
        with pytest.raises(BadInput, match="Expected tokens for spaces"):
            store.replace(
                [(document, "h")],
                ChunkRows(
                    [Chunk.of(document, 0, 4)],
                    {"dense": vector("text")},
                    {"dense": [bits(0, 4)]},
                ),
            )


@pytest.fixture
def sampled(tmp_path, monkeypatch) -> LanceStore:
    """Chunks in memory, tokens too large for it, and 16 chunks at most in which they are counted."""
    monkeypatch.setattr(sampled_tokens, "SAMPLE", 16)
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM}, tokens=["dense"])
    store.cache_bytes = 200 * 4 * DIM
    write(store, *(f"{i} {'x' * 200}" for i in range(100)))
    return store


def rebuilt(store: LanceStore, folder) -> LanceStore:
    """The same index as a new process has it."""
    copy = LanceStore.open(copytree(store.uri, folder))
    copy.cache_bytes = store.cache_bytes
    return copy


def test_sampled_frequencies_that_follow_changes_are_those_of_a_new_process(
    sampled, tmp_path
) -> None:
    assert 12 <= sampled.view().frequencies("dense").count <= 16
    changes = [
        lambda: write(sampled, "new " + "y" * 200),
        lambda: write(sampled, *(f"{i} {'x' * 200}" for i in range(0, 100, 3)), seed=500),
        lambda: sampled.delete([f"{i} {'x' * 200}" for i in range(1, 60)]),
        sampled.optimize,
    ]
    for number, change in enumerate(changes):
        change()
        found = sampled.view().frequencies("dense")
        same = rebuilt(sampled, tmp_path / str(number)).view().frequencies("dense")
        assert (found.count, found.tokens) == (same.count, same.tokens)
        length = max(len(found.chunks_with), len(same.chunks_with))
        padded = [np.pad(f.chunks_with, (0, length - len(f.chunks_with))) for f in (found, same)]
        np.testing.assert_array_equal(*padded)


def test_sampled_frequencies_cost_what_changed(sampled, monkeypatch) -> None:
    read: list[int] = []
    original = sampled_tokens.SampledTokens._read

    def counted(self, resident, slots) -> None:
        read.append(len(slots))
        original(self, resident, slots)

    monkeypatch.setattr(sampled_tokens.SampledTokens, "_read", counted)
    sampled.view().frequencies("dense")
    assert 8 <= sum(read) <= 16
    for number in range(5):
        write(sampled, f"new {number}")
        sampled.view().frequencies("dense")
    assert sum(read) <= 16 + 5


def test_sampled_frequencies_of_a_column_that_is_made_anew_are_counted_anew(sampled) -> None:
    def grown(tokens: int) -> int:
        """Tokens in the sample, after every chunk was given so many."""
        sampled.grow({"other": DIM}, ["other"])
        view = sampled.view()
        ids = view.passing(None)
        kept = [bits(i, tokens) for i in range(len(ids))]
        sampled.fill(ids, {"other": view.vectors("dense", ids)}, {"other": kept})
        sampled.adopt({})
        found = sampled.view().frequencies("other")
        assert 8 <= found.count <= 16
        return found.tokens // found.count

    assert grown(150) == 150
    sampled.drop("other", {})
    assert grown(170) == 170
