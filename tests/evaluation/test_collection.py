import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed.errors import BadInput
from rag_embed.evaluation import (
    Collection,
    read_collection,
    read_files,
    read_labels,
    split_by_document,
)
from rag_embed.types import Document

HEADER = "query-id\tcorpus-id\tscore\n"
CORPUS = [
    {"_id": "1", "title": "Files", "text": "Open them.", "doc_id": "guide", "start": 0},
    {"_id": "2", "title": "", "text": ""},
    {"_id": "3", "title": "Only a title", "text": ""},
]
QUERIES = [{"_id": "q1", "text": "how to open", "type": "x"}, {"_id": "q2", "text": "title"}]


def write(folder: Path, *, corpus=CORPUS, queries=QUERIES, qrels=HEADER + "q1\t1\t2\nq2\t3\t0\n"):
    for name, entries in (("corpus", corpus), ("queries", queries)):
        lines = "\n".join(json.dumps(entry) for entry in entries)
        (folder / f"{name}.jsonl").write_text(lines + "\n", encoding="utf-8")
    (folder / "qrels.tsv").write_text(qrels, encoding="utf-8")
    return folder


def test_reads_a_folder(tmp_path: Path) -> None:
    read = read_collection(write(tmp_path))
    assert read.name == tmp_path.name
    assert [document.id for document in read.documents] == ["1", "2", "3"]
    extra = {"doc_id": "guide", "start": 0}
    assert read.documents[0] == Document("1", "Open them.", "Files", metadata=extra)
    assert (read.documents[2].title, read.documents[2].text) == ("Only a title", "")
    assert read.queries == {"q1": "how to open", "q2": "title"}
    assert read.qrels == {"q1": {"1": 2}, "q2": {"3": 0}}
    assert read.judged == ("q1",)


def test_header_is_optional_and_line_ends_do_not_matter(tmp_path: Path) -> None:
    plain = read_collection(write(tmp_path, qrels="q1\t1\t1\r\n\r\nq2\t3\t1\r\n"))
    assert plain.qrels == {"q1": {"1": 1}, "q2": {"3": 1}}


