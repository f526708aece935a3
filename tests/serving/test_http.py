"""`rag-embed serve`, asked over HTTP as a program asks: every path, and everything that cannot be."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import anyio
import httpx2
import pytest
from children import Child
from jsonschema import Draft202012Validator
from serving.conftest import SECRET
from serving.listening import RIGHT, TOKEN, Server, command, serving

from rag_embed import Document, Index, field
from rag_embed.errors import BadInput
from rag_embed.indexing.reported import AddReport
from rag_embed.serving import Library, application
from rag_embed.serving.tool import FAILED
from rag_embed.serving.web import writing

ASKED = "how long may parents stay away?"


@pytest.fixture(scope="module")
def server(handbook) -> Iterator[Server]:
    with serving(handbook) as one:
        yield one


@pytest.fixture(scope="module")
def index(handbook) -> Index:
    return Index.open(handbook)


OPTIONS = [
    {},
    {"k": 3},
    {"where": {"year": 2024}},
    {"where": {"tags": ["hr", "law"], "year": {"lt": 2021}}},
    {"min_relevance": 0.2},
    {"diversity": 0.7},
    {"group_by": "document"},
    {"previous": ["I have a child.", "I work here."]},
]
WHERE = {1: field("year") == 2024, 2: field("tags").has("hr") & (field("year") < 2021)}


@pytest.mark.parametrize("given", OPTIONS, ids=str)
def test_it_finds_what_python_finds(server, index, given) -> None:
    options = {**given}
    if "where" in options:
        options["where"] = WHERE[len(given["where"])]
    wanted = index.search(ASKED, **options)
    found = server.post("search", {"query": ASKED, **given}).json()["hits"]
    assert [one["id"] for one in found] == [hit.id for hit in wanted]
    assert [one["relevance"] for one in found] == [round(hit.relevance, 4) for hit in wanted]
    assert [one["siblings"] for one in found] == [[c.id for c in h.siblings] for h in wanted]
    assert wanted or given


def test_explained_hits_add_up(server) -> None:
    [hit] = server.post("search", {"query": ASKED, "k": 1, "explain": True}).json()["hits"]
    why = hit["why"]
    assert sum(part["contribution"] for part in why["parts"]) == pytest.approx(
        hit["score"], abs=1e-4
    )
    assert why["words"] == ["parent"] and why["token_matches"][0]["found"] == "Parents"
    [plain] = server.post("search", {"query": ASKED, "k": 1}).json()["hits"]
    assert plain == {**hit, "why": None}


def test_a_batch_is_its_searches(server) -> None:
    queries = [ASKED, "when is the coffee machine cleaned?", "orbital decay of binary pulsars"]
    options = {"k": 2, "min_relevance": 0.2}
    found = server.post("search/batch", {"queries": queries, **options}).json()["found"]
    alone = [server.post("search", {"query": one, **options}).json() for one in queries]
    assert [[h["id"] for h in one["hits"]] for one in found] == [
        [h["id"] for h in one["hits"]] for one in alone
    ]
    assert found[2]["hits"] == [] and 0 <= found[2]["best"] < 0.1


def test_read_and_list_are_those_of_agents(server) -> None:
    [hit] = server.post("search", {"query": ASKED, "k": 1}).json()["hits"]
    around = server.post("read", {"id": hit["id"], "show": "section"}).json()
    assert "## Parents" in around["text"] and hit["text"] in around["text"]
    [row] = server.post("list", {"documents": 5, "where": {"year": 2024}}).json()["collections"]
    assert (row["documents"], row["matching"]) == (3, 1)
    assert [one["id"] for one in row["listed"]] == ["handbook/coffee.md"]


def test_what_is_described_is_what_is_so(server) -> None:
    said = server.client.get("/openapi.json").json()
    assert said["openapi"].startswith("3.1") and "/api/add" not in said["paths"]
    asked = {
        "/api/search": {"query": ASKED, "explain": True, "where": {"year": {"gte": 2020}}},
        "/api/search/batch": {"queries": [ASKED, "coffee"], "group_by": "document"},
        "/api/read": {"id": "handbook/coffee.md"},
        "/api/list": {"documents": 2},
    }
    posts = {path: one["post"] for path, one in said["paths"].items() if "post" in one}
    assert posts.keys() == asked.keys()
    for path, post in posts.items():
        takes = post["requestBody"]["content"]["application/json"]["schema"]
        gives = post["responses"]["200"]["content"]["application/json"]["schema"]
        for schema in (takes, gives):
            Draft202012Validator.check_schema(schema)
        Draft202012Validator(takes).validate(asked[path])
        got = server.client.post(path, json=asked[path])
        assert got.status_code == 200
        Draft202012Validator(gives).validate(got.json())
        wrong = server.client.post(path, json={"no": 1})
        assert str(wrong.status_code) in post["responses"]
        Draft202012Validator(said["components"]["schemas"]["Error"]).validate(wrong.json())
    for path, one in said["paths"].items():
        if "get" in one:
            assert server.client.get(path).status_code == 200


PROBLEMS = [
    ("POST", "/api/search", b"{", "application/json", 400, "this is no JSON"),
    ("POST", "/api/search", b"\xff\xfe", "application/json", 400, "this is no JSON"),
    ("POST", "/api/search", b"[" * 99_999, "application/json", 400, "nested too deeply"),
    ("POST", "/api/search", b"1" * 9999, "application/json", 400, "this is no JSON"),
    ("POST", "/api/search", b"[1]", "application/json", 400, "JSON object, got a list"),
    ("POST", "/api/search", b"null", "application/json", 400, "JSON object, got null"),
    ("POST", "/api/search", b"{}", "text/plain", 415, "Send application/json"),
    ("POST", "/api/search", b"query=x", "application/x-www-form-urlencoded", 415, "Send app"),
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


def test_what_is_counted_names_no_question(handbook) -> None:
    with serving(handbook) as server:
        server.post("search", {"query": "a question about zebras", "min_relevance": 1})
        server.post("search/batch", {"queries": [ASKED, "coffee"]})
        server.post("search", {"k": 0})
        server.client.get("/zebras")
        text = server.client.get("/metrics").text
    lines = text.splitlines()
    assert 'rag_embed_searches_total{found="no"} 1.0' in lines
    assert 'rag_embed_searches_total{found="yes"} 2.0' in lines
    assert 'rag_embed_requests_total{path="/api/search",status="422"} 1.0' in lines
    assert 'rag_embed_requests_total{path="other",status="404"} 1.0' in lines
    assert 'rag_embed_request_seconds_count{path="/api/search"} 2.0' in lines
    assert "rag_embed_requests_in_flight 1.0" in lines and "zebra" not in text


def test_the_user_is_whom_the_command_names(handbook, foxes) -> None:
    with serving(f"work={handbook}", foxes, "--user", "ann") as server:
        [first, *_] = server.post("search", {"query": "where does Ann live?"}).json()["hits"]
        assert (first["collection"], first["text"]) == ("work", SECRET)
        assert server.post("read", {"id": "bob/pay"}).status_code == 422
        assert "bob" not in server.post("search", {"query": "Bob is paid", "k": 100}).text
        both = server.post(
            "search", {"query": "when do foxes leave their den?", "where": {"year": 2020}}
        )
        assert both.json()["not_searched"] == ["foxes"]
        two = server.post("read", {"id": "handbook/leave.md"})
        assert "work, foxes have this id; name the collection" in two.json()["error"]
    with serving(handbook, "--where", "year=2024") as server:
        found = server.post("search", {"query": ASKED, "k": 100, "min_relevance": 0}).json()["hits"]
        assert {one["doc_id"] for one in found} == {"handbook/coffee.md"}


def added(server: Server, body: bytes, kind: str = "application/jsonl") -> list[dict]:
    got = server.client.post("/api/add", content=body, headers={"content-type": kind})
    assert got.status_code == 200
    return [json.loads(line) for line in got.text.splitlines()]


@pytest.fixture
def notes(tmp_path) -> str:
    index = Index.create(tmp_path / "notes", fields={"year": int})
    index.add([Document("old", "Old news."), Document("ann", "Of Ann.", user="ann")])
    return str(tmp_path / "notes")


def test_documents_come_in_line_by_line(notes) -> None:
    lines = [
        b'{"id": "a", "text": "Zebras graze at dawn.", "title": "Zebras", "metadata": {"year": 2024}}',
        b"",
        b'{"id": 7, "text": "Lions sleep.", "metadata": {"colour": "tawny"}}',
        b"no json",
        b'{"text": "No id."}',
        b'{"id": "mine", "text": "Mine.", "user": "ann"}',
        b'{"id": "old", "text": "New news."}',
        b'{"id": "8", "text": "Misspelt.", "metdata": {"colour": "tawny"}}',
        b'{"id": "9", "text": "Aside.", "metadata": {}, "colour": "tawny"}',
        b'{"id": "last", "text": "Without a newline."}',
    ]
    with serving(notes, "--write") as server:
        *_, report = added(server, b"\n".join(lines))
        assert (report["added"], report["replaced"], report["skipped"]) == (3, 1, 5)
        assert [one["source"] for one in report["reasons"]] == [
            "line 4",
            "line 5",
            "mine",
            "line 8",
            "line 9",
        ]
        misspelt, aside = (one["reason"] for one in report["reasons"][3:])
        assert "did you mean 'metadata'?" in misspelt and "unknown field 'colour'" in aside
        wrong = server.client.post(
            "/api/add?colection=notes", headers={"content-type": "application/jsonl"}
        )
        assert wrong.status_code == 422 and "Did you mean collection?" in wrong.json()["error"]
        *_, again = added(server, lines[0], "application/x-ndjson")
        assert again["unchanged"] == 1
        found = server.post("search", {"query": "when do zebras graze?", "where": {"year": 2024}})
        assert found.json()["hits"][0]["doc_id"] == "a"
        *_, taken = added(server, b'{"id": "ann", "text": "Taken."}')
        assert taken["added"] == taken["replaced"] == 0
        assert "belongs to another owner" in taken["reasons"][0]["reason"]
        *_, wrong = added(server, b'{"id": "w", "text": "x", "metadata": {"year": "soon"}}')
        assert "year" in wrong["error"] and notes not in wrong["error"]
        two = b'{"id": "before", "text": "Before."}\n{"id": "w", "text": "x", "metadata": {"year": "soon"}}'
        *_, said = added(server, two)
        assert "the last may not be kept: send all again" in said["error"]
        read = server.post("read", {"id": "before"})
        assert read.status_code == 422  # as it was told
        gone = server.post("delete", {"ids": ["a", "ann", "unknown"]})
        assert gone.json() == {"deleted": 1}
        text = server.client.get("/metrics").text
        assert 'rag_embed_documents_total{done="deleted"} 1.0' in text
        assert 'rag_embed_documents_total{done="added"} 3.0' in text
        described = server.client.get("/openapi.json").json()["paths"]
        assert {"/api/add", "/api/delete"} <= described.keys()
        odd = server.client.post(
            "/api/add?user=ann", content=b"", headers={"content-type": "application/jsonl"}
        )
        assert odd.status_code == 422 and "takes collection, not 'user'" in odd.json()["error"]
        form = server.client.post(
            "/api/add", content=lines[0], headers={"content-type": "text/plain"}
        )
        assert form.status_code == 415
    index = Index.open(notes)
    assert index.contents.document("7").metadata == {"colour": "tawny"}
    assert index.contents.document("old").text == "New news."
    assert index.contents.document("ann", user="ann").text == "Of Ann."


def test_what_is_written_belongs_to_the_user_of_the_server(notes) -> None:
    with serving(notes, "--write", "--user", "ann") as server:
        added(server, b'{"id": "mine", "text": "A note of mine."}')
        assert server.post("delete", {"ids": ["old", "ann"]}).json() == {"deleted": 1}
    index = Index.open(notes)
    assert index.contents.document("mine") is None and index.contents.document("old") is not None
    assert index.contents.document("mine", user="ann").user == "ann"


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_requests_in_flight_are_finished(notes) -> None:
    """A body is on its way when the server is told to stop: it is read to its end, and answered."""
    stopped = Event()

    def body() -> Iterator[bytes]:
        yield b'{"id": "first", "text": "Before the signal."}\n'
        while (
            "rag_embed_requests_in_flight 2.0"
            not in httpx2.get(
                f"{server.address}/metrics", headers=RIGHT, verify=False
            ).text.splitlines()
        ):
            time.sleep(0.05)
        server.process.terminate()
        port = int(server.address.rpartition(":")[2])
        while listens(port):
            time.sleep(0.05)
        stopped.set()
        yield b'{"id": "second", "text": "After the signal."}\n'

    with serving(notes, "--write") as server:
        got = server.client.post(
            "/api/add", content=body(), headers={"content-type": "application/jsonl"}
        )
        assert stopped.is_set() and json.loads(got.text.splitlines()[-1])["added"] == 2
        server.process.join(60)
        assert server.process.exitcode == 0
    assert Index.open(notes).contents.document("second").text == "After the signal."


def test_a_caller_that_hangs_up_is_no_error(notes) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"id": "cut", "text": "Cut'
        raise ConnectionAbortedError

    with serving(notes, "--write") as server:
        with pytest.raises(ConnectionAbortedError):
            server.client.post(
                "/api/add", content=body(), headers={"content-type": "application/jsonl"}
            )
        assert server.post("search", {"query": "news"}).status_code == 200
    assert Index.open(notes).contents.document("cut") is None


def test_a_caller_that_falls_silent_holds_nobody_up(notes, monkeypatch) -> None:
    """Its connection may have died unnoticed."""
    monkeypatch.setattr(writing, "SILENCE", 0.2)
    [shelf] = Library.of({"notes": Index.open(notes)}).shelves
    reports: list[AddReport] = []
    lines: list[bytes] = []

    async def both() -> None:
        limit = anyio.CapacityLimiter(1)
        parts = [b'{"id": "first", "text": "First."}\n']

        async def part() -> dict[str, object]:
            if not parts:
                await anyio.sleep_forever()
            return {"type": "http.request", "body": parts.pop(), "more_body": True}

        async def whole() -> dict[str, object]:
            return {"type": "http.request", "body": b'{"id": "next", "text": "Next."}'}

        async def send(message) -> None:
            lines.append(message.get("body", b""))

        async with anyio.create_task_group() as group:
            for receive in (part, whole):
                group.start_soon(writing.Adding(shelf, limit, reports.append), {}, receive, send)

    anyio.run(both)
    said = b"".join(lines).decode()
    assert "Nothing came for 0.2 seconds. Of what came before it, the last may not be kept" in said
    assert [report.added for report in reports] == [1]
    assert shelf.ids() == ["next", "old"]


def test_many_callers_at_once(server) -> None:
    """Thirty-two clients, each with a connection of its own: no error, and each gets its own answer."""
    asked = {ASKED: "fourteen months", "when is the coffee machine cleaned?": "on Friday"}
    asked |= {f"when is site {n} closed?": f"Site {n} " for n in range(12)}

    def one(number: int) -> int:
        chance = random.Random(number)
        done = 0
        with httpx2.Client(
            base_url=server.address, headers=RIGHT, timeout=120, verify=False
        ) as client:
            for _ in range(12):
                question, answer = chance.choice([*asked.items()])
                got = client.post("/api/search", json={"query": question, "k": 3})
                assert got.status_code == 200
                assert any(answer in hit["text"] for hit in got.json()["hits"]), question
                done += 1
        return done

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(one, range(32))) == 32 * 12


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


STOPPED_AT_ONCE = """
import signal
from rag_embed.serving.listening import listen

async def nobody_asks(scope, receive, send):
    assert scope["type"] == "lifespan"

listen(lambda port: nobody_asks, 0, started=lambda port: signal.raise_signal(signal.SIGTERM))
print("stopped")
"""


def test_told_to_stop_before_it_listens_it_stops() -> None:
    run = [sys.executable, "-c", STOPPED_AT_ONCE]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
