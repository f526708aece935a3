"""What the tools give: passages within a budget, what stands around them, what there is."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from jsonschema import Draft202012Validator
from serving.conftest import DOCUMENTS, HANDBOOK

from rag_embed import Document, Index, Query, encoders, field
from rag_embed.cli.libraries import library_of
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.recipe import Recipe
from rag_embed.errors import BadInput
from rag_embed.ranking import FunctionReranker, Reranked
from rag_embed.ranking.relevance import MIN_RELEVANCE
from rag_embed.serving import Answer, Library, index_tools, tools
from rag_embed.serving.finding import hits_of
from rag_embed.serving.web import searching as web
from rag_embed.texts import read_titled

QUERY = Query("site closed", k=50)


class Desk:
    """Tools by name; every answer is checked against the schema of its tool."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.tools = {tool.name: tool for tool in tools(library)}
        for tool in self.tools.values():
            Draft202012Validator.check_schema(tool.schema)
            Draft202012Validator.check_schema(dict(tool.gives))

    def __call__(self, name: str, **given: object) -> Answer:
        tool = self.tools[name]
        answer = tool.call(given)
        if not answer.failed:
            Draft202012Validator(dict(tool.gives)).validate(dict(answer.data))
            Draft202012Validator(tool.schema).validate(given)
        return answer


@pytest.fixture(scope="module")
def index(handbook) -> Index:
    return Index.open(handbook)


@pytest.fixture(scope="module")
def desk(index) -> Desk:
    return Desk(Library.of({"handbook": index}))


@pytest.fixture(scope="module")
def both(index, foxes) -> Desk:
    return Desk(Library.of({"handbook": index, "foxes": Index.open(foxes)}))


def length(index: Index, text: str) -> int:
    return len(index.spaces.own.encoder.token_spans(text))


def test_a_passage_is_cited_by_what_read_takes(desk) -> None:
    answer = desk("search", query="how long may parents stay away?")
    [first, *_] = answer.data["passages"]
    assert "fourteen months" in first["text"] and first["relevance"] == answer.data["best"] > 0.3
    assert HANDBOOK[first["start"] : first["end"]] == first["text"]
    assert first["fields"] == {"year": 2020, "tags": ["hr", "leave"]}
    assert answer.text.startswith(f"[1] {first['id']}, relevance {first['relevance']:.2f}, Leave")
    again = desk("read", id=first["id"], show="passage")
    assert again.data["text"] == first["text"]


def test_nothing_relevant_is_said_with_the_best(desk) -> None:
    answer = desk("search", query="orbital decay of binary pulsars")
    assert answer.data["passages"] == [] and 0 <= answer.data["best"] < MIN_RELEVANCE
    assert f"relevance {answer.data['best']:.2f}, less than 0.10" in answer.text
    strict = desk("search", query="when is the coffee machine cleaned?", min_relevance=1)
    assert "min_relevance=0 shows it" in strict.text
    assert "Nothing relevant" in strict.text and strict.data["best"] > 0.5
    assert strict.data["nearest"] is None
    none = desk("search", query="coffee", filters={"year": 1900})
    assert (none.text, none.data["best"]) == ("Nothing passes the filters.", None)
    empty = Desk(Library.of({"x": Index.in_memory(chunk_tokens=None)}))
    assert empty("search", query="coffee").text == "There is nothing to search."


def test_the_nearest_passage_is_shown_where_none_is_relevant(desk) -> None:
    """A right answer in other words than the question's has a low relevance; whoever asks can still tell."""
    far = desk("search", query="orbital decay of binary pulsars", min_relevance=0)
    assert far.data["nearest"] is None and far.data["passages"][0]["relevance"] < 0.01
    query = "how long can a father look after the baby?"
    [first] = desk("search", query=query, min_relevance=0, k=1).data["passages"]
    assert "fourteen months" in first["text"] and 0.01 <= first["relevance"] < MIN_RELEVANCE
    answer = desk("search", query=query)
    nearest = answer.data["nearest"]
    assert answer.data["passages"] == [] and nearest == first
    assert f"\n[1] {nearest['id']}, relevance {nearest['relevance']:.2f}" in answer.text


