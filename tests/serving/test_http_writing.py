"""Documents that are sent over HTTP."""

from __future__ import annotations

import json

from serving.listening import Server, serving

from rag_embed import Index


def added(server: Server, body: bytes, kind: str = "application/jsonl") -> list[dict]:
    got = server.client.post("/api/add", content=body, headers={"content-type": kind})
    assert got.status_code == 200
    return [json.loads(line) for line in got.text.splitlines()]


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


def test_a_value_that_does_not_fit_costs_no_document(notes, tmp_path) -> None:
    lines = [
        {"id": "before", "text": "Before."},
        {"id": "w", "text": "Between.", "metadata": {"year": "soon", "colour": "red"}},
        {"id": "after", "text": "After.", "metadata": {"year": 2024}},
    ]
    with serving(notes, "--write") as server:
        *_, report = added(server, "\n".join(map(json.dumps, lines)).encode())
        assert (report["added"], report["skipped"], report["partly"]) == (3, 0, 1)
        (told,) = report["reasons"]
        assert told["source"] == "w" and "without this value" in told["reason"]
    assert Index.open(notes).contents.document("w").metadata == {"colour": "red"}


def test_what_is_written_belongs_to_the_user_of_the_server(notes) -> None:
    with serving(notes, "--write", "--user", "ann") as server:
        added(server, b'{"id": "mine", "text": "A note of mine."}')
        assert server.post("delete", {"ids": ["old", "ann"]}).json() == {"deleted": 1}
    index = Index.open(notes)
    assert index.contents.document("mine") is None and index.contents.document("old") is not None
    assert index.contents.document("mine", user="ann").user == "ann"


def test_a_line_that_is_for_everybody_becomes_nobodys_own(notes) -> None:
    lines = b'{"id": "s", "text": "Shared.", "user": null}\n{"id": "m", "text": "Mine."}'
    with serving(notes, "--write", "--user", "ann") as server:
        *_, report = added(server, lines)
        assert (report["added"], report["skipped"]) == (1, 1)
        assert "so nobody owns it" in report["reasons"][0]["reason"]
    with serving(notes, "--write") as server:
        assert added(server, lines)[-1]["added"] == 1
