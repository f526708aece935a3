"""`rag-embed serve`, asked over HTTP as a program asks: what it finds, and what it says of itself."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from jsonschema import Draft202012Validator
from serving.conftest import SECRET
from serving.listening import RIGHT, serving

from rag_embed import Index, field

ASKED = "how long may parents stay away?"


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
