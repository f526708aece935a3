"""Copies and pickles: an index on disk is opened by its place, one in memory is copied whole."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rag_embed import Document, Index
from rag_embed.encoders import FunctionEncoder, HashEncoder, load
from rag_embed.errors import BadInput
from rag_embed.ranking.rerank import Reranked, stored_rows
from rag_embed.situated.described import described

DOCUMENTS = [
    Document("fox", "The red fox hunts mice. It sleeps by day.", title="Fox"),
    Document("sea", "The deep blue sea is full of fish."),
    Document("own", "Ada's fox is called Rob.", user="ada"),
]
QUERY = "Where do foxes hunt?"


def again(value, way):
    return pickle.loads(pickle.dumps(value)) if way == "pickle" else copy.deepcopy(value)


def lengths(texts):
    return [[len(text), 1.0] for text in texts]


def made(where, tmp_path, **options):
    options.setdefault("encoder", HashEncoder())
    if where == "memory":
        return Index.in_memory(**options)
    return Index.create(tmp_path / "kb", **options)


WAYS = pytest.mark.parametrize("way", ["pickle", "deepcopy"])
BOTH = pytest.mark.parametrize("where", ["memory", "lancedb"])


@WAYS
@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"situate": "summary", "chunk_tokens": 6, "fields": {"year": int}},
        {"encoder": FunctionEncoder(lengths, name="lengths", max_tokens=9)},
    ],
    ids=["plain", "summary", "function"],
)
def test_a_copy_finds_the_same_and_can_be_added_to(where, way, options, tmp_path):
    index = made(where, tmp_path, **options)
    index.add(DOCUMENTS)
    index.users.remember("ada", ["red foxes", "mice"])
    copied = again(index, way)
    assert copied.search(QUERY, user="ada") == index.search(QUERY, user="ada")
    assert copied.contents.stats()["signature"] == index.contents.stats()["signature"]
    assert copied.users.profile("ada").count == 2
    assert copied.add([Document("new", "A grey wolf.", metadata={"year": 2020})]).added == 1
    copied.users.remember("ada", ["wolves"])
    shared = where == "lancedb"  # one place on disk
    assert (index.contents.document("new") is not None) == shared
    assert index.users.profile("ada").count == (3 if shared else 2)


@WAYS
@BOTH
def test_the_default_model_is_loaded_again(where, way, tmp_path):
    index = made(where, tmp_path, encoder=load())
    index.add(DOCUMENTS)
    pickled = pickle.dumps(index.spaces.own)
    assert len(pickled) < 10_000  # no weights
    assert again(index, way).search(QUERY) == index.search(QUERY)


def test_another_process_opens_it_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    index = Index.create("kb", encoder=HashEncoder())
    index.add(DOCUMENTS)
    index.users.remember("ada", ["red foxes"])
    Path("index.pickle").write_bytes(pickle.dumps((index, index.retriever)))
    program = (
        "import pickle, sys\n"
        "from rag_embed import Query\n"
        "index, retriever = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(index.search('foxes')[0].id, retriever.retrieve([Query('foxes')])[0][0].id)\n"
        "print(index.users.profile('ada').count)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "index.pickle")]
    said = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout
    assert said.split() == ["fox#0-41", "fox#0-41", "1"]


@WAYS
def test_what_is_around_an_index_is_copied_with_it(way, tmp_path):
    index = made("lancedb", tmp_path)
    index.add(DOCUMENTS)
    reranked = Reranked(index.retriever, Shortest(), rows=stored_rows(index.store))
    index.experts.attach("other", index.retriever)
    index.experts.add_space("small", HashEncoder(8))
    copied, wrapped = again((index, reranked), way)
    assert wrapped.retrieve([_query()]) == reranked.retrieve([_query()])
    assert [one.name for one in copied.experts.list()] == ["small", "other"]
    legs = {leg.name: leg for leg in copied.experts.legs()}
    assert legs["small"].encoder.encode_query(["fox"]).shape == (1, 8)


class Shortest:
    def rerank(self, query, hits, /):
        return np.array([-len(hit.text) for hit in hits], np.float32)


def _query():
    from rag_embed import Query

    return Query(QUERY)


def test_options_of_the_store_go_with_it(tmp_path):
    index = made("lancedb", tmp_path)
    index.store.cache_bytes = 0
    copied = copy.deepcopy(index)
    assert copied.store.cache_bytes == 0 and copied.store is not index.store
    assert copied.users._store is copied.store


def test_functions_that_cannot_be_pickled_say_what_to_do(tmp_path):
    index = made("lancedb", tmp_path, encoder=FunctionEncoder(lambda t: lengths(t), name="mine"))
    index.add(DOCUMENTS)
    with pytest.raises(BadInput, match=r"'mine' cannot be pickled.*Index\.open\(path, encoder="):
        pickle.dumps(index)
    assert copy.deepcopy(index).search(QUERY) == index.search(QUERY)


def topic(document, chunk):
    return "About foxes."


def test_a_writer_that_has_a_name_goes_with_its_index(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    index = made("lancedb", tmp_path, situate=described(topic, name="by name", cache="contexts.db"))
    monkeypatch.chdir("/")
    index.add(DOCUMENTS)
    assert again(index, "pickle").add([Document("new", "A wolf.")]).added == 1


def test_a_writer_without_a_name_stays_with_its_process(tmp_path):
    situate = described(lambda document, chunk: "About foxes.", name="by hand")
    index = made("lancedb", tmp_path, situate=situate)
    index.add(DOCUMENTS)
    pickled = again(index, "pickle")
    assert pickled.search(QUERY) == index.search(QUERY)
    with pytest.raises(BadInput, match="situate="):
        pickled.add([Document("new", "A wolf.")])
    assert again(index, "deepcopy").add([Document("new", "A wolf.")]).added == 1