@pytest.mark.parametrize("budget", [50, 90, 200, 1000])
def test_an_answer_keeps_to_its_budget(desk, index, budget) -> None:
    answer = desk("search", query="when is a site closed?", budget=budget, min_relevance=0)
    notes = 20
    assert answer.data["passages"] and length(index, answer.text) <= budget + notes
    for one in answer.data["passages"]:
        whole = index.contents.document(one["doc_id"]).text
        assert whole[one["start"] : one["end"]].startswith(one["text"])
        assert one["cut"] == (len(one["text"]) < one["end"] - one["start"])
    if answer.data["left_out"]:
        assert f"{len(answer.data['left_out'])} more did not fit" in answer.text


def test_hits_are_scored_again_as_the_shell_was_told(handbook, foxes, monkeypatch) -> None:
    """By one model for all indexes, whose scores put their passages in one order."""
    shortest = FunctionReranker(lambda query, texts: [-float(len(text)) for text in texts])
    loaded = []
    monkeypatch.setattr(
        encoders, "load_reranker", lambda name, **how: loaded.append(name) or shortest
    )
    asked = {"query": "site closed", "k": 50, "min_relevance": 0.0}
    where = [handbook, foxes], None, None, None, None, ""
    plain = Desk(library_of(*where, None))("search", **asked).data["passages"]
    again = Desk(library_of(*where, "a-model"))
    lengths = [len(read_titled(hit)) for _, hit in hits_of(again.library.shelves, [QUERY], {})[0]]
    assert lengths == sorted(lengths) and loaded == ["a-model"]
    found = again("search", **asked).data["passages"]
    assert {one["id"] for one in found} == {one["id"] for one in plain} and found != plain
    own = Reranked(Index.open(foxes).retriever, shortest, depth=1)  # its retriever is not asked
    alone = Library.of({"handbook": Index.open(handbook)})
    orders = [
        [hit.id for _, hit in hits_of(alone.reranking(by).shelves, [QUERY], {})[0]]
        for by in (None, own, "x")
    ]
    assert orders[0] == orders[1] != orders[2] and loaded == ["a-model", "x"]
    with pytest.raises(
        BadInput, match="rerank is a cross-encoder's name or folder, .* got function"
    ):
        index_tools(handbook, rerank=lambda query, hits: hits)


def test_k_counts_passages(desk) -> None:
    assert len(desk("search", query="site closed", k=1, min_relevance=0).data["passages"]) == 1


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"year": 2020}, {"handbook/leave.md"}),
        ({"year": [2020, 2024]}, {"handbook/leave.md", "handbook/coffee.md"}),
        ({"year": {"gt": 2020, "lte": 2024}}, {"handbook/coffee.md"}),
        ({"year": {"missing": True}}, {"evil"}),
        ({"year": 2020.0}, {"handbook/leave.md"}),
        ({"tags": "hr"}, {"handbook/leave.md"}),
        ({"tags": ["none", "leave"]}, {"handbook/leave.md"}),
        ({"ok": True}, {"evil"}),
        ({"doc_id": {"contains": "handbook/"}}, {"handbook/leave.md", "handbook/coffee.md"}),
        ({"title": {"ne": "Leave"}, "year": 2024}, {"handbook/coffee.md"}),
        ({"day": {"gte": "2020-01-01"}}, set()),
        ({"share": {"lt": 1}}, set()),
        ({}, {one.id for one in DOCUMENTS}),
    ],
)
def test_filters_mean_what_they_say(desk, filters, found) -> None:
    asked = {"query": "coffee, leave, elevator", "min_relevance": 0, "k": 50, "budget": 20000}
    answer = desk("search", filters=filters, **asked)
    assert {one["doc_id"] for one in answer.data["passages"]} == found
    [row] = desk("list", filters=filters, documents=50).data["collections"]
    assert {one["id"] for one in row["listed"]} == found and row["matching"] == len(found)


def test_null_is_not_given(desk) -> None:
    search = desk.tools["search"]
    assert search.call({"query": "coffee", "k": None, "filters": {"year": None}}) == search.call(
        {"query": "coffee"}
    )


def test_read_shows_neighbours_section_and_document(desk, index) -> None:
    chunks = index.contents.chunks("handbook/leave.md")
    at = next(i for i, one in enumerate(chunks) if "fourteen" in one.text)
    id, text = chunks[at].id, HANDBOOK
    around = desk("read", id=id).data
    assert (around["start"], around["end"]) == (chunks[at - 1].start, chunks[at + 1].end)
    ahead = desk("read", id=id, before=0, after=2).data
    assert (ahead["start"], ahead["end"]) == (chunks[at].start, chunks[at + 2].end)
    section = desk("read", id=id, show="section").data["text"]
    under = index.contents.section(chunks[at])
    assert section == text[under[0].start : under[-1].end] and len(under) < len(chunks)
    whole = desk("read", id=id, show="document").data
    assert (whole["text"], whole["next"], whole["length"]) == (text, None, len(text))
    assert desk("read", id="handbook/leave.md").data["text"] == text
    part = desk("read", id="handbook/leave.md", start=2, end=7)
    assert part.data["text"] == text[2:7] and "[goes on: read with start=7]" in part.text


