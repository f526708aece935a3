"""A scan finds what is there: in files, in rows of every version, in what is compressed or cut in two."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.stores import traces
from rag_embed.stores.traces import scanned

SECRET = "Zyxwvut said so"


def found(uri: Path, text: str = SECRET, beside: tuple[str, ...] = ()) -> set[str]:
    scan = scanned(str(uri), [text.encode()], beside)
    return {f"{one.where.split(',')[0]} {one.column}".strip() for one in scan.found}


@pytest.fixture
def index(tmp_path) -> Index:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(32))
    notes = {"metadata": {"note": SECRET}, "user": "ann"}
    index.add([Document("a", f"{SECRET} and left. ", "T", **notes), Document("b", "The sea.")])
    return index


def test_every_row_of_every_version_is_read(tmp_path, index) -> None:
    kb = tmp_path / "kb"
    columns = {"chunks text", "chunks private_text", "chunks metadata_json"}
    columns |= {"documents text", "documents metadata_json"}
    assert columns <= found(kb)
    index.store.delete(["a"])
    assert columns <= found(kb)  # in versions before
    scan = scanned(str(kb), [b"nowhere"])
    assert scan.found == () and {one.name for one in scan.tables} == {
        "chunks",
        "documents",
        "settings",
    }
    whole = {path.relative_to(kb).as_posix(): path for path in kb.rglob("*") if path.is_file()}
    assert {one.path for one in scan.files} == set(whole)
    for one in scan.files:
        content = whole[one.path].read_bytes()
        assert (one.bytes, one.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert index.forget("ann") == 0  # deleted before; its bytes go now
    assert found(kb) == set()


def test_files_inside_the_store_are_read_too(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(32), chunk_tokens=None)
    words = [f"{i * i} {SECRET} {i}" for i in range(4000)]
    index.store.files.put({"x": b"\0".join(word.encode() for word in words)})
    assert "files content" in found(tmp_path / "kb")
    assert found(tmp_path / "kb", "0 Zyxwvut said so 0\0001 Z") != set()


def test_long_texts_in_sqlite_are_read_as_rows(tmp_path, index) -> None:
    cache = tmp_path / "contexts.db"
    text = "".join(f"{i:07}," for i in range(4000))
    with closing(sqlite3.connect(cache)) as database, database:
        database.execute("CREATE TABLE contexts (key TEXT, text TEXT)")
        database.execute("INSERT INTO contexts VALUES ('k', ?)", [text])
    content = cache.read_bytes()
    cut = next(
        at for at in range(0, len(text) - 40, 8) if text[at : at + 40].encode() not in content
    )
    assert found(tmp_path / "kb", text[cut : cut + 40], (str(cache),)) == {str(cache)}
    assert found(tmp_path / "kb", text[cut : cut + 40]) == set()


@given(st.binary(min_size=1, max_size=9), st.binary(max_size=60), st.integers(1, 7))
def test_a_trace_is_found_wherever_blocks_end(tmp_path_factory, trace, content, block) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traces, "_BLOCK", block)
        folder = tmp_path_factory.mktemp("files")
        (folder / "one").write_bytes(content)
        one, places = traces._file(folder / "one", "one", [b"never in there", trace])
    assert [place.trace for place in places] == ([1] if trace in content else [])
    assert (one.bytes, one.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_values_are_read_however_deep_they_lie() -> None:
    rows = [{"a": [["x", None], [SECRET]], "b": {"c": SECRET.encode()}, "d": True, "e": None}]
    batch = pa.RecordBatch.from_pylist(rows)
    kinds = (
        pa.array([SECRET]).dictionary_encode(),
        pa.array([[1.5, 2.5]], pa.list_(pa.float32(), 2)),
    )
    contents = traces._columns(batch)
    assert [any(SECRET.encode() in leaf for leaf in contents[name]) for name in "abde"] == [
        True,
        True,
        False,
        False,
    ]
    assert SECRET.encode() in b"".join(traces._leaves(kinds[0]))
    assert kinds[1].flatten().to_numpy().tobytes() in b"".join(traces._leaves(kinds[1]))
