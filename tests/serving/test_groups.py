"""Groups at the server and in the tools: fixed by whoever starts them, and no caller sees or changes more."""

from __future__ import annotations

import json
import shutil

import pytest
from serving.listening import serving
from typer.testing import CliRunner

from rag_embed import Document, Index
from rag_embed.cli import app
from rag_embed.errors import BadInput
from rag_embed.serving import Library, index_tools, tools
from rag_embed.types import Audience

PLACE = "Zanzibar"
CLOSED = [
    Document("hr/pay", f"The pay office is in {PLACE}.", "Pay", readers=["hr"]),
    Document("board/pay", f"The board meets in {PLACE} too.", "Board", readers=["board", "hr"]),
]


@pytest.fixture
def kb(handbook, tmp_path) -> str:
    path = shutil.copytree(handbook, tmp_path / "kb")
    Index.open(path).add(CLOSED)
    return str(path)


@pytest.fixture
def index(kb) -> Index:
    return Index.open(kb)


ASKED = (
    {"query": "where is the pay office?", "min_relevance": 0},
    {"query": PLACE, "min_relevance": 0, "filters": {}},
)


def everything(library: Library) -> str:
    """All that the tools say, errors too, of what a caller may try."""
    search, read, list_ = tools(library)
    said = [search.call(asked) for asked in ASKED]
    said += [read.call({"id": one.id, "show": show}) for one in CLOSED for show in ("document", "")]
    said += [read.call({"id": f"{CLOSED[0].id}#0-31"}), list_.call({"documents": 200})]
    said += [search.call({"query": PLACE, "groups": ["hr"]}), list_.call({"groups": ["hr"]})]
    said += [search.call({"query": PLACE, "filters": {"reader_ids": "hr"}})]
    return json.dumps([(one.text, one.data) for one in said])


def test_tools_show_nothing_for_other_groups(index, handbook) -> None:
    """Word for word what they say of an index in which it is not."""
    with_all = everything(Library.of({"handbook": index}))
    assert PLACE not in with_all.replace(json.dumps(PLACE), "") and "hr/pay#" not in with_all
    alone = everything(Library.of({"handbook": Index.open(handbook)}))
    assert with_all == alone
    seen = everything(Library.of({"handbook": index}, groups=["board"]))
    assert "The board meets" in seen and "pay office is" not in seen
    seen = everything(Library.of({"handbook": index}, user="bob", groups=["hr"]))
    assert "The board meets" in seen and "The pay office is" in seen and "Bob is paid" in seen
    with pytest.raises(BadInput, match="groups"):
        Library.of({"handbook": index}, groups="hr")
    assert index_tools(index, groups=["hr"])[0].call(ASKED[0]).quoted


def test_the_server_answers_for_its_groups(kb) -> None:
    with serving(kb, "--group", "board", "--group", "staff") as server:
        found = server.post("search", ASKED[0] | {"k": 50}).json()
        assert "The board meets" in json.dumps(found) and "pay office is" not in json.dumps(found)
        assert server.post("search", {"query": PLACE, "groups": ["hr"]}).status_code == 422
        assert server.post("read", {"id": "hr/pay"}).status_code != 200
        page = server.client.get("/", params={"q": PLACE, "min": "0"}).text
        assert "The board meets" in page and "pay office is" not in page


def test_what_is_written_at_the_server_is_for_its_groups(kb) -> None:
    def add(server, *rows: dict) -> dict:
        lines = "\n".join(map(json.dumps, rows)).encode()
        kind = {"content-type": "application/jsonl"}
        return json.loads(
            server.client.post("/api/add", content=lines, headers=kind).text.splitlines()[-1]
        )

    new, open_ = {"id": "new", "text": "A new plan."}, {"id": "evil", "text": "Mine now."}
    ours = {"id": "board/pay", "text": "The board meets in Rome."}
    theirs = {"id": "hr/pay", "text": "Mine now."}
    with serving(kb, "--write", "--group", "board") as server:
        told = add(server, new, ours, theirs, open_, {**new, "id": "x", "readers": ["hr"]})
        assert (told["added"], told["replaced"], told["skipped"]) == (1, 1, 3)
        assert server.post("delete", {"ids": ["hr/pay", "evil", "ann/pay"]}).json() == {
            "deleted": 0
        }
    index = Index.open(kb)
    known = index.store.audiences(["new", "board/pay", "hr/pay", "evil", "x"])
    assert known["new"] == Audience(None, ("board",))
    assert known["board/pay"] == Audience(None, ("board", "hr"))
    assert index.contents.document("hr/pay", groups=["hr"]) == CLOSED[0] and "x" not in known
    with serving(kb, "--write") as server:
        assert (add(server, theirs)["skipped"], add(server, open_)["replaced"]) == (1, 1)
        assert server.post("delete", {"ids": ["hr/pay", "new"]}).json() == {"deleted": 0}
    with serving(kb, "--write", "--group", "hr") as server:
        assert server.post("delete", {"ids": ["hr/pay", "new"]}).json() == {"deleted": 1}


def test_a_shell_lists_and_writes_out_what_its_groups_may_read(kb, tmp_path) -> None:
    def said(*words: str) -> str:
        return CliRunner().invoke(app, list(words)).stdout

    assert "pay" not in said("list", kb)
    assert "board/pay" in said("list", kb, "--group", "board")
    assert "hr/pay" not in said("show", kb, "--group", "board")
    assert PLACE in said("show", kb, "hr/pay", "--group", "hr") and not said("show", kb, "hr/pay")
    file, again = tmp_path / "all.jsonl", str(tmp_path / "again")
    said("export", kb, "--group", "hr", "--to", str(file))
    said("index", str(file), "--to", again)
    index = Index.open(again)
    assert index.contents.count() and not index.search(PLACE, min_relevance=0.5)
    assert index.search(PLACE, groups=["board"])[0].chunk.readers == ("board", "hr")
