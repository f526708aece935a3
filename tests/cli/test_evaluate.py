"""`rag-embed eval`."""

from __future__ import annotations

import json
import sys
from datetime import date

import numpy as np
import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.ranking import Reranked

CORPUS = {"d1": "Close a file with a manager.", "d2": "Lists are sorted in place.", "d3": "Tea."}
QUERIES = {"q1": "closing files", "q2": "sort a list", "q3": "tea"}


@pytest.fixture
def labelled(tmp_path):
    folder = tmp_path / "labelled"
    folder.mkdir()
    rows = [json.dumps({"_id": id, "title": "", "text": text}) for id, text in CORPUS.items()]
    (folder / "corpus.jsonl").write_text("\n".join(rows))
    rows = [json.dumps({"_id": id, "text": text}) for id, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("\n".join(rows))
    rows = [f"q{i}\td{i}\t1" for i in (1, 2, 3)]
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(rows))
    return folder


def test_folder(run, labelled, tmp_path) -> None:
    done = run("eval", labelled, "--out", "report", "--json")
    assert done.code == 0 and "indexing 3 documents" in done.err
    report = done.json
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == report
    text = json.dumps(report)
    assert all(f'"{name}"' in text for name in ("dense", "lexical", "rag_embed"))
    for name in ("report.md", "report.html"):
        assert "lexical" in (tmp_path / "report" / name).read_text()
    for name in ("systems.png", "differences.png"):
        assert (tmp_path / "report" / name).read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_all_but_the_pictures_is_there(
    run, labelled, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = run("eval", labelled, "--out", "report")
    assert done.code == 0 and "lexical" in done.out
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert written == {"report.json", "report.md", "report.html"}
    assert "wrote report.json, report.md and report.html to report" in done.err
    assert done.err.count("matplotlib") == 1 and "[plots]" in done.err
    assert "<td>lexical</td>" in (tmp_path / "report" / "report.html").read_text()


def test_table(run, labelled) -> None:
    done = run("eval", labelled, "--metric", "recall@1")
    assert done.code == 0 and "Recall@1" in done.out and "lexical" in done.out


def test_the_whole_search_is_compared_with_each_leg_alone(run, labelled) -> None:
    done = run("eval", labelled)
    told = " ".join(done.out.split())
    assert "what rag_embed gains over each of the others" in told
    assert "is the best of the others. rag_embed is not beyond chance" in told
    report = run("eval", labelled, "--json").json
    legs = {name for name in report["evaluations"][0]["systems"] if name != "rag_embed"}
    assert {row["system"] for row in report["gains"]} == legs >= {"dense", "lexical"}
    assert all({"low", "high", "p"} <= row["difference"].keys() for row in report["gains"])


def test_a_baseline_of_ones_own(run, labelled) -> None:
    done = run("eval", labelled, "--baseline", "lexical", "--json")
    assert done.json["comparison"]["baseline"] == "lexical"
    wrong = run("eval", labelled, "--baseline", "bm25")
    assert wrong.code == 1 and "'bm25' was not measured" in wrong.err and "lexical" in wrong.err


def test_index_with_labels(run, labelled) -> None:
    assert run("index", labelled / "corpus.jsonl", "--to", "kb").code == 0
    labels = (labelled / "queries.jsonl", labelled / "qrels.tsv")
    whole = run("eval", "kb", *labels, "--json")
    assert whole.code == 0 and "indexing" not in whole.err
    assert "rag_embed" in json.dumps(whole.json)
    assert run("eval", "kb").code == 1
    half = run("eval", "kb", labels[0])
    assert half.code == 1 and "both queries and qrels" in half.err
    cut = run("eval", "kb", *labels, "--chunk-tokens", "50")
    assert cut.code == 1 and "has its chunks already" in cut.err


def test_a_stale_label_stops_nobody_who_says_so(run, labelled) -> None:
    assert run("index", labelled / "corpus.jsonl", "--to", "kb").code == 0
    with (labelled / "qrels.tsv").open("a") as file:
        file.write("\nq1\tgone\t1\nq2\tlost\t1\n")
    labels = (labelled / "queries.jsonl", labelled / "qrels.tsv")
    commands = (("eval", "kb", *labels), ("eval", labelled), ("tune", "kb", "relevance", *labels))
    for command in commands:
        refused = run(*command)
        assert refused.code == 1 and "'gone' is not in the corpus" in refused.err
        assert "--no-strict" in refused.err
        done = run(*command, "--no-strict")
        assert "2 labels of documents that are not there, such as 'gone'" in done.err
    assert run("eval", labelled, "--no-strict").code == 0
    trained = run("train-reranker", labelled, "--out", "m", "--no-strict")
    assert "2 labels of documents" in trained.err
    nothing = run("train-expert", "kb", "--out", "m", "--no-strict")
    assert nothing.code == 1 and "is for labels" in nothing.err


def test_bad_input(run, labelled) -> None:
    missing = run("eval", "nowhere")
    assert missing.code == 1 and "nowhere" in missing.err
    metric = run("eval", labelled, "--metric", "beauty@10")
    assert metric.code == 1 and "beauty" in metric.err
    (labelled / "queries.jsonl").write_text("{not json\n")
    broken = run("eval", labelled)
    assert broken.code == 1 and "queries.jsonl:1" in broken.err.replace("\n", "")


def test_options_reach_every_query(run, labelled) -> None:
    rows = [json.dumps({"id": id, "text": text}) for id, text in CORPUS.items()]
    rows.append(json.dumps({"id": "d4", "text": "Closing files, says Ann.", "user": "ann"}))
    (labelled / "notes.jsonl").write_text("\n".join(rows))
    (labelled / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td4\t1\n")
    assert run("index", labelled / "notes.jsonl", "--to", "kb").code == 0
    labels = ("kb", labelled / "queries.jsonl", labelled / "qrels.tsv", "--json")

    def mean(*options) -> float:
        report = run("eval", *labels, *options).json
        [one] = report["evaluations"]
        return one["systems"]["rag_embed"]["means"]["ndcg@10"]

    nobody = run("eval", *labels)
    assert nobody.code == 1 and "1 that only private documents answer" in " ".join(
        nobody.err.split()
    )
    assert mean("--user", "ann") > 0.6
    assert mean("--user", "ann", "--where", "doc_id=d1") == 0.0
    assert mean("--user", "ann", "--min-relevance", "1") == 0.0
    told = run("eval", *labels, "--user", "ann").json["settings"]
    assert told["options"] == {"user": "ann"}
    refused = run("eval", *labels, "--router", "--user", "ann")
    assert refused.code == 1 and "--router" in refused.err


def test_groups_and_dates_reach_every_query(run, labelled) -> None:
    text, day = "Closing files quickly.", date.today()
    rows = [
        {"id": "a-old", "text": text, "metadata": {"day": "1990-01-01"}},
        {"id": "b-new", "text": text, "metadata": {"day": f"{day}"}},
        {"id": "hr", "text": "Closing files, for hr.", "readers": ["hr"]},
    ]
    (labelled / "notes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (labelled / "new.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tb-new\t1\n")
    (labelled / "hr.tsv").write_text("query-id\tcorpus-id\tscore\nq1\thr\t1\n")
    assert run("index", labelled / "notes.jsonl", "--to", "kb", "--field", "day:date").code == 0

    def mean(qrels, *options) -> float:
        labels = (labelled / "queries.jsonl", labelled / qrels)
        report = run("eval", "kb", *labels, "--metric", "mrr@1", "--json", *options).json
        return report["evaluations"][0]["systems"]["rag_embed"]["means"]["mrr@1"]

    assert mean("new.tsv") == mean("new.tsv", "--fresh", "0") == 0.0
    assert mean("new.tsv", "--fresh", "30", "--by", "day") == 1.0
    nobody = run("eval", "kb", labelled / "queries.jsonl", labelled / "hr.tsv")
    assert nobody.code == 1 and "only private documents answer" in " ".join(nobody.err.split())
    assert mean("hr.tsv", "--group", "hr", "--where", "doc_id=hr") == 1.0


def test_questions_cuts_and_what_they_can_prove(run, labelled) -> None:
    with (labelled / "queries.jsonl").open("a") as file:
        file.write('\n{"_id": "q4", "text": "who won the world cup?"}')
    with (labelled / "qrels.tsv").open("a") as file:
        file.write("\nq4\td3\t0")
    done = run("eval", labelled, "--baseline", "lexical")
    told = " ".join(done.out.split())
    assert "right document does not come first with rag_embed" not in told, "all of them do"
    assert "questions that rag_embed wins and loses" in told or "0 lost, 3 even" in told
    assert "What a cut of relevance loses and lets through" in told and "of 1" in told
    assert "3 queries can show no gain" in told
    report = run("eval", labelled, "--json").json
    assert [one["least"] for one in report["cuts"]] == [0.1, 0.2, 0.3, 0.5]
    assert report["cuts"][0]["unanswerable"] == 1 and "can show no gain" in report["reach"]
    assert report["evaluations"][0]["texts"][0] == "closing files"


def test_nothing_of_other_users_is_listed(run, tmp_path) -> None:
    index = Index.create("kb", encoder=HashEncoder(64))
    index.add([Document("a", "The sea."), Document("b", "A fox."), Document("x", "Tea is green.")])
    index.add([Document("secret", "the fox of ben is red", user="ben")])
    rows = [{"_id": "q1", "text": "the fox of ben", "user_id": "ben"}, {"_id": "q2", "text": "fox"}]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "r.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tb\t1\nq2\ta\t1\n")
    for options in ([], ["--user", "ann"], ["--json"], ["--out", "report"]):
        done = run("eval", "kb", "q.jsonl", "r.tsv", *options)
        written = [*(tmp_path / "report").glob("*.[jmh]*")] if "--out" in options else []
        for told in (done.out, *(file.read_text() for file in written)):
            assert "secret" not in told and "the fox of ben" not in told, options
    told = run("eval", "kb", "q.jsonl", "r.tsv").out
    assert "(q1, which a user asked)" in told and "(a private document)" in told
    assert "the fox of ben" in run("eval", "kb", "q.jsonl", "r.tsv", "--user", "ben").out


def test_a_reranker_is_measured_beside_the_search(run, labelled, monkeypatch) -> None:
    class Backwards:
        def rerank(self, query, hits):
            return np.arange(len(hits), dtype=np.float32)

    monkeypatch.setattr(
        Reranked, "by", lambda retriever, model, rows=None: Reranked(retriever, Backwards())
    )
    report = run("eval", labelled, "--rerank", "mine", "--json").json
    [one] = report["evaluations"]
    assert set(one["systems"]) == {"dense", "lexical", "rag_embed", "reranked"}
    assert report["system"] == "reranked" and report["settings"]["options"]["rerank"] == "mine"
    plain, after = (one["systems"][name]["found"] for name in ("rag_embed", "reranked"))
    assert [found["first"] for found in plain] != [found["first"] for found in after]
