"""`rag-embed experts`, `tune KB router` and `eval --router`, with an encoder that needs no model."""

from __future__ import annotations

import json
import re
import sys

import pytest

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection, Tried, Verdict
from rag_embed.maths.resampling import Difference
from rag_embed.tuning.everything import ORDER


@pytest.fixture
def labelled(tmp_path):
    """Two kinds of questions about many documents."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    corpus = {
        f"d{i}": f"Item {i} of shelf {i % 7} holds word{i} and thing{i % 5}." for i in range(40)
    }
    queries = {f"q{i}": f"which shelf has word{i}" for i in range(40)}
    lines = [json.dumps({"_id": id, "title": "", "text": text}) for id, text in corpus.items()]
    (folder / "corpus.jsonl").write_text("\n".join(lines))
    lines = [json.dumps({"_id": id, "text": text}) for id, text in queries.items()]
    (folder / "queries.jsonl").write_text("\n".join(lines))
    (folder / "qrels.tsv").write_text("\n".join(f"q{i}\td{i}\t1" for i in range(40)))
    return folder


@pytest.fixture
def kb(run, labelled) -> str:
    assert run("index", labelled / "corpus.jsonl", "--to", "kb").code == 0
    return "kb"


def test_no_experts_at_first(run, kb) -> None:
    assert run("experts", "list", kb, "--json").json == []
    told = run("experts", "list", kb)
    assert told.code == 0 and not told.out and "no experts" in told.err
    gone = run("experts", "remove", kb, "nobody")
    assert gone.code == 1 and "no expert 'nobody'" in gone.err


def test_enable_and_disable(run, kb) -> None:
    index = Index.open(kb)
    index.experts.add_space("other", HashEncoder(16))
    [one] = run("experts", "list", kb, "--json").json
    assert (one["name"], one["kind"], one["enabled"]) == ("other", "space", True)
    assert run("experts", "disable", kb, "other").code == 0
    assert run("experts", "list", kb, "--json").json[0]["enabled"] is False
    assert run("experts", "enable", kb, "other").code == 0
    assert "other" in run("experts", "list", kb).out
    assert run("experts", "remove", kb, "other").code == 0
    assert run("experts", "list", kb, "--json").json == []


def test_a_folder_without_adapter_is_refused(run, kb, tmp_path) -> None:
    added = run("experts", "add", kb, tmp_path)
    assert added.code == 1 and "adapter" in added.err


def test_tune_router(run, kb, labelled) -> None:
    labels = (labelled / "queries.jsonl", labelled / "qrels.tsv")
    done = run("tune", kb, "router", *labels, "--json")
    told = done.json
    assert done.code == (0 if told["kept"] else 5)
    asked, pilots = map(int, re.search(r"on (\d+) queries.* (\d+) pilots", told["reason"]).groups())
    assert asked + pilots == 40
    assert told["kept"] == told["used"] == (told["gain"]["low"] > 0)
    forced = run("tune", kb, "router", *labels, "--force")
    assert forced.code == 0 and "router: used" in forced.err
    why = run("ask-why", kb, "which shelf has word3", "--json").json
    assert why["route"]["pilots"] and 0 <= why["route"]["confidence"] <= 1
    assert "routed, confidence" in run("ask-why", kb, "which shelf has word3").out
    assert run("eval", kb, *labels, "--json").code == 0  # each leg alone, and the routed whole
    assert run("tune", kb, "router", "--reset").code == 0
    assert "route" not in run("ask-why", kb, "word3", "--json").json
    bare = run("tune", kb, "router")
    assert bare.code == 1 and "takes labels" in bare.err


def test_tune_says_what_is_compared_and_what_stays(run, kb, labelled) -> None:
    for what, otherwise in (("tokens", "--no-tokens"), ("situate", "--situate")):
        refused = run("tune", kb, what, "--reset")
        assert refused.code == 1 and otherwise in refused.err and "standard" not in refused.err
    none = [json.dumps({"_id": f"n{i}", "text": f"zebra opera {i + 50}"}) for i in range(20)]
    queries = (labelled / "queries.jsonl").read_text()
    (labelled / "more.jsonl").write_text("\n".join([queries, *none]))
    done = run(
        "tune", kb, "relevance", labelled / "more.jsonl", labelled / "qrels.tsv", "--dry-run"
    )
    assert "squared" in done.out and "ndcg" not in done.out.lower()
    assert ("relevance: would be used" in done.err) == (done.code == 0)
    assert ("no gain above chance, kept as it is" in done.err) == (done.code == 5)
    told = " ".join(done.out.split())
    assert "from 1 where the best hit answers" in told and "can show gains of about" in told


def test_tune_all_asks_what_the_labels_allow_and_changes_nothing(run, kb, labelled) -> None:
    labels = (labelled / "queries.jsonl", labelled / "qrels.tsv")
    before = Index.open(kb).experts.weights
    done = run("tune", kb, "all", *labels, "--json")
    parts = {one["name"]: one for one in done.json["parts"]}
    assert list(parts) == list(ORDER)
    assert "field of dates" in parts["fresh"]["skipped"]
    assert "user" in parts["personal"]["skipped"]
    assert parts["weights"]["queries"] > 5 and "20 queries" in parts["weights"]["reach"]
    helped = [name for name, one in parts.items() if one.get("kept")]
    assert done.json["helped"] == helped and done.code == (0 if helped else 5)
    untried = " ".join(done.json["not_tried"])
    for command in ("eval", "train-expert", "experts add-space", "index"):
        assert f"rag-embed {command} " in untried
    assert "helps from about 650 questions on, here are 40" in untried
    assert "differs by" in parts["situate"].get("reason", "differs by")
    index = Index.open(kb)
    assert index.experts.weights == before and index.experts.router is None
    for option in ("--force", "--reset"):
        refused = run("tune", kb, "all", *labels, option)
        assert refused.code == 1 and "all only tells" in refused.err
    wrong = run("tune", kb, "all", *labels, "--metric", "foo")
    assert (wrong.code, wrong.out) == (1, "") and "got 'foo'" in wrong.err
    seed = run("tune", kb, "all", *labels, "--seed", -1)
    assert seed.code == 2 and "--seed" in seed.err
    for what in ("weights", "relevance", "situate"):
        with pytest.raises(BadInput, match="seed must be an integer"):
            index.tune(what, Collection.of({"fox": ["old"]}), seed=-1)


def test_eval_with_a_router(run, labelled, tmp_path, monkeypatch) -> None:
    done = run("eval", labelled, "--router", "--out", "report", "--json")
    assert done.code == 0
    text = json.dumps(done.json)
    systems = ("best single", "default", "DatasetRouter", "paper", "soft", "DatasetOracle")
    assert all(f'"{name}"' in text for name in (*systems, "InstanceOracle"))
    for name in ("systems.png", "differences.png", "pilots.png", "reliability.png"):
        assert (tmp_path / "report" / name).read_bytes().startswith(b"\x89PNG")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    table = run("eval", labelled, "--router", "--out", "bare")
    assert table.err.count("matplotlib") == 1 and (tmp_path / "bare" / "report.html").is_file()
    assert table.code == 0 and "InstanceOracle" in table.out


def test_a_space_is_added_and_dropped(run, kb) -> None:
    done = run("experts", "add-space", kb, "other", "any-model")
    assert done.code == 0 and "40 chunks encoded" in done.err
    [expert] = run("experts", "list", kb, "--json").json
    assert (expert["name"], expert["kind"], expert["space"]) == ("other", "space", "other")
    assert run("experts", "add-space", kb, "other", "any-model").code == 1
    assert run("experts", "drop-space", kb, "other").code == 0
    assert run("experts", "list", kb, "--json").json == []
    assert run("experts", "drop-space", kb, "dense").code == 1


def test_a_space_may_be_situated_otherwise(run, kb) -> None:
    assert run("experts", "add-space", kb, "other", "hash", "--situate", "isolated").code == 0
    index = Index.open(kb)
    assert index.spaces.get("other").signature.chunks == "isolated"
    assert index.spaces.own.signature.chunks != "isolated"


def test_weights_of_an_existing_index(run, kb) -> None:
    done = run("experts", "weigh", kb, "lexical=0.75")
    assert done.code == 0 and "lexical 0.75" in done.err
    parts = run("search", kb, "word3", "--json").json["hits"][0]["parts"]
    assert [(part["leg"], part["weight"]) for part in parts] == [("lexical", 0.75)]
    for wrong, why in (("dense", "name=number"), ("words=1", "'words'")):
        done = run("experts", "weigh", kb, wrong)
        assert done.code == 1 and why in done.err
    assert run("tune", kb, "weights", "--reset").code == 0
    assert dict(Index.open(kb).experts.weights) == {"dense": 0.5, "lexical": 0.5}


def test_weights_of_one_user(run, kb, labelled) -> None:
    labels = (labelled / "queries.jsonl", labelled / "qrels.tsv")
    done = run("tune", kb, "weights", *labels, "--user", "ann", "--force", "--json")
    assert done.code == 0 and done.json["user"] == "ann"
    index = Index.open(kb)
    tried = index.experts.weights_of("ann")
    assert f"dense {tried['dense']:.3g}" in done.json["tried"][0]["name"]
    assert run("tune", kb, "weights", "--user", "ann", "--reset").code == 0
    assert Index.open(kb).experts.weights_of("ann") == index.experts.weights
    refused = run("tune", kb, "router", *labels, "--user", "ann")
    assert refused.code == 1 and "cannot be tuned for 'ann' alone" in refused.err


def test_no_table_of_what_is_used_alone(run, kb, labelled, monkeypatch) -> None:
    verdict = Verdict(
        "weights",
        {},
        Difference(0.0, 0.0, 0.0, 1.0),
        False,
        "They stay.",
        (Tried("own", 0.5),),
        None,
        20,
    )
    monkeypatch.setattr(Index, "tune", lambda *args, **options: verdict)
    done = run("tune", kb, "weights", labelled / "queries.jsonl", labelled / "qrels.tsv")
    assert "tried" not in done.out and "They stay." in done.out and "six better" in done.out
    assert done.code == 5 and "weights: no gain above chance, kept as it is" in done.err
