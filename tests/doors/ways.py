"""The four ways in, each as a stranger would use it; every call opens the index by its path."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from doors.indexes import ASKED, LABELS, QUERY
from doors.table import Asked
from langchain_core.documents import Document as LangChainDocument
from langchain_rag_embed import RagEmbedRetriever as LangChainRetriever
from langchain_rag_embed import RagEmbedVectorStore as LangChainStore
from langchain_rag_embed import to_documents as langchain_documents
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.vector_stores import FilterOperator, MetadataFilter
from llama_index.retrievers.rag_embed import RagEmbedIndexer
from llama_index.retrievers.rag_embed import RagEmbedRetriever as LlamaRetriever
from llama_index.retrievers.rag_embed import to_documents as llama_documents

from rag_embed import Document, Index, Query, cli, field
from rag_embed.ranking import BestChunks, Reranked

KNOWN = {
    "field": field,
    "Reranked": Reranked,
    "BestChunks": BestChunks,
    "MetadataFilter": MetadataFilter,
    "FilterOperator": FilterOperator,
}
"""What the words of the table may name."""


def options(asked: Asked, way: str):
    return eval(f"dict({asked.arguments(way)})", dict(KNOWN))


def asked_of(path, asked: Asked):
    """The index, or the retriever around it that the table names."""
    index = Index.open(path)
    return eval(asked.retriever, {**KNOWN, "index": index}) if asked.retriever else index


def said(hit):
    return hit.id, hit.score, hit.relevance


class Python:
    def found(self, path, asked: Asked):
        given, index = {"k": 10, **options(asked, "Python")}, Index.open(path)
        budget = given.pop("passage_tokens", None)
        around = asked_of(path, asked)
        retriever = around.retriever if isinstance(around, Index) else around
        [hits] = retriever.retrieve([Query(QUERY, **given)])
        if budget is not None:
            hits = [one.as_hit for one in index.contents.passages(hits, budget)]
        elif asked.retriever is None:
            assert hits == index.search(QUERY, **given)
        return [said(hit) for hit in hits]

    def explained(self, path, asked: Asked):
        found = Index.open(path).explain(QUERY, **options(asked, "Python"))
        return [one.explained for one in found]

    def add(self, path, text, user, readers=None):
        Index.open(path).add(Document("own.txt", text, user=user, readers=readers))

    def delete(self, path, ids, user, groups=()):
        return Index.open(path).delete(ids, user=user, groups=groups)

    def declare(self, path):
        assert not Index.open(path).contents.declare({"shelf": int}).partly

    def remember(self, path, user, text):
        return Index.open(path).users.remember(user, [text])

    def forget(self, path, user):
        return Index.open(path).forget(user)

    def known(self, path, user):
        known = Index.open(path).users.profile(user)
        return known.count, [event.text for event in known.foremost]

    def tune(self, path):
        index = Index.open(path)
        verdict = index.tune("weights", LABELS)
        index.apply(verdict)
        return verdict.kept, verdict.reason


class Shell:
    def __init__(self, monkeypatch, capsys) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def found(self, path, asked: Asked):
        hits = self._json("search", path, asked)["hits"]
        return [(hit["id"], hit["score"], hit["relevance"]) for hit in hits]

    def explained(self, path, asked: Asked):
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

    def add(self, path, text, user, readers=()):
        Path("own.txt").write_text(text)
        named = [word for one in readers for word in ("--reader", one)]
        self._run("index", "own.txt", "--to", path, *(["--user", user] if user else named))

    def delete(self, path, ids, user, groups=()):
        named = [word for one in groups for word in ("--group", one)]
        self._run("delete", path, *ids, *(["--user", user] if user else named))
        return self._number()

    def declare(self, path):
        self._run("declare", path, "shelf:int")
        assert self._number() == 1

    def remember(self, path, user, text):
        Path("events.jsonl").write_text(json.dumps({"text": text}))
        self._run("remember", path, "events.jsonl", "--user", user)
        return self._number()

    def forget(self, path, user):
        self._run("forget", path, user)
        return self._number()

    def known(self, path, user):
        known = json.loads(self._run("profile", path, user, "--json"))
        return known["events"], [event["text"] for event in known["foremost"]]

    def tune(self, path):
        lines = [json.dumps({"_id": id, "text": text}) for id, text in ASKED.items()]
        Path("queries.jsonl").write_text("\n".join(lines))
        Path("qrels.tsv").write_text("".join(f"{id}\t{id}\t1\n" for id in ASKED))
        told = self._run("tune", path, "weights", "queries.jsonl", "qrels.tsv", "--json")
        return json.loads(told)["kept"], json.loads(told)["reason"]

    def _json(self, command, path, asked: Asked):
        given = shlex.split(asked.arguments("shell"))
        return json.loads(self._run(command, path, QUERY, "--json", "-k", "10", *given))

    def _number(self):
        return next(int(word) for word in self._complained.split() if word.isdigit())

    def _run(self, *arguments):
        self._monkeypatch.setattr(sys, "argv", ["rag-embed", *map(str, arguments)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit):
            cli.main()
        printed = self._capsys.readouterr()
        self._complained = printed.err
        return printed.out


class LangChain:
    def found(self, path, asked: Asked):
        given = {"k": 10, **options(asked, "LangChain")}
        index = asked_of(path, asked) if asked.retriever else path
        found = LangChainRetriever(index=index, k=10).invoke(QUERY, **given)
        assert LangChainRetriever(index=index, **given).batch([QUERY]) == [found]
        return [said(one) for one in found]

    def explained(self, path, asked: Asked):
        retriever, given = LangChainRetriever(index=path, k=10), options(asked, "LangChain")
        explained = [one.explained for one in retriever.explain(QUERY, **given)]
        for one, told in zip(retriever.invoke(QUERY, **given), explained, strict=True):
            assert (one.explanation, one.route) == (told["parts"], told["route"])
        return explained

    def add(self, path, text, user, readers=None):
        loaded = [LangChainDocument(text, metadata={"source": "own.txt"})]
        Index.open(path).add(langchain_documents(loaded, user=user, readers=readers))

    def delete(self, path, ids, user, groups=()):
        store = LangChainStore(path)
        before = len(store.index)
        assert store.delete(ids, user=user, groups=groups)
        return before - len(store.index)

    def declare(self, path):
        LangChainStore(path, fields={"shelf": int})

    def remember(self, path, user, text):
        return LangChainRetriever(index=path).remember(user, [text])

    def forget(self, path, user):
        return LangChainRetriever(index=path).forget(user)


class LlamaIndex:
    def found(self, path, asked: Asked):
        given = options(asked, "LlamaIndex")
        index = asked_of(path, asked) if asked.retriever else path
        found = LlamaRetriever(index, **given).retrieve(QUERY)
        [again] = LlamaRetriever(index).with_(**given).retrieve_many([QUERY])
        assert [one.node_id for one in again] == [one.node_id for one in found]
        return [(one.node_id, one.score, one.relevance) for one in found]

    def explained(self, path, asked: Asked):
        retriever = LlamaRetriever(path, **options(asked, "LlamaIndex"))
        explained = [one.explained for one in retriever.explain(QUERY)]
        for one, told in zip(retriever.retrieve(QUERY), explained, strict=True):
            assert (one.explanation, one.route) == (told["parts"], told["route"])
        return explained

    def add(self, path, text, user, readers=None):
        loaded = [LlamaDocument(id_="own.txt", text=text)]
        Index.open(path).add(llama_documents(loaded, user=user, readers=readers))

    def delete(self, path, ids, user, groups=()):
        return RagEmbedIndexer(path, user=user, readers=groups or None).delete(ids)

    def remember(self, path, user, text):
        return LlamaRetriever(path).remember(user, [text])

    def forget(self, path, user):
        return LlamaRetriever(path).forget(user)
