"""What is asked wrongly, by strangers or to do harm, is answered in words, and holds nothing private."""

from __future__ import annotations

import json
import random

import httpx2
import pytest
from children import Child
from serving.conftest import SECRET
from serving.listening import RIGHT, TOKEN, command

from rag_embed import Index
from rag_embed.errors import BadInput
from rag_embed.serving import Library, application
from rag_embed.serving.tool import FAILED

PROBLEMS = [
    ("POST", "/api/search", b"{", "application/json", 400, "this is no JSON"),
    ("POST", "/api/search", b"\xff\xfe", "application/json", 400, "this is no JSON"),
    ("POST", "/api/search", b"[" * 99_999, "application/json", 400, "nested too deeply"),
    ("POST", "/api/search", b"1" * 9999, "application/json", 400, "this is no JSON"),
    ("POST", "/api/search", b"[1]", "application/json", 400, "JSON object, got a list"),
    ("POST", "/api/search", b"null", "application/json", 400, "JSON object, got null"),
    ("POST", "/api/search", b"{}", "text/plain", 415, "Send application/json"),
    (
        "POST",
        "/api/search",
        b"query=x",
        "application/x-www-form-urlencoded",
        415,
        "x-www-form-urlencoded",
    ),
    ("POST", "/api/search", b" " * (2 << 20), "application/json", 413, "at most 1048576 bytes"),
    (
        "POST",
        "/api/search?k=3",
        b'{"query": "x"}',
        "application/json",
        422,
        "nothing in the address",
    ),
    ("POST", "/api/search", b'{"query": "x", "top_k": 3}', "application/json", 422, "mean k?"),
    ("GET", "/api/search", b"", "application/json", 405, "takes POST, got 'GET'"),
    ("POST", "/health", b"", "application/json", 405, "takes GET"),
    ("POST", "/api/serch", b"{}", "application/json", 404, "Did you mean /api/search?"),
    ("GET", "/etc/passwd", b"", "application/json", 404, "There is nothing at '/etc/passwd'"),
    ("GET", "/../../etc/passwd", b"", "application/json", 404, "There is nothing at"),
    ("POST", "/api/add", b"{}", "application/jsonl", 403, "Start it with --write"),
    ("POST", "/api/delete", b"{}", "application/json", 403, "Start it with --write"),
]


@pytest.mark.parametrize(("method", "path", "body", "kind", "status", "said"), PROBLEMS)
def test_problems_are_told_in_words(server, method, path, body, kind, status, said) -> None:
    got = server.client.request(method, path, content=body, headers={"content-type": kind})
    assert got.status_code == status and list(got.json()) == ["error"]
    assert said in got.json()["error"] and len(got.text) < 500


HOSTILE = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        51,
        10**30,
        -(10**30),
        "",
        " ",
        "x",
        "\x00",
        "\ud800",
        "x" * 5000,
    ),
    *([], [[]], [None], ["x"] * 200, {}, {"x": {}}, {"$gt": 1}, "' OR 1=1 --", "../../etc/passwd"),
    *(
        "user_id",
        {"user_id": "ann"},
        {"user": "ann"},
        {"year": {"gte": "2020"}},
        {"year": [10**40]},
    ),
    *(
        SECRET,
        "ann/pay",
        "ann/pay#0-20",
        {"metadata.x": 1},
        {"day": "31-31-31"},
        {"ok": {"ne": []}},
    ),
]

NAMES = {
    "search": (
        "query",
        "k",
        "where",
        "min_relevance",
        "diversity",
        "group_by",
        "previous",
        "explain",
    ),
    "search/batch": ("queries", "k", "where", "explain"),
    "read": ("id", "show", "before", "after", "start", "end", "budget"),
    "list": ("documents", "where", "after"),
}

FINE = {
    "search": {"query": "x"},
    "search/batch": {"queries": ["x"]},
    "read": {"id": "evil"},
    "list": {},
}


def test_hundreds_of_hostile_requests(server, handbook) -> None:
    """Every answer is data or a sentence, and none holds a private word or a place of the machine."""
    chance = random.Random(19)
    seen = set()
    for _ in range(150):
        path = chance.choice([*NAMES])
        given = {**FINE[path]}
        for _ in range(chance.randint(1, 3)):
            name = chance.choice([*NAMES[path], "user", "collection", "__class__"])
            given[name] = chance.choice(HOSTILE)
        body = json.dumps(given).encode()
        got = server.client.post(
            f"/api/{path}", content=body, headers={"content-type": "application/json"}
        )
        seen.add(got.status_code)
        assert got.status_code in (200, 422), (path, given, got.text)
        assert FAILED not in got.text and handbook not in got.text and "Traceback" not in got.text
        if got.status_code == 200:
            assert "Zanzibar" not in got.text and "fifty thousand" not in got.text
        else:
            assert len(got.json()["error"]) < 500
    assert seen == {200, 422}


REFUSED = [
    (401, {"authorization": ""}),
    (401, {"authorization": TOKEN}),
    (401, {"authorization": f"Bearer {TOKEN}x"}),
    (401, {"authorization": "Bearer ä".encode()}),
    (421, {"host": "evil.example"}),
    (421, {"host": "127.0.0.1"}),
    (421, {"host": "127.0.0.1:1"}),
    (403, {"origin": "http://evil.example"}),
    (403, {"origin": "null"}),
]


@pytest.mark.parametrize(("status", "headers"), REFUSED, ids=str)
def test_strangers_are_refused(server, status, headers) -> None:
    for method, path in (("POST", "/api/search"), ("GET", "/metrics"), ("OPTIONS", "/api/read")):
        got = httpx2.request(
            method, server.address + path, headers={**RIGHT, **headers}, timeout=60, verify=False
        )
        assert got.status_code == status and list(got.json()) == ["error"]
        assert "access-control-allow-origin" not in got.headers
    assert httpx2.get(f"{server.address}/health", verify=False).json() == {"status": "ok"}
    assert (
        httpx2.get(f"{server.address}/health", headers={"host": "x"}, verify=False).status_code
        == 421
    )


def test_what_cannot_be_served_is_told_at_once(handbook, tmp_path) -> None:
    wrong = {
        (str(tmp_path / "none"),): "no index",
        (handbook, "--write", "--where", "year=2024"): "leave out --where or --write",
        (handbook, "--host", "203.0.113.1", "--port", "0"): "Cannot listen",
    }
    for words, said in wrong.items():
        child = Child(command, "serve", *words)
        told = child.end()
        assert child.process.exitcode == 1 and said in " ".join(told.split()), told
        assert "Traceback" not in told
    with pytest.raises(BadInput, match="16 or more ASCII"):
        application(Library.of({"x": Index.open(handbook)}), 1, "short")
