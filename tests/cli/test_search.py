"""`rag-embed search` and `rag-embed ask-why`."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from rag_embed import Document, Index, Query
from rag_embed.cli.hits import print_hits
from rag_embed.cli.show import _Safe, why_table
from rag_embed.encoders import HashEncoder
from rag_embed.ranking import Calibration
from rag_embed.serving.web.searching import _PART
from rag_embed.types import Chunk, Hit, Part


def found(result) -> set[str]:
    return {hit["doc_id"] for hit in result.json["hits"]}


def test_table(run, kb) -> None:
    done = run("search", kb, "red fox")
    assert done.code == 0 and "relevance" in done.out and "The red fox runs." in done.out
    assert "Old [bold]fox[/red]" in done.out, "texts are no markup"


def test_json(run, kb) -> None:
    done = run("search", kb, "red fox", "-k", "2", "--json")
    assert done.code == 0 and done.err == ""
    assert done.json.keys() == {"query", "seconds", "hits"}
    first, second = done.json["hits"]
    assert first.keys() == {
        "rank",
        "id",
        "doc_id",
        "title",
        "headings",
        "start",
        "end",
        "text",
        "metadata",
        "score",
        "relevance",
        "parts",
        "siblings",
        "page",
        "page_start",
        "page_end",
        "citation",
        "link",
    }
    assert [first["rank"], second["rank"]] == [1, 2] and first["score"] >= second["score"]
    total = sum(part["contribution"] for part in first["parts"])
    of_python = Part("lexical", 1.0, 1.0, 0.5, 0.25).explained
    assert all(
        part.keys() == of_python.keys() == _PART["properties"].keys() for part in first["parts"]
    )
    assert total == pytest.approx(first["score"], abs=1e-4)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["year>=2020"], {"new"}),
        (["year < 2020"], {"old"}),
        (["year!=2019"], {"new"}),
        (["lang=en", "year==2024"], {"new"}),
        (["score>0.4"], {"new"}),
        (["draft=true"], {"new"}),
        (["tags~a b"], {"new"}),
        (["tags=a b"], {"new"}),
        (["metadata.year>=2020", "metadata.tags = a b"], {"new"}),
        (["doc_id=old"], {"old"}),
        (["title=<img src=x onerror=y>"], {"xss"}),
    ],
)
def test_conditions(run, kb, conditions, expected) -> None:
    arguments = [part for condition in conditions for part in ("--where", condition)]
    assert found(run("search", kb, "fox", *arguments, "--json")) == expected


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ("year", "Cannot read the condition"),
        ("=2020", "Cannot read the condition"),
        ("year>=soon", "'soon'"),
        ("draft=maybe", "'maybe'"),
        ("colour=red", "not a declared field"),
        (
            "colour~red",
            "rag-embed declare KB 'colour:list[str]' where documents have a list, colour:str",
        ),
        ("path~hr/", "rag-embed declare KB path:str), or write metadata.path"),
        ("path~hr/", "what an id holds is doc_id~hr/"),
        ("size>=3", "rag-embed declare KB size:int)"),
        ("day<2024-05-01", "rag-embed declare KB day:date)"),
        ("colour=red", "write metadata.colour"),
        ("year~2020", "write year=2020"),
        ("tags>x", "is a list[str]"),
        ("tags=zz", None),
        ("metadata.nope=x", None),
        ("lang='; DROP TABLE chunks", None),
    ],
)
def test_bad_conditions(run, kb, condition, complaint) -> None:
    done = run("search", kb, "fox", "--where", condition)
    if complaint is None:
        assert done.code == 3
    else:
        told = " ".join(done.err.split())  # whatever lines it was broken into
        assert done.code == 1 and complaint in told and done.out == ""


def test_no_relevance_is_told_where_nothing_was_asked(run, kb) -> None:
    done = run("search", kb, "", "--where", "year=2024")
    assert done.code == 0 and "New fox" in done.out and "relevance" not in done.out


def test_nothing_found(run, kb) -> None:
    for arguments in (("fox", "-k", "0"), ("",), ("fox", "--where", "year=1")):
        done = run("search", kb, *arguments, "--json")
        assert done.code == 3 and done.json["hits"] == [] and "nothing found" in done.err


def test_nothing_found_says_what_was_lacking(run, kb) -> None:
    for command in ("search", "ask-why"):
        done = run(command, kb, "fox", "--min-relevance", "1")
        assert done.code == 3 and done.out == ""
        told = " ".join(done.err.split())
        assert re.fullmatch(
            r"nothing found: the best passage has relevance 0\.\d\d, less than 1\.00", told
        )
        assert "the query is empty" in run(command, kb, " ").err
    none = run("search", kb, "fox", "--where", "year=1", "--min-relevance", "1").err
    assert none.startswith("nothing found\n")


def test_by_document(run, kb) -> None:
    chunks = run("search", kb, "whales sing", "-k", "4", "--json").json["hits"]
    assert [hit["doc_id"] for hit in chunks].count("long") > 1
    hits = run("search", kb, "whales sing", "-k", "4", "--group-by", "document", "--json").json[
        "hits"
    ]
    assert len({hit["doc_id"] for hit in hits}) == len(hits) == 4
    assert hits[0]["doc_id"] == "long" and hits[0]["siblings"]


def test_users(run, kb) -> None:
    assert "own" not in found(run("search", kb, "fox of Ann", "--json"))
    assert "own" in found(run("search", kb, "fox of Ann", "--user", "ann", "--json"))


def test_wrong_usage(run, kb) -> None:
    for arguments in (("-k", "-1"), ("-k", "x"), ("--min-relevance", "2"), ("--diversity", "-1")):
        assert run("search", kb, "fox", *arguments).code == 2
    missing = run("search", "nowhere", "fox")
    assert missing.code == 1 and "no index at" in missing.err and "nowhere'" in missing.err
    assert "rag-embed index FOLDER --to KB" in missing.err and "Index.create" not in missing.err


class Links(HTMLParser):
    """Collects the tags, and everything a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.active: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        for name, _ in attrs:
            if name in ("src", "href", "action") or name.startswith("on"):
                self.active.append(f"{tag} {name}")


