"""The page: what people see of hits, what they can ask, and that nothing of a document acts in a browser."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

import httpx2
import pytest
from serving.listening import TOKEN, Server, serving

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.ranking.relevance import meaning
from rag_embed.serving import Library
from rag_embed.serving.page.asking import Asking
from rag_embed.serving.page.documents import WINDOW, read
from rag_embed.serving.page.forms import Form
from rag_embed.serving.parameters import Refused

ASKED = "how long may parents stay away?"
EVIL = "<img src=x onerror=alert(1)> & \"q\" 'a' {{ 7*7 }} </mark></script> jackals"


@pytest.fixture(scope="module")
def kb(tmp_path_factory, handbook) -> str:
    path = tmp_path_factory.mktemp("page") / "kb"
    old = Index.open(handbook)
    index = Index.create(path, chunk_tokens=20, fields=dict(old.store.fields.types))
    index.add(old.contents.documents(old.contents.matching(user="ann"), user="ann"))
    index.add(Document(f"<b>{EVIL}", f"{EVIL} prowl.", f"<i>{EVIL}</i>", {"tags": [EVIL]}))
    return str(path)


@pytest.fixture(scope="module")
def server(kb) -> Iterator[Server]:
    with serving(kb) as one:
        yield one


def seen(server: Server, path: str = "/", **asked: str) -> str:
    got = server.client.get(path, params=asked or None)
    assert got.status_code == 200 and got.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in got.headers["content-security-policy"]
    assert "unsafe" not in got.headers["content-security-policy"]
    tags = re.sub(r'"[^"]*"', '""', "".join(re.findall(r"<[^>]*>", got.text)))
    assert not re.search(r"<script|\son\w+=|javascript:|\sstyle=", tags)
    assert not re.findall(r'(?:src|href|action)="(?!/|#)', got.text)
    return got.text


def test_a_hit_is_shown_with_its_reasons(server) -> None:
    page = seen(server, q=ASKED)
    assert '<mark class="same">Parents</mark>' in page
    assert "handbook/leave.md, characters" in page and "<b>year</b> 2020" in page
    [first, *_] = server.post("search", {"query": ASKED, "explain": True}).json()["hits"]
    assert meaning(first["relevance"]) in page
    width = re.search(r'class="fill" width="([\d.]+)"', page)[1]
    assert float(width) == pytest.approx(100 * first["relevance"], abs=0.1)
    bars = re.search(r'class="bar".*?</svg>', page, re.S)[0]
    widths = [float(one) for one in re.findall(r'class="leg\d" x="[\d.]+" width="([\d.]+)"', bars)]
    adds = [part["contribution"] for part in first["why"]["parts"]]
    assert widths == pytest.approx([100 * one / sum(adds) for one in adds], abs=0.02)


def test_nothing_relevant_is_said_with_the_best(server) -> None:
    page = seen(server, q="orbital decay of binary pulsars", min="0.3")
    assert re.search(r"Nothing relevant: best was \.[012]\d\.", page) and 'class="card"' not in page
    anyway = html.unescape(re.search(r'href="([^"]*min=0)"', page)[1])
    assert 'class="card"' in seen(server, anyway)
    assert "Nothing passes the filters" in seen(server, q="coffee", **{"f.year.gte": "2999"})


def test_filters_are_fields_of_the_form(server) -> None:
    page = seen(server)
    for name in (
        "f.year.gte",
        "f.year.lte",
        "f.tags.eq",
        "f.ok.eq",
        "f.day.gte",
        "f.title.contains",
    ):
        assert f'name="{name}"' in page
    page = seen(server, q="coffee or leave", min="0", **{"f.year.gte": "2024"})
    assert "handbook/coffee.md" in page and "handbook/leave.md" not in page
    page = seen(
        server, q="coffee or leave", min="0", **{"f.tags.eq": "hr, law", "f.year.lte": "2020"}
    )
    assert "handbook/leave.md" in page and "handbook/coffee.md" not in page


WRONG = {
    "k": "5000",
    "min": "high",
    "diversity": "2",
    "group": "x",
    "ranking": "magic",
    "f.year.gte": "soon",
    "f.day.gte": "yesterday",
    "f.ok.eq": "perhaps",
    "q": "x" * 4001,
    "fresh": "-1",
    "by": "day",
    "qq": "x",
    "f.year.ne": "2020",
    "f.yaer.gte": "2020",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_asked_is_told_on_the_page(server, name) -> None:
    got = server.client.get("/", params={"q": "x", name: WRONG[name]})
    assert got.status_code == 422 and 'role="alert"' in got.text and "Traceback" not in got.text
    assert server.client.get("/document", params={"id": "ann/pay"}).status_code == 422
    assert server.client.get("/document").status_code == 422
    for more in ({"start": "soon"}, {"strat": "1"}):
        got = server.client.get("/document", params={"id": "handbook/coffee.md", **more})
        assert got.status_code == 422 and "start" in got.text
    assert server.client.get("/compare", params={"a.rankin": "dense"}).status_code == 422


def test_newer_documents_first_on_the_page(tmp_path) -> None:
    days = {"when": date, "until": date}
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(), fields=days)
    old, new = date.today() - timedelta(2000), date.today()
    index.add(
        [
            Document("a-old", "Leave is twenty days.", metadata={"when": old, "until": new}),
            Document("b-new", "Leave is twenty days.", metadata={"when": new, "until": old}),
        ]
    )
    asking = Asking(Library.of({"kb": index}))

    def first(**values: str) -> str:
        [shown] = asking.ask(Form.of({"q": "days of leave", "min": "0", **values}))
        return shown.cards[0].hit.chunk.doc_id

    assert first() == first(fresh="30", by="until") == "a-old"
    assert first(fresh="30", by="when") == "b-new"
    for wrong in ({"fresh": "30"}, {"by": "when"}, {"fresh": "soon", "by": "when"}):
        with pytest.raises(Refused, match="fresh|by"):
            first(**wrong)
    both = Form.of({"q": "days of leave", "min": "0", "a.fresh": "30", "by": "when"})
    sides = asking.ask(both.side("a"), both.side("b"))
    assert [one.cards[0].hit.chunk.doc_id for one in sides] == ["b-new", "a-old"]


def test_nothing_in_a_document_acts(server) -> None:
    for page in (
        seen(server, q=EVIL, min="0"),
        seen(server, "/compare", q=EVIL, min="0"),
        seen(server, "/document", q=EVIL, id=f"<b>{EVIL}"),
    ):
        assert "jackals" in page and "<img" not in page and "<b><img" not in page
        assert "{{ 7*7 }}" in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page
    lift = seen(server, q="the elevator plays jazz", min="0")
    assert "\\x1b[2J" in lift and "\x1b" not in lift and "\u202e" not in lift


def test_private_documents_are_on_no_page(server, kb) -> None:
    for path in ("/", "/compare"):
        assert "Zanzibar" not in seen(server, path, q="where does Ann live?", min="0")
    with serving(kb, "--user", "ann") as own:
        assert "Zanzibar" in re.sub(r"<[^>]*>", "", seen(own, q="where does Ann live?"))


def test_two_settings_side_by_side(server) -> None:
    page = seen(
        server, "/compare", q=ASKED, min="0", **{"b.ranking": "lexical", "b.group": "document"}
    )
    left, right = page.split('aria-label="Results of B"')
    assert (
        "lexical alone" in page and 'class="move' in left and 'class="leg1"' in left.split("<ol")[1]
    )
    assert 'class="leg1"' not in right and 'class="leg2"' in right and "one per document" in right
    assert len(re.findall(r'id="(?:hit-[AB]\d+)"', page)) == len(
        set(re.findall(r'id="(hit-[AB]\d+)"', page))
    )


def test_the_document_is_shown_around_the_passage(server) -> None:
    page = seen(server, q=ASKED)
    link = html.unescape(re.search(r'href="(/document[^"#]*)#passage"', page)[1])
    around = seen(server, link)
    here = re.search(r'id="passage".*?</div>', around, re.S)[0]
    assert "fourteen months" in here and "Call us before ten" not in here
    assert "Call us before ten" in around and "Site 11 is closed" in around
    assert '<mark class="same">Parents</mark>' in here and "Back to the results" in around


def test_a_long_document_is_shown_in_parts() -> None:
    index = Index.in_memory(encoder=HashEncoder(16), chunk_tokens=100)
    text = "\n\n".join(f"Paragraph {n} tells of {'words ' * 30}." for n in range(600))
    index.add(Document("long", text))
    library = Library.of({"x": index})
    at = text.index("Paragraph 400 ")
    found = read(library, f"long#{at}-{at + 30}", "", "", None)
    assert found.start < at < found.end and found.end - found.start <= WINDOW
    assert found.passage and found.earlier is not None and found.later == found.end
    start, covered = 0, []
    while start is not None:
        part = read(library, "long", "", "", start)
        covered.append((part.start, part.end))
        start = part.later
    assert covered[0][0] == 0 and covered[-1][1] == len(text) and len(covered) > 2
    assert all(one[1] == two[0] for one, two in pairwise(covered))
    with pytest.raises(Refused, match="start is between"):
        read(library, "long", "", "", len(text))


def test_words_are_the_same_in_a_language_of_the_passage_only(loaded_once) -> None:
    """For a French stemmer, a porter is a port."""
    index = Index.in_memory()
    text = "The porter of the port was there, and the ship came in."
    index.add(Document("ship", text))
    found = read(Library.of({"x": index}), f"ship#0-{len(text)}", "", "port", None)
    runs = [run for block in found.passage for run in block.runs]
    said = [piece.text for run in runs for piece in run.pieces if piece.mark == "same"]
    assert said == ["port"]


def test_a_browser_is_let_in_once_by_the_address(server) -> None:
    page = {"accept": "text/html,*/*"}
    with httpx2.Client(base_url=server.address, headers=page, timeout=60, verify=False) as browser:
        asked = browser.get("/")
        assert asked.status_code == 401 and "The token, please" in asked.text
        assert browser.get("/page.css").status_code == 200
        assert "not the token" in browser.get("/", params={"token": "wrong"}).text
        let = browser.get("/", params={"q": "coffee", "token": TOKEN})
        assert let.status_code == 303 and let.headers["location"] == "/?q=coffee"
        cookie = let.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
        assert browser.get("/").status_code == 200
        assert browser.get("/metrics").status_code == 200
        assert browser.post("/api/search", json={"query": "x"}).status_code == 401
        for wrong in ({"host": "evil.example"}, {"origin": "http://evil.example"}):
            assert browser.get("/", headers=wrong).status_code in (403, 421)
        split = browser.get("/%0d%0aset-cookie:%20x=y", params={"token": TOKEN})
        assert split.headers["location"] == "/%0D%0Aset-cookie%3A%20x%3Dy"
        away = browser.get("//evil.example/", params={"token": TOKEN})
        assert away.headers["location"] == "/"
    port = server.address.rpartition(":")[2]
    forged = httpx2.get(
        server.address, headers={"cookie": f"rag_embed_{port}={TOKEN}"}, timeout=60, verify=False
    )
    assert forged.status_code == 401


def test_what_ranks_alone_is_what_the_leg_finds(handbook) -> None:
    index = Index.open(handbook)
    asking = Asking(Library.of({"x": index}))
    [found] = asking.ask(Form.of({"q": ASKED, "ranking": "lexical", "min": "0"}))
    [wanted] = index.experts.hybrid().alone("lexical").retrieve([Query(ASKED, 10)])
    assert [one.hit.id for one in found.cards] == [one.id for one in wanted] and wanted


def test_variety_without_vectors_is_refused_in_words(server) -> None:
    got = server.client.get("/", params={"q": ASKED, "ranking": "lexical", "diversity": "0.5"})
    assert got.status_code == 422
    assert "Variety compares vectors, and lexical has none: leave it at 0." in got.text
    assert "<li" in seen(server, q=ASKED, ranking="dense", diversity="0.5", min="0")
