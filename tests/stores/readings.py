"""An index whose every number follows from a seed, and all that can be read of it."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np

from rag_embed import Chunk, Document
from rag_embed.fields import Fields
from rag_embed.filters import Filter, field
from rag_embed.ranking.visibility import readable
from rag_embed.stores.held import Held
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.lance_view import LanceView
from rag_embed.stores.resident import Resident
from rag_embed.types import ChunkRows, Principal, TokenBits

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


def read_from_tables(view: LanceView) -> dict[str, object]:
    """What is read from the tables each time, and needs the version to be there still."""
    said: dict[str, object] = {}
    for where in FILTERS:
        said[f"passing {where}"] = view.passing(where)
    said["chunks"] = view.chunks(view.passing(None))
    return said


def filled(folder: Path, count: int) -> Path:
    store = new(folder)
    for i in range(count):
        write(store, f"d{i}", i, OWNERS[i % 3])
    return folder


def resident(view: LanceView) -> Resident:
    view.nearest("dense", UNITS, 5, FILTERS[1])
    found = view.snapshot.resident
    assert found is not None
    return found