def test_blank_lines_at_the_end_are_nothing_to_read_on_for() -> None:
    index = Index.in_memory()
    index.add([Document("pump", "# Pump\n\nIt overheats after ten minutes.\n")])
    desk = Desk(Library.of({"x": index}))
    [chunk] = index.contents.chunks("pump")
    around = desk("read", id=chunk.id)
    assert around.data["end"] < around.data["length"] and around.data["next"] is None
    assert "goes on" not in around.text


def test_a_long_document_is_read_in_parts(desk, index) -> None:
    read, start = "", 0
    while start is not None:
        part = desk("read", id="handbook/leave.md", start=start, budget=50).data
        assert length(index, part["text"]) <= 50 and part["text"]
        read, start = read + part["text"], part["next"]
    assert read == HANDBOOK


def test_what_is_nearest_is_shown_where_not_all_fits(desk, index) -> None:
    chunks = index.contents.chunks("handbook/leave.md")
    shown = desk("read", id=chunks[5].id, before=20, after=20, budget=120).data
    assert shown["start"] < chunks[5].start and shown["end"] > chunks[5].end
    assert length(index, shown["text"]) <= 120


def test_list_counts_what_is_seen(desk, index) -> None:
    [row] = desk("list").data["collections"]
    assert (row["documents"], row["listed"]) == (len(DOCUMENTS), [])
    assert row["passages"] == index.contents.count() == len(index) - 2
    assert row["fields"]["tags"] == "list[str]"
    first = desk("list", documents=2).data["collections"][0]["listed"]
    rest = desk("list", documents=2, after=first[-1]["id"]).data["collections"][0]["listed"]
    assert [one["id"] for one in first + rest] == sorted(one.id for one in DOCUMENTS)


def test_several_collections(both) -> None:
    answer = both("search", query="what do foxes hunt under the snow?")
    first = answer.data["passages"][0]
    assert (first["collection"], first["doc_id"]) == ("foxes", "hunt")
    assert answer.text.startswith("[1] foxes: hunt#0-")
    only = both("search", query="what do foxes hunt?", collection="handbook", min_relevance=0)
    assert {one["collection"] for one in only.data["passages"]} == {"handbook"}
    oslo = both("search", query="what do foxes hunt?", filters={"place": "Oslo"})
    assert "handbook was not searched: it has not all these fields." in oslo.text
    assert [one["doc_id"] for one in oslo.data["passages"]] == ["hunt"]
    neither = both("search", query="foxes", filters={"place": "Oslo", "year": 2020})
    assert neither.failed and "No collection has all the fields" in neither.text
    assert both("read", id="handbook/leave.md").text == (
        "handbook, foxes have this id; name the collection."
    )
    assert "May" in both("read", id="handbook/leave.md", collection="foxes").text
    assert [one["name"] for one in both("list").data["collections"]] == ["handbook", "foxes"]


def test_what_acts_on_a_terminal_is_spelt_out_for_the_model(desk) -> None:
    answer = desk("search", query="which music does the elevator play?")
    assert "\\x1b[2J\\x07 plays \\u202ejazz" in answer.text and "\x1b" not in answer.text
    assert "\x1b" not in desk("read", id="evil").text + desk("list", documents=9).text
    assert answer.data["passages"][0]["text"] == DOCUMENTS[2].text


def test_a_hosts_filter_is_a_boundary(index) -> None:
    within = Library.of({"handbook": index}).narrowed({"handbook": field("year") == 2024})
    desk = Desk(within)
    assert [one["documents"] for one in desk("list").data["collections"]] == [1]
    assert desk("list").data["collections"][0]["passages"] == 1
    assert "no passage or document" in desk("read", id="handbook/leave.md").text
    for filters in ({}, {"year": 2020}, {"doc_id": "handbook/leave.md"}):
        answer = desk("search", query="leave of parents", filters=filters, min_relevance=0)
        assert "handbook/leave.md" not in {one["doc_id"] for one in answer.data["passages"]}
    assert (
        desk("search", query="leave", filters={"year": 2020}).text == "Nothing passes the filters."
    )


