"""A file that says which rows are deleted is whole, or the version that names it is not."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import lancedb
import pyarrow as pa
import pytest
from lancedb.table import LanceTable

from rag_embed import Document
from rag_embed.errors import StoreError
from rag_embed.stores.deletions import deleted_rows
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.manifests import cut_short, manifests, missing, read_manifest
from rag_embed.testing.store_data import DIM, write


@pytest.mark.parametrize(
    ("deleted", "kind"),
    [
        (["n in (3, 4, 5)"], ".arrow"),
        (["n % 7 = 1"], ".bin"),
        (["n > 60000 and n < 150000"], ".bin"),
        (["n % 7 = 1", "n % 2 = 0", "n > 70000 and n < 140000"], ".bin"),
    ],
)
def test_what_lancedb_writes_is_counted_and_every_cut_is_found(tmp_path, deleted, kind) -> None:
    table = lancedb.connect(tmp_path).create_table("t", pa.table({"n": range(200_000)}))
    for where in deleted:
        table.delete(where)
    latest = read_manifest(manifests(tmp_path / "t.lance")[0])
    assert missing(latest) == cut_short(latest) == []
    [path] = [tmp_path / "t.lance" / one.path for one in latest.files if one.deleted]
    assert path.suffix == kind and deleted_rows(path) == 200_000 - table.count_rows()
    whole = path.read_bytes()
    for size in {*range(0, 40), *range(0, len(whole), len(whole) // 50 + 1), len(whole) - 1}:
        path.write_bytes(whole[:size])
        assert cut_short(latest), size
    chance = random.Random(0)
    for _ in range(100):  # which bytes are others is for the checksum to say: here none may raise
        content = bytearray(whole)
        content[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        cut_short(latest)


def bitmap(*containers: list[tuple[int, int]]) -> bytes:
    """A Roaring bitmap whose containers are runs: first number and how many follow it."""
    count = len(containers)
    flags = bytes([(1 << min(count, 8)) - 1]) + bytes((count - 1) // 8)
    head = struct.pack("<HH", 12347, count - 1) + flags
    bodies = []
    for number, runs in enumerate(containers):
        head += struct.pack("<HH", number, sum(more + 1 for _, more in runs) - 1)
        flat = [value for run in runs for value in run]
        bodies.append(struct.pack(f"<{1 + len(flat)}H", len(runs), *flat))
    if count >= 4:
        head += bytes(4 * count)
    return head + b"".join(bodies)


@pytest.mark.parametrize("count", [1, 3, 4, 8])
def test_bitmaps_with_runs(tmp_path, count) -> None:
    path, whole = tmp_path / "a.bin", bitmap(*[[(1, 9), (100, 89)]] * count)
    path.write_bytes(whole)
    assert deleted_rows(path) == 100 * count
    for content in (whole[:-1], whole + b"x", whole[: len(whole) // 2], b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"cut short|bytes"):
            deleted_rows(path)


@pytest.mark.parametrize("left", [0, 300])
def test_deletions_that_the_disk_lost_are_no_success(tmp_path, monkeypatch, left) -> None:
    """LanceDB goes on where a disk refuses what it wrote, and could read the table never again."""
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM})
    write(store, *[Document(id, f"a text of {id}") for id in "abc"])
    real = LanceTable.delete

    def delete(own, *given, **options):
        before = set(Path(store.uri).rglob("_deletions/*"))
        result = real(own, *given, **options)
        for path in set(Path(store.uri).rglob("_deletions/*")) - before:
            os.truncate(path, left)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(LanceTable, "delete", delete)
        with pytest.raises(StoreError, match="The disk lost what was written"):
            store.delete(["a"])
    for one in (store, LanceStore.open(store.uri)):
        assert sorted(one.document_ids()) == ["a", "b", "c"]
    store.delete(["a"])
    assert sorted(store.document_ids()) == ["b", "c"]