def test_beir_files_in_the_wild(tmp_path: Path) -> None:
    corpus = [
        {"_id": 7, "text": "line\u2028separator", "metadata": {"url": "u"}},
        {"_id": "8", "title": None, "text": "x", "metadata": "plain"},
    ]
    write(tmp_path, corpus=corpus, qrels=HEADER + "q1\t7\t1\n")
    with (tmp_path / "queries.jsonl").open("r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.write("\ufeff" + text)
    read = read_collection(tmp_path, name="wild")
    assert read.name == "wild"
    assert [document.metadata for document in read.documents] == [
        {"url": "u"},
        {"metadata": "plain"},
    ]
    assert read.documents[0].text == "line\u2028separator"
    assert read.queries["q1"] == "how to open"


def test_splits(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text(HEADER + "q2\t2\t1\n")
    (tmp_path / "qrels" / "dev.tsv").write_text(HEADER + "q2\t3\t1\n")
    assert read_collection(tmp_path, split="dev").qrels == {"q2": {"3": 1}}
    assert "q1" in read_collection(tmp_path).qrels
    (tmp_path / "qrels.tsv").unlink()
    assert read_collection(tmp_path).qrels == {"q2": {"2": 1}}
    with pytest.raises(BadInput, match=r"train\.tsv; splits there: dev, test"):
        read_collection(tmp_path, split="train")


def test_files_anywhere(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "qrels.tsv").rename(tmp_path / "mine.tsv")
    paths = [tmp_path / name for name in ("corpus.jsonl", "queries.jsonl", "mine.tsv")]
    assert read_files(*paths, name="n").qrels == {"q1": {"1": 2}, "q2": {"3": 0}}
    with pytest.raises(BadInput, match=r"qrels\.tsv or .*test\.tsv; no qrels"):
        read_collection(tmp_path)


def test_labels_for_documents_at_hand(tmp_path: Path) -> None:
    write(tmp_path)
    labels = (tmp_path / "queries.jsonl", tmp_path / "qrels.tsv")
    documents = [Document("3", "other"), Document("1", "text")]
    read = read_labels(documents, *labels, name="mine")
    assert (read.documents, read.judged) == (tuple(documents), ("q1",))
    with pytest.raises(BadInput, match="document '3' is not in the corpus"):
        read_labels(documents[1:], *labels, name="mine")
    foldered = [Document("docs/a/3", "other"), Document("docs/3", "other"), documents[1]]
    with pytest.raises(BadInput, match="did you mean 'docs/3'\\? .*rag-embed list KB"):
        read_labels(foldered, *labels, name="mine")


def test_only_what_is_near_is_suggested_for_a_label(tmp_path: Path) -> None:
    write(tmp_path, qrels=HEADER + "q1\tteam/hr/vpn.md\t1\n")
    labels = (tmp_path / "queries.jsonl", tmp_path / "qrels.tsv")

    def told(*ids: str) -> str:
        with pytest.raises(BadInput) as refused:
            read_labels([Document(id, "text") for id in ids], *labels, name="mine")
        return str(refused.value)

    far = told("team/hr/expenses.md", "team/hr/wireguard.md", "team/hr/pay.md")
    assert "did you mean" not in far and "--no-strict" in far
    assert "did you mean 'it/vpn.md'?" in told("team/hr/expenses.md", "it/vpn.md")
    assert "did you mean 'team/hr/vpns.md'?" in told("team/hr/pen.md", "team/hr/vpns.md")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("corpus.jsonl", '{"_id": "1", "text": "a"}\nnot json\n', r"corpus\.jsonl:2: .*JSON"),
        ("corpus.jsonl", '\n["list"]\n', r"corpus\.jsonl:2: .*object, got list"),
        ("corpus.jsonl", '{"text": "a"}\n', r"corpus\.jsonl:1: .*'_id', got None"),
        ("corpus.jsonl", '{"_id": "", "text": "a"}\n', r"corpus\.jsonl:1: .*non-empty"),
        ("corpus.jsonl", '{"_id": true, "text": "a"}\n', r"corpus\.jsonl:1: .*'_id', got True"),
        ("corpus.jsonl", '{"_id": "1"}\n', r"corpus\.jsonl:1: .*'text', got None"),
        ("corpus.jsonl", '{"_id": "1", "title": 3, "text": ""}\n', r":1: .*'title', got 3"),
        ("corpus.jsonl", '{"_id": "1", "text": ""}\n' * 2, r":2: document '1' .*second time"),
        ("corpus.jsonl", "", r"corpus\.jsonl: .*at least one document"),
        ("queries.jsonl", '{"_id": "q1", "text": ""}\n' * 2, r":2: query 'q1' .*second time"),
        ("queries.jsonl", '{"_id": "q1", "text": null}\n', r"queries\.jsonl:1: .*'text'"),
        ("qrels.tsv", HEADER + "q1 1 1\n", r"qrels\.tsv:2: .*tabs, got 1 column"),
        ("qrels.tsv", HEADER + "q1\t0\t1\t1\n", r"qrels\.tsv:2: .*got 4 column"),
        ("qrels.tsv", HEADER + "q1\t1\tyes\n", r"qrels\.tsv:2: .*integer as score, got 'yes'"),
        ("qrels.tsv", "q1\t1\t0.5\n", r"qrels\.tsv:1: .*integer as score, got '0.5'"),
        ("qrels.tsv", HEADER + "q9\t1\t1\n", r"qrels\.tsv:2: query 'q9'"),
        ("qrels.tsv", HEADER + "q1\t9\t1\n", r"qrels\.tsv:2: document '9' .*strict=False"),
        ("qrels.tsv", HEADER + "q1\t1\t1\nq1\t1\t2\n", r"qrels\.tsv:3: .*differently"),
        ("qrels.tsv", HEADER, r"qrels\.tsv: .*at least one judgement"),
    ],
)
def test_malformed_input_names_file_and_line(tmp_path: Path, name, text, message) -> None:
    write(tmp_path)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        read_collection(tmp_path)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_files(tmp_path / "no", tmp_path / "no", tmp_path / "no", name="n")
    write(tmp_path)
    (tmp_path / "corpus.jsonl").write_bytes(b'{"_id": "1", "text": "\xe9"}\n')
    with pytest.raises(BadInput, match=r"corpus\.jsonl: expected UTF-8"):
        read_collection(tmp_path)


def test_judged_documents_outside_the_corpus_on_request(tmp_path: Path) -> None:
    write(tmp_path, qrels=HEADER + "q1\t9\t1\n")
    assert read_collection(tmp_path, strict=False).qrels == {"q1": {"9": 1}}