def test_a_hit_in_a_file_with_pages_says_its_page(run, kb) -> None:
    pages = {"path": "b.pdf", "format": "pdf", "page_starts": [0, 18], "page_kind": "page"}
    Index.open(kb).add(Document("b.pdf", "Herons are grey.\n\nBadgers dig dens.", "B", pages))
    found = run("search", kb, "badgers dig", "-k", "1").out
    shown = run("search", kb, "badgers dig", "-k", "1", "--json").json["hits"][0]
    assert (shown["page"], shown["page_start"], shown["page_end"]) == (2, 1, 2)
    assert shown["link"].endswith("b.pdf#page=2") and "b.pdf, page 2 [" in found
    assert "page" not in run("search", kb, "red fox", "-k", "1").out


def test_ask_why_page_is_self_contained_and_inert(run, kb, tmp_path) -> None:
    query = "fox <script>alert(2)</script> \"quoted\" 'single' </title><u>"
    done = run("ask-why", kb, query, "--html", "why.html")
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert done.code == 0 and done.err == "wrote why.html\n"
    links = Links()
    links.feed(page)
    assert links.active == [] and not links.tags & {"script", "img", "link", "iframe", "u"}
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in page
    assert "&lt;img src=x onerror=y&gt;" in page and ">fox</mark>" in page
    assert "://" not in page and "@import" not in page and "url(" not in page


def test_ask_why_table_and_json(run, kb) -> None:
    table = run("ask-why", kb, "red fox")
    assert table.code == 0 and "weight x normalised" in table.out
    assert "#1 words in common: red, fox" in table.out
    hits = run("ask-why", kb, "red foxes", "--json").json["hits"]
    assert hits[0]["matched_words"] == ["red", "fox"]
    assert run("ask-why", kb, "fox", "-k", "0").code == 3


def test_ask_why_page_that_cannot_be_written(run, kb) -> None:
    done = run("ask-why", kb, "fox", "--html", "no/such/folder.html")
    assert done.code == 1 and "error: No such file" in done.err and "Traceback" not in done.err


def test_passages_and_best_chunks(run, kb) -> None:
    Index.open(kb).experts.calibrate(Calibration(1.0, 0.0, 5.0))  # all of it is relevant
    hits = run("search", kb, "whales sing", "--json", "-k", "9").json["hits"]
    joined = run("search", kb, "whales sing", "--json", "-k", "9", "--passage-tokens", "500").json
    [long] = [hit for hit in joined["hits"] if hit["doc_id"] == "long"]
    own = [hit for hit in hits if hit["doc_id"] == "long"]
    assert len(own) > 1 and long["siblings"] and long["score"] == own[0]["score"]
    assert (long["start"], long["end"]) == (
        min(hit["start"] for hit in own),
        max(hit["end"] for hit in own),
    )
    best = run(
        "search", kb, "whales sing", "--json", "--best-chunks", "2", "--group-by", "document"
    )
    assert best.json["hits"][0]["parts"][-1]["leg"] == "rerank"
    both = run("search", kb, "fox", "--best-chunks", "2", "--rerank", "some-model")
    assert both.code == 1 and "leave one of them out" in both.err
    assert run("search", kb, "fox", "--passage-tokens", "0").code == 2
    assert run("search", kb, "fox", "--rerank", "no-such-model").code == 1


