"""`rag-embed train-expert` and `train-situated`, on the default model."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

from rag_embed import Document, Index, encoders
from rag_embed.encoders import load as real
from rag_embed.encoders.adapter import WEIGHTS, read_adapter
from rag_embed.encoders.adapter_card import Card

made = runpy.run_path(str(Path(__file__).parents[1] / "training" / "conftest.py"))["made"]
FAST = ("--batch", 16, "--epochs", 3, "--learning-rate", "2e-3", "--device", "cpu")


@pytest.fixture
def train(run, monkeypatch):
    """`run`, with the default model."""
    monkeypatch.setattr(encoders, "load", real)
    return run


@pytest.fixture
def labelled(tmp_path) -> Path:
    collection = made()
    folder = tmp_path / "made"
    folder.mkdir()
    rows = [json.dumps({"_id": d.id, "title": "", "text": d.text}) for d in collection.documents]
    (folder / "corpus.jsonl").write_text("\n".join(rows))
    rows = [json.dumps({"_id": id, "text": text}) for id, text in collection.queries.items()]
    (folder / "queries.jsonl").write_text("\n".join(rows))
    rows = [f"{query}\t{id}\t1" for query, some in collection.qrels.items() for id in some]
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(rows))
    return folder


@pytest.fixture
def kb(tmp_path) -> Path:
    """Documents whose titles are the names that labels use."""
    index = Index.create(tmp_path / "kb", chunk_tokens=40)
    text = "Item {0} of part {1} is made of steel number {0}{1}. It is kept in hall {1}. "
    index.add(
        [
            Document(f"m{i}", " ".join(text.format(j, i) for j in range(8)), title=f"Manual {i}")
            for i in range(14)
        ]
    )
    return tmp_path / "kb"


def test_an_expert_of_a_labelled_folder(train, labelled, tmp_path) -> None:
    done = train("train-expert", labelled, "--out", "expert", "--json", *FAST)
    assert done.code == 0, done.err
    card = done.json
    assert card["installed"] and card["gain"]["low"] > 0 and card["name"] == "expert"
    assert card["data"] == "made: 160 labelled, 0 pseudo-queries"
    assert Card.read(tmp_path / "expert").after == card["after"]
    assert read_adapter(tmp_path / "expert").base.weights == card["weights"]


def test_an_index_without_labels(train, kb, tmp_path) -> None:
    """One epoch on made queries is no better than the model: the exit code and the words say so."""
    epoch = ("--epochs", 1, "--pseudo", 60, "--device", "cpu")
    done = train("train-expert", kb, "--out", "expert", *epoch)
    card = Card.read(tmp_path / "expert")
    assert done.code == (0 if card.installed else 5), done.err
    assert sum(card.pairs.values()) == 60 and "60 pseudo-queries" in done.out
    assert ("not installed" in done.out) == (not card.installed)
    assert (tmp_path / "expert" / WEIGHTS).exists() == card.installed


def test_labels_of_an_index(train, kb, tmp_path) -> None:
    rows = [json.dumps({"_id": f"q{i}", "text": f"what is in hall {i}"}) for i in range(14)]
    (tmp_path / "queries.jsonl").write_text("\n".join(rows))
    rows = [f"q{i}\tm{i}\t1" for i in range(14)]
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(rows))
    labels = (tmp_path / "queries.jsonl", tmp_path / "qrels.tsv")
    options = ("--epochs", 1, "--pseudo", 30, "--device", "cpu", "--json")
    done = train("train-expert", kb, *labels, "--out", "expert", *options)
    assert done.code in (0, 5), done.err
    card = done.json
    assert card["settings"]["group_by"] == "document"
    assert (
        card["pairs"]["held_out"] + card["pairs"]["validation"] < 14 < sum(card["pairs"].values())
    )
    half = train("train-expert", kb, labels[0], "--out", "expert")
    assert half.code == 1 and "both queries and qrels" in half.err
    none = train("train-expert", kb, "--out", "other", "--pseudo", 0)
    assert none.code == 1 and "--pseudo 1000" in none.err


def test_a_reranker_of_an_index(train, tmp_path) -> None:
    """Drafts hold more words of the query; what was agreed answers. A search is told it by its folder."""
    index = Index.create(tmp_path / "papers", weights={"dense": 0.01, "lexical": 0.99})
    draft, final = (
        "Number {0} is a draft, number {0} is not agreed.",
        "Number {0} is final and agreed.",
    )
    kinds = {"a": draft, "b": final}
    index.add(
        Document(f"{kind}{i}", text.format(i))
        for i in range(1000, 1060)
        for kind, text in kinds.items()
    )
    rows = [json.dumps({"_id": f"q{i}", "text": f"number {i}"}) for i in range(1000, 1060)]
    (tmp_path / "queries.jsonl").write_text("\n".join(rows))
    rows = [f"q{i}\tb{i}\t1" for i in range(1000, 1060)]
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(rows))
    labels = (tmp_path / "queries.jsonl", tmp_path / "qrels.tsv")
    few = ("--layers", 1, "--depth", 2, "--learning-rate", "1e-3", "--seed", 1, "--device", "cpu")
    done = train("train-reranker", "papers", *labels, "--out", "mine", "--json", *few)
    assert done.code == 0, done.err
    sides = [done.json["pairs"][side] for side in ("train", "validation", "held_out")]
    assert "{} pairs to learn from, {} to choose on, {} to report on".format(*sides) in done.err
    assert "far fewer rarely do" in done.err
    assert re.search(r"training: 1 of (\d+) steps, best nDCG@10 [01]\.\d{4}", done.err)
    steps = [line for line in done.err.splitlines() if line.startswith("training: ")]
    assert 2 <= len(steps) <= 11 and re.search(r": (\d+) of \1 steps", steps[-1])
    assert done.json["kind"] == "reranker" and done.json["data"] == "papers: 60 labelled"
    asked = ("search", "papers", "number 1007", "--json", "-k", 1)
    plain, better = train(*asked).json, train(*asked, "--rerank", "mine").json
    assert plain["hits"][0]["doc_id"] == "a1007"
    assert better["hits"][0]["doc_id"] == "b1007"
    assert [part["leg"] for part in better["hits"][0]["parts"]][-1] == "rerank"
    none = train("train-reranker", "papers", "--out", "mine")
    assert none.code == 1 and "give queries and qrels" in none.err


def test_situated(train, kb, tmp_path) -> None:
    options = ("--epochs", 1, "--pseudo", 40, "--device", "cpu", "--json")
    done = train("train-situated", kb, "--out", "late", *options)
    card = Card.read(tmp_path / "late")
    assert done.code == (0 if card.installed else 5), done.err
    assert card.kind == "situated" and set(card.settings["weights"]) == {"untrained", "trained"}
    assert "40 sentences cut out" in card.data