def test_collection_refuses_what_does_not_fit() -> None:
    twice = (Document("a", "x"), Document("a", "y"))
    with pytest.raises(BadInput, match="'a' occurs twice"):
        Collection("c", twice, {}, {})
    with pytest.raises(BadInput, match="name query 'q'"):
        Collection("c", twice[:1], {}, {"q": {"a": 1}})


def test_subset_keeps_the_corpus_and_the_order() -> None:
    whole = Collection(
        "c", (Document("a", "x"),), {"1": "x", "2": "y", "3": "z"}, {"1": {"a": 1}, "3": {"a": 1}}
    )
    part = whole.subset(["3", "2"], "part")
    assert (part.name, list(part.queries), dict(part.qrels)) == (
        "part",
        ["2", "3"],
        {"3": {"a": 1}},
    )
    assert part.documents == whole.documents
    with pytest.raises(BadInput, match="no query '9'"):
        whole.subset(["9"])


links = st.lists(
    st.dictionaries(st.integers(0, 30), st.integers(0, 2), max_size=3), min_size=2, max_size=30
)


@given(
    links=links,
    pages=st.integers(1, 31),
    seed=st.integers(0, 5),
    share=st.sampled_from([0.1, 0.5, 0.8]),
)
def test_no_document_is_on_both_sides(links, pages, seed, share) -> None:
    documents = tuple(
        Document(f"c{i}", "text", metadata={"doc_id": f"p{i % pages}"}) for i in range(31)
    )
    page = {document.id: document.metadata["doc_id"] for document in documents}
    qrels = {
        f"q{number}": {f"c{i}": grade for i, grade in grades.items()}
        for number, grades in enumerate(links)
    }
    whole = Collection("c", documents, dict.fromkeys(qrels, "text"), qrels)
    try:
        train, test = split_by_document(whole, seed, share)
    except BadInput as error:
        assert "tied to each other" in str(error)
        return
    seen = [
        {page[id_] for grades in side.qrels.values() for id_, grade in grades.items() if grade > 0}
        for side in (train, test)
    ]
    assert not seen[0] & seen[1]
    assert train.queries.keys() | test.queries.keys() == whole.queries.keys()
    assert not train.queries.keys() & test.queries.keys()
    assert train.queries
    assert test.queries
    assert train.documents == test.documents == whole.documents


def test_split_follows_chains_shares_and_seed() -> None:
    documents = tuple(Document(f"d{i}", "text") for i in range(101))
    chain = {"a": {"d0": 1, "d1": 1}, "b": {"d1": 1, "d2": 1}, "c": {"d2": 1}, "z": {"d3": 1}}
    train, test = split_by_document(Collection("c", documents, dict.fromkeys(chain, ""), chain))
    assert {tuple(train.queries), tuple(test.queries)} == {("a", "b", "c"), ("z",)}
    free = {f"q{i}": {f"d{i}": 1} for i in range(100)}
    collection = Collection("c", documents, dict.fromkeys(free, ""), free)
    train, test = split_by_document(collection, seed=3, train_share=0.8)
    assert (len(train.queries), len(test.queries)) == (80, 20)
    assert (train.name, test.name) == ("c (train)", "c (test)")
    again, _ = split_by_document(collection, seed=3, train_share=0.8)
    other, _ = split_by_document(collection, seed=4, train_share=0.8)
    assert list(again.queries) == list(train.queries)
    assert list(other.queries) != list(train.queries)


def test_what_cannot_be_split_says_so() -> None:
    one = Collection(
        "one", (Document("d", ""),), {"a": "", "b": ""}, {"a": {"d": 1}, "b": {"d": 1}}
    )
    with pytest.raises(BadInput, match="tied to each other"):
        split_by_document(one)
    with pytest.raises(BadInput, match="train_share"):
        split_by_document(one, train_share=1.0)


def test_real_collection() -> None:
    data = os.environ.get("RAG_EMBED_DATA")
    if not data:
        pytest.skip("set RAG_EMBED_DATA to a folder of BEIR-style collections to run this")
    read = read_collection(Path(data) / "scifact")
    assert (len(read.documents), len(read.judged)) == (5183, 300)
    train, test = split_by_document(read)
    assert abs(len(train.queries) - len(test.queries)) <= 2