def test_delete(run, kb) -> None:
    assert run("delete", kb, "own", "old", "--user", "ben").code == 3
    done = run("delete", kb, "own", "old", "nowhere", "--user", "ann")
    assert done.code == 0 and "deleted 1 document\n" in done.err
    assert "'old' belongs to others, and stays\n'nowhere' is no document of this index" in done.err
    assert "own" not in found(run("search", kb, "red fox", "--user", "ann", "--json"))
    Index.open(kb).add([Document("mine", "x", user="o ann"), Document("pay", "x", readers=["hr"])])
    done = run("delete", kb, "old", "new", "mine", "pay")
    assert done.code == 0 and "deleted 2 documents" in done.err
    assert "'mine' belongs to 'o ann', and stays; to delete it too: --user 'o ann'" in done.err
    assert "'pay' is for the group 'hr', and stays; to delete it too: --group hr" in done.err
    assert run("delete", kb, "pay", "--group", "hr").code == 0
    assert "old" not in found(run("search", kb, "red fox", "--json"))


def test_show(run, kb) -> None:
    assert run("show", kb).out.split() == ["long", "new", "old", "xss"]
    assert run("show", kb, "--user", "ann", "--where", "year=2019", "--json").json == ["old"]
    assert run("show", kb, "own").code == 3
    assert run("show", kb, "own", "--user", "ann").out == "The red fox of Ann.\n"
    [one] = run("show", kb, "new", "old", "--where", "year>2020", "--json").json
    assert (one["id"], one["title"], one["metadata"]["year"]) == ("new", "New fox", 2024)


def test_ask_why_of_what_was_put_in_another_order(run, kb) -> None:
    options = ("--group-by", "document", "--best-chunks", "2", "--json")
    hits = run("ask-why", kb, "red fox", *options).json["hits"]
    found = run("search", kb, "red fox", *options).json["hits"]
    assert [one["id"] for one in hits] == [one["id"] for one in found]
    assert "rerank" in {part["leg"] for part in hits[0]["parts"]} and hits[0]["matched_words"]


def test_what_answers_is_shown_and_marked(run, tmp_path, monkeypatch) -> None:
    long = "We open at nine and close at five. " * 30
    index = Index.create(tmp_path / "long", encoder=HashEncoder(64), chunk_tokens=None)
    index.add(Document("d", f"{long}Parents may stay at home for thirty days. {long}"))
    words = ("search", tmp_path / "long", "how long may parents stay at home")
    plain = run(*words).out
    assert "… Parents may stay at home for thirty days." in plain and "\x1b" not in plain
    assert "relevance" in plain and "answer" in plain
    monkeypatch.setattr("rag_embed.cli.hits.out", terminal := _Safe(force_terminal=True, width=100))
    with terminal.capture() as shown:
        print_hits(Index.open(tmp_path / "long"), Query(words[2]), index.search(words[2]))
    assert "\x1b[1;33mParents\x1b[0m" in shown.get() and " for thirty days" in shown.get()
    monkeypatch.setattr("rag_embed.cli.hits.out", bare := _Safe(force_terminal=True, no_color=True))
    with bare.capture() as shown:
        print_hits(Index.open(tmp_path / "long"), Query(words[2]), index.search(words[2]))
    assert "\x1b[1mParents\x1b[0m" in shown.get() and "33m" not in shown.get()


def test_reasons_of_hits_that_different_legs_speak_of_stand_in_their_columns() -> None:
    chunk = Chunk("d#0-3", "d", "fox", 0, 3)
    said = [["dense", "lexical"], ["dense", "tokens", "behind"], ["lexical"]]
    hits = [
        Hit(chunk, 1.0, 0.5, tuple(Part(leg, i, 1.0, 1.0) for i, leg in enumerate(legs)))
        for legs in said
    ]
    table = why_table(hits)
    shown = {str(one.header): list(one.cells) for one in table.columns}
    assert shown["behind\nraw"] == ["", "2.000", ""]
    assert shown["lexical\nraw"] == ["1.000", "", "0.000"]
    assert shown["relevance"] == ["0.50"] * 3


def test_passages_are_marked_too(run, kb) -> None:
    done = run("search", kb, "red fox", "-k", "2", "--passage-tokens", "200")
    assert done.code == 0 and "The red fox" in done.out
