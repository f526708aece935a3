"""Whatever way in one takes, an index does the same: a table of capability x way in.

The ways in are Python, the shell, LangChain and LlamaIndex. Every cell opens the index by its path, from
a working folder of its own; a model is loaded once. That async and batches do the same as the
plain call of a framework is for the tests of its adapter.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document as LangChainDocument
from langchain_rag_embed import RagEmbedRetriever as LangChainRetriever
from langchain_rag_embed import to_documents as langchain_documents
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters
from llama_index.retrievers.rag_embed import RagEmbedRetriever as LlamaRetriever
from llama_index.retrievers.rag_embed import to_documents as llama_documents

from rag_embed import Document, Index, cli, encoders
from rag_embed import field as metadata
from rag_embed.evaluation import Collection
from rag_embed.events import UserEvent
from rag_embed.indexing.installed import install
from rag_embed.indexing.personalisation import keep
from rag_embed.personal.setting import Setting
from rag_embed.routing.router import PilotRouter
from rag_embed.stores.lance import LanceStore
from rag_embed.tuning.pilots import learned

QUERY = "What does the fox do in winter?"

TEXTS = {
    "hunt": "The fox hunts mice under the snow all winter. It hears them from afar.",
    "den": "In winter a fox sleeps in its den. The vixen digs it in autumn.",
    "ski": "Fox Valley is a ski resort. The lifts run all winter.",
    "fund": "The Fox winter fund pays a dividend. Shares are traded in New York.",
    "mice": "Mice live under the snow in winter. Foxes hunt them.",
}
YEARS = {"hunt": 2018, "den": 2020, "ski": 2022, "fund": 2024, "mice": 2020}

LOAD = cache(encoders.load)


@dataclass(frozen=True)
class Asked:
    """One search.

    Attributes:
        index: Which of `kbs`.
        since: The least year: a filter, which every way in writes in its own words.
        options: The others, by the names of Python.
    """

    index: str = "plain"
    since: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


CELLS = {
    "k": Asked(options={"k": 2}),
    "where": Asked(since=2020),
    "user": Asked(options={"user": "ann"}),
    "previous": Asked("talk", options={"previous": ["What are shares?", "Who pays a dividend?"]}),
    "min_relevance": Asked(options={"min_relevance": 0.4}),
    "diversity": Asked(options={"diversity": 0.9}),
    "group_by": Asked(options={"group_by": "document"}),
    "history": Asked("history", options={"user": "ann"}),
    "router": Asked("routed"),
    "weights": Asked("weighed"),
    "all": Asked(
        "history",
        since=2019,
        options={
            "k": 3,
            "user": "ann",
            "previous": ["What are shares?"],
            "min_relevance": 0.1,
            "diversity": 0.5,
            "group_by": "document",
        },
    ),
}


@pytest.fixture(scope="module")
def kbs(tmp_path_factory) -> dict[str, Path]:
    """Indexes of one content: as it is, and with histories, talks or a router that count."""
    folder = tmp_path_factory.mktemp("doors")
    index = Index.create(folder / "plain", chunk_tokens=14, fields={"year": int})
    documents = [Document(id, text, metadata={"year": YEARS[id]}) for id, text in TEXTS.items()]
    own = Document("own", "Ann's fox sleeps on the sofa.", metadata={"year": 2023}, user="ann")
    index.add([*documents, own])
    index.users.remember("ann", [UserEvent.of("ann", f"dividends of fund {n}") for n in range(3)])
    for name, setting in {
        "history": Setting(2.0, prior=0.0),
        "talk": Setting(2.0, pooling="session", prior=0.0),
    }.items():
        shutil.copytree(folder / "plain", folder / name)
        keep(LanceStore.open(folder / name), setting)
    asked = {id: " ".join(text.split()[:4]) for id, text in TEXTS.items()}
    labels = Collection("doors", tuple(documents), asked, {id: {id: 1} for id in asked})
    pilots = learned(index.experts.hybrid(), index.spaces.own.signature, labels)
    shutil.copytree(folder / "plain", folder / "routed")
    install(LanceStore.open(folder / "routed"), PilotRouter(pilots))
    shutil.copytree(folder / "plain", folder / "weighed")
    Index.open(folder / "weighed").experts.weigh({"lexical": 1.0})
    return {name: folder / name for name in ("plain", "history", "talk", "routed", "weighed")}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(encoders, "load", LOAD)


class Python:
    def add(self, path, text, user):
        Index.open(path).add(Document("own.txt", text, user=user))

    def found(self, path, asked):
        return [_said(hit) for hit in Index.open(path).search(QUERY, **self._options(asked))]

    def explained(self, path, asked):
        return [one.explained for one in Index.open(path).explain(QUERY, **self._options(asked))]

    def _options(self, asked):
        since = {} if asked.since is None else {"where": metadata("year") >= asked.since}
        return {**asked.options, **since}


class Shell:
    def __init__(self, monkeypatch, capsys) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def add(self, path, text, user):
        Path("own.txt").write_text(text)
        self._run("index", "own.txt", "--to", path, "--user", user)

    def found(self, path, asked):
        hits = self._json("search", path, asked)["hits"]
        return [(hit["id"], hit["score"], hit["relevance"]) for hit in hits]

    def explained(self, path, asked):
        printed = self._json("ask-why", path, asked)
        return [
            {
                **{name: hit[name] for name in ("id", "score", "relevance", "parts")},
                "route": printed.get("route"),
                "words": hit["matched_words"],
                "token_matches": hit["token_matches"],
                "personal": hit.get("personal"),
            }
            for hit in printed["hits"]
        ]

    def _json(self, command, path, asked):
        arguments = [command, path, QUERY, "--json", "-k", "10"]
        if asked.since is not None:
            arguments += ["--where", f"year>={asked.since}"]
        for name, value in asked.options.items():
            option = "-k" if name == "k" else "--" + name.replace("_", "-")
            for one in value if isinstance(value, list) else [value]:
                arguments += [option, one]
        return json.loads(self._run(*arguments))

    def _run(self, *arguments):
        self._monkeypatch.setattr(sys, "argv", ["rag-embed", *map(str, arguments)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit):
            cli.main()
        return self._capsys.readouterr().out


class LangChain:
    def add(self, path, text, user):
        loaded = [LangChainDocument(text, metadata={"source": "own.txt"})]
        Index.open(path).add(langchain_documents(loaded, user=user))

    def found(self, path, asked):
        retriever = LangChainRetriever(index=path, k=10)
        found = retriever.invoke(QUERY, **self._options(asked))
        assert (
            LangChainRetriever(index=path, **{"k": 10, **self._options(asked)}).invoke(QUERY)
            == found
        )
        return [(one.id, one.score, one.relevance) for one in found]

    def explained(self, path, asked):
        retriever, options = LangChainRetriever(index=path, k=10), self._options(asked)
        explained = [one.explained for one in retriever.explain(QUERY, **options)]
        for one, said in zip(retriever.invoke(QUERY, **options), explained, strict=True):
            assert (one.explanation, one.route) == (said["parts"], said["route"])
        return explained

    def _options(self, asked):
        since = {} if asked.since is None else {"where": {"year": {"$gte": asked.since}}}
        return {**asked.options, **since}


class LlamaIndex:
    def add(self, path, text, user):
        Index.open(path).add(llama_documents([LlamaDocument(id_="own.txt", text=text)], user=user))

    def found(self, path, asked):
        found = LlamaRetriever(path, **self._options(asked)).retrieve(QUERY)
        again = LlamaRetriever(path).with_(**self._options(asked)).retrieve(QUERY)
        assert [one.node_id for one in again] == [one.node_id for one in found]
        return [(one.node_id, one.score, one.relevance) for one in found]

    def explained(self, path, asked):
        retriever = LlamaRetriever(path, **self._options(asked))
        explained = [one.explained for one in retriever.explain(QUERY)]
        for one, said in zip(retriever.retrieve(QUERY), explained, strict=True):
            assert (one.explanation, one.route) == (said["parts"], said["route"])
        return explained

    def _options(self, asked):
        if asked.since is None:
            return dict(asked.options)
        least = MetadataFilter(key="year", value=asked.since, operator=FilterOperator.GTE)
        return {**asked.options, "where": MetadataFilters(filters=[least])}


@pytest.fixture(params=["shell", "langchain", "llama_index"])
def door(request, monkeypatch, capsys):
    doors = {"langchain": LangChain(), "llama_index": LlamaIndex()}
    return doors.get(request.param) or Shell(monkeypatch, capsys)


def _said(hit):
    return hit.id, hit.score, hit.relevance


@pytest.mark.parametrize("name", CELLS)
def test_each_option_changes_what_is_found(kbs, name) -> None:
    asked = CELLS[name]
    less = Asked(options={"user": "ann"} if name == "history" else {})
    found, other = Python().found(kbs[asked.index], asked), Python().found(kbs["plain"], less)
    assert found and found != other


@pytest.mark.parametrize("name", CELLS)
def test_each_way_in_finds_the_same(kbs, door, name) -> None:
    asked = CELLS[name]
    found = door.found(kbs[asked.index], asked)
    expected = Python().found(kbs[asked.index], asked)
    assert [one[0] for one in found] == [one[0] for one in expected]
    for got, wanted in zip(found, expected, strict=True):
        assert got[1:] == pytest.approx(wanted[1:], abs=1e-4)


@pytest.mark.parametrize("name", ["where", "history", "previous", "router", "all"])
def test_each_way_in_says_the_same_of_why(kbs, door, name) -> None:
    asked = CELLS[name]
    explained = door.explained(kbs[asked.index], asked)
    expected = Python().explained(kbs[asked.index], asked)
    assert [one["id"] for one in explained] == [one["id"] for one in expected]
    assert any("fox" in one["words"] for one in expected)
    for got, wanted in zip(explained, expected, strict=True):
        assert got["words"] == wanted["words"]
        assert [part["leg"] for part in got["parts"]] == [part["leg"] for part in wanted["parts"]]
        assert sum(part["contribution"] for part in got["parts"]) == pytest.approx(
            wanted["score"], abs=1e-3
        )
        assert (got["route"] is None) == (wanted["route"] is None) == (name != "router")
        assert got["personal"] == wanted["personal"] or got["personal"]["events"]
        assert (got["personal"] is None) == (name in ("where", "router"))
        assert bool(got["token_matches"]) == bool(wanted["token_matches"])


def test_each_way_in_adds_for_an_owner(kbs, door, tmp_path) -> None:
    path = tmp_path / "kb"
    shutil.copytree(kbs["plain"], path)
    door.add(path, "Ben's fox is called Rob.", "ben")
    index = Index.open(path)
    [hit] = index.search("Ben's fox is called Rob.", k=1, user="ben")
    assert "own.txt" in hit.chunk.doc_id and hit.chunk.user == "ben"
    others = index.search_many(["Ben's fox is called Rob."] * 2, k=9)
    others += index.search_many(["Ben's fox is called Rob."], k=9, user="ann")
    assert not any(one.chunk.user == "ben" for hits in others for one in hits)
    assert index.forget("ben") == 1
