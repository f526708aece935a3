import json
from functools import partial

from rag_embed import reading
from rag_embed.types import Document, Skipped

read = partial(reading.read, name="")
"""Names are those below the folder that a test is in."""


def lines(tmp_path, *rows):
    raw = b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    (tmp_path / "f.jsonl").write_bytes(raw)
    return list(read(tmp_path))


def test_records(tmp_path):
    items = lines(
        tmp_path,
        {
            "_id": "a",
            "text": "One\r\n",
            "title": "T",
            "year": 3,
            "tags": ["x"],
            "ok": True,
            "no": [{}],
        },
        {"id": 7, "text": "Two", "title": None, "metadata": {"tags": ["x"]}, "year": 3},
        b"",
        {"text": "Three", "user": "ann"},
    )
    assert items == [
        Document("a", "One\r\n", "T", {"path": "f.jsonl", "year": 3, "tags": ["x"], "ok": True}),
        Document("7", "Two", metadata={"path": "f.jsonl", "tags": ["x"]}),
        Document("f.jsonl:4", "Three", metadata={"path": "f.jsonl"}, user="ann"),
    ]


def test_a_broken_line_does_not_stop_the_others(tmp_path):
    items = lines(
        tmp_path,
        b"\xef\xbb\xbf" + json.dumps({"id": "bom", "text": "x"}).encode(),
        b"{",
        [1],
        {"id": "a"},
        {"id": "a", "text": " "},
        {"id": True, "text": "x"},
        {"id": "", "text": "x"},
        {"id": "a", "text": "x", "metadata": 3},
        {"id": "a", "text": "x", "title": 3},
        b'{"id": "a", "text": "caf\xe9"}',
        b'{"id": "a", "text": "\\ud800"}',
        b'{"id": "a", "text": "x", "metadata": {"k": "\\ud800"}}',
        b'{"id": "a", "text": "x", "n": NaN}',
        b"[" * 100_000,
        {"id": "z", "text": "x", "user": ""},
        {"id": "last", "text": "x"},
    )
    assert [item.id for item in items if isinstance(item, Document)] == ["bom", "last"]
    skipped = [item for item in items if isinstance(item, Skipped)]
    assert [item.source for item in skipped] == [f"f.jsonl:{n}" for n in range(2, 16)]
    assert all(item.reason for item in skipped)
    assert "'text' must be a string" in skipped[2].reason
    assert "surrogate" in skipped[9].reason


def test_a_title_is_enough(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": "a", "text": "", "title": "Foxes"}\n{"text": " "}')
    one, other = read(tmp_path / "a.jsonl")
    assert (one.id, one.title, one.text) == ("a", "Foxes", "") and other.reason == "no text"


def test_lines_are_streamed(tmp_path):
    (tmp_path / "f.jsonl").write_text('{"id": "a", "text": "x"}\n' * 3)
    stream = read(tmp_path)
    assert next(stream).id == "a"
    with (tmp_path / "f.jsonl").open("a") as more:
        more.write('{"id": "late", "text": "x"}\n' * 20_000)
    assert sum(item.id == "late" for item in stream) > 15_000