def test_pages_and_addresses_are_cited_and_no_path_of_the_machine() -> None:
    index = Index.in_memory(chunk_tokens=None)
    slide = {"page": 3, "page_end": 4, "page_kind": "slide", "url": "https://example.org/talk"}
    index.add(
        [
            Document("talk", "Foxes hunt mice.", "Talk", slide),
            Document("file", "Foxes dig dens.", metadata={"source": "/srv/secret/file.txt"}),
        ]
    )
    desk = Desk(Library.of({"x": index}))
    answer = desk("search", query="foxes hunt mice", min_relevance=0)
    cited = {
        one["doc_id"]: (one["source"], one["page"], one["page_end"])
        for one in answer.data["passages"]
    }
    assert cited == {"talk": ("https://example.org/talk", 3, 4), "file": ("file", None, None)}
    assert ", slides 3-4, Talk" in answer.text and "/srv" not in answer.text + str(answer.data)


def test_newer_documents_first_as_the_host_or_a_program_says() -> None:
    today = datetime.now(timezone.utc).date()
    index = Index.in_memory(encoder=HashEncoder(), fields={"day": date})
    index.add(
        Document(id, "The fox is red.", metadata={"day": today - timedelta(days=age)})
        for id, age in (("a-old", 900), ("b-new", 1))
    )
    plain = Index.in_memory(encoder=HashEncoder())
    plain.add(Document("c", "The fox is brown."))
    library = Library.of({"notes": index, "plain": plain})

    def first(some: Library, **asked: object) -> str:
        answer = web.search_tool(some).call({"query": "red fox", "collection": "notes", **asked})
        assert not answer.failed, answer.text
        return answer.data["hits"][0]["doc_id"]

    assert first(library) == first(library, fresh=0) == "a-old"
    assert first(library, fresh=30) == first(library, fresh=30, by="day") == "b-new"
    fixed = library.fresher(30, "")
    assert first(fixed) == "b-new" and first(fixed, fresh=0) == "a-old"
    search = tools(fixed)[0]
    assert "fresh" not in search.takes, "a model cannot choose it"
    said = search.call({"query": "red fox", "min_relevance": 0}).data["passages"]
    assert next(one["doc_id"] for one in said if one["collection"] == "notes") == "b-new"
    assert "c" in [one["doc_id"] for one in said], "an index without dates is searched as ever"
    assert "fresh" not in web.search_tool(Library.of({"plain": plain})).takes
    with pytest.raises(BadInput, match="these indexes have none"):
        Library.of({"plain": plain}).fresher(30, "")
    with pytest.raises(BadInput, match="these indexes have day"):
        library.fresher(30, "dya")


def test_what_freshness_lacks_is_told_and_no_fault_of_the_server() -> None:
    def searched(fields: dict[str, type]) -> Library:
        index = Index.in_memory(encoder=HashEncoder(), fields=fields)
        index.add(Document("a", "The fox is red."))
        return Library.of({"notes": index})

    one, two = searched({"day": date}), searched({"day": date, "until": date})
    for library, asked, told in (
        (one, {"by": "day"}, "give both, got by='day' alone"),
        (two, {"fresh": 30}, "one of day, until"),
    ):
        for tool, about in (
            (web.search_tool, {"query": "fox"}),
            (web.batch_tool, {"queries": ["fox"]}),
        ):
            answer = tool(library).call({**about, **asked})
            assert answer.failed and told in answer.text
    assert not web.search_tool(two).call({"query": "fox", "fresh": 0}).failed
    assert not web.search_tool(two).call({"query": "fox", "fresh": 30, "by": "until"}).failed
    with pytest.raises(BadInput, match="notes has day, until"):
        two.fresher(30, "")
    assert two.fresher(30, "day").shelves[0].by == "day"


def test_whoever_serves_an_index_without_its_model_is_told_at_once(tmp_path, caplog) -> None:
    class Gone(HashEncoder):
        recipe = Recipe("model", {"model": "no-such-model"})

    Index.create(tmp_path / "kb", encoder=Gone()).add([Document("fox", "A red fox.")])
    library_of([str(tmp_path / "kb")], None, None, None, None, "", None)
    assert "kb cannot be searched. Cannot find the model 'no-such-model'" in caplog.text
