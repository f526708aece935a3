"""An index opens by its path, from any working folder, with nothing else: to search and to add."""

from __future__ import annotations

import os
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rag_embed import Document, Index
from rag_embed.encoders import FunctionEncoder, HashEncoder, SentenceEncoder, load
from rag_embed.errors import ModelUnavailable, NoIndex, SpaceMismatch, StoreError
from rag_embed.indexing.settings import read
from rag_embed.longcontext import extend, save, windows
from rag_embed.protocols import Encoder
from rag_embed.types import Query, Route

_WRITE_TINY = runpy.run_path(str(Path(__file__).parents[1] / "encoders" / "conftest.py"))[
    "write_tiny"
]

DOCUMENTS = [
    Document("fox", "the red fox runs over the hill"),
    Document("sea", "the blue sea is calm", title="water"),
    Document("owl", "an owl hunts at night"),
]
NEW = Document("whale", "a whale dives deep")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A folder with ``tiny``, a model, and ``long``, the same extended."""
    folder = tmp_path_factory.mktemp("models")
    _WRITE_TINY(folder / "tiny")
    save(extend(str(folder / "tiny"), 128, "recurrent"), folder / "long")
    return folder


@pytest.fixture
def here(models, tmp_path, monkeypatch) -> Path:
    """The working folder, with the models inside."""
    shutil.copytree(models, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Callable[[], None]:
    def go() -> None:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")

    return go


def centred() -> Encoder:
    return windows("tiny", 20, overlap=3, weights="novelty").centred(["one text", "another"])


ENCODERS: dict[str, Callable[[], Encoder | str]] = {
    "a relative folder": lambda: "tiny",
    "an extended model in a folder": lambda: "long",
    "an extended model": lambda: SentenceEncoder.wrap(extend("tiny", 128, "grouped"), name="mine"),
    "windows": lambda: windows("tiny", 20, overlap=3, weights="tokens"),
    "centred windows": centred,
    "windows over an extended model": lambda: windows(
        SentenceEncoder.wrap(extend("tiny", 128, "grouped")), 30
    ),
    "prompts": lambda: load("tiny", query_prompt="ask: ", document_prompt="text: "),
    "prompts in torch": lambda: SentenceEncoder("tiny", query_prompt="ask: "),
    "hashes": lambda: HashEncoder(48),
    "windows over hashes": lambda: windows(HashEncoder(48), 4),
}


def check_as_before(index: Index, again: Index) -> None:
    queries = ["who hunts?", "calm water"]
    rows, others = (one.spaces.own.encode_query(queries) for one in (index, again))
    assert (rows * others).sum(axis=1).min() > 0.999  # maybe once by torch, once by OpenVINO
    for one, other in zip(index.search_many(queries), again.search_many(queries), strict=True):
        assert [hit.id for hit in one] == [hit.id for hit in other]
    assert again.add([*DOCUMENTS, NEW]).unchanged == len(DOCUMENTS)
    assert again.search(NEW.text, k=1)[0].chunk.doc_id == "whale"


@pytest.mark.parametrize("name", ENCODERS)
def test_the_encoder_is_made_again(here, elsewhere, name) -> None:
    encoder = ENCODERS[name]()
    tokens = None if isinstance(encoder, str) else hasattr(encoder, "encode_document_tokens")
    index = Index.create("kb", encoder=encoder, chunk_tokens=40, tokens=tokens)
    index.add(DOCUMENTS)
    elsewhere()
    check_as_before(index, Index.open(here / "kb"))


@pytest.mark.parametrize("name", ["a relative folder", "windows"])
def test_the_encoder_of_a_second_space_is_made_again(here, elsewhere, name) -> None:
    index = Index.create("kb", encoder=HashEncoder(48))
    index.add(DOCUMENTS)
    index.experts.add_space("second", ENCODERS[name]())
    index.experts.weigh({"dense": 0.5, "second": 0.5})
    elsewhere()
    again = Index.open(here / "kb")
    check_as_before(index, again)
    again.experts.weigh({"dense": 1.0})
    again.experts.drop_space("second")
    assert set(read(again.store).recipes) == {"dense"}


class Always:
    """Routes every query alike."""

    def __init__(self, weights: dict[str, float]) -> None:
        self.weights = weights

    def route(self, queries, vectors, /):
        return [Route(self.weights, 1.0, ()) for _ in queries]


def embed(texts: list[str]) -> list[list[float]]:
    return HashEncoder(16).encode_document(texts).tolist()


class TestWhatOnlyAProgramCanMake:
    @pytest.fixture
    def kb(self, tmp_path) -> Path:
        index = Index.create(tmp_path / "kb", encoder=FunctionEncoder(embed, name="hosted-1"))
        index.add(DOCUMENTS)
        return tmp_path / "kb"

    def test_it_says_what_to_pass(self, kb) -> None:
        index = Index.open(kb)
        for work in (
            lambda: index.search("a fox"),
            lambda: index.add([NEW]),
            lambda: index.users.remember("ann", ["foxes"]),
        ):
            with pytest.raises(ModelUnavailable, match=r"'hosted-1'.*encoder=\.\.\."):
                work()

    def test_what_needs_no_encoder_works(self, kb) -> None:
        index = Index.open(kb)
        assert index.contents.document("sea").title == "water"
        assert index.contents.matching() == ["fox", "owl", "sea"] and len(index) == 3
        assert index.contents.stats()["signature"]["model"] == "hosted-1"
        vector = np.array(embed(["an owl hunts at night"])[0], dtype=np.float32)
        found = index.search(Query("owl", vectors={"dense": vector}), k=1)
        assert found[0].chunk.doc_id == "owl"
        assert index.delete(["owl"]) == 1 and index.forget("ann") == 0

    def test_it_is_passed(self, kb) -> None:
        index = Index.open(kb, encoder=FunctionEncoder(embed, name="hosted-1"))
        assert index.search("an owl", k=1)[0].chunk.doc_id == "owl"
        with pytest.raises(SpaceMismatch):
            Index.open(kb, encoder=FunctionEncoder(embed, name="another"))

    def test_a_second_space(self, tmp_path, caplog) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(48))
        index.add(DOCUMENTS)
        index.experts.add_space("second", FunctionEncoder(embed, name="hosted-1"))
        again = Index.open(tmp_path / "kb")
        again.experts.router = Always({"dense": 1.0})
        assert again.search("an owl", k=1)[0].chunk.doc_id == "owl"
        assert again.search("calm sea", k=1)[0].chunk.doc_id == "sea"
        assert caplog.text.count("The expert 'second' is left aside") == 1
        again.experts.router = None
        index.experts.weigh({"dense": 0.5, "second": 0.5})
        expected = index.search("an owl")
        again, remedy = Index.open(tmp_path / "kb"), r"index\.spaces\.know\('second', encoder\)"
        for work in (lambda: again.search("an owl"), lambda: again.add([NEW])):
            with pytest.raises(ModelUnavailable, match=remedy):
                work()
        again.spaces.know("second", FunctionEncoder(embed, name="hosted-1"))
        assert again.search("an owl") == expected
        assert again.add([NEW]).added == 1

    def test_an_encoder_made_of_ours_is_not_taken_for_ours(self, tmp_path) -> None:
        class Shouted(HashEncoder):
            def encode_query(self, texts):
                return super().encode_query([text.upper() for text in texts])

        index = Index.create(tmp_path / "kb", encoder=Shouted(48))
        index.add(DOCUMENTS)
        again = Index.open(tmp_path / "kb")
        with pytest.raises(ModelUnavailable, match="encoder="):
            again.search("an owl")
        assert Index.open(tmp_path / "kb", encoder=Shouted(48)).search("an owl") == index.search(
            "an owl"
        )

    def test_an_index_of_another_version(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(48))
        parts = {"encoder": {"kind": "quantum", "settings": {}, "files": {}}, "situate": None}
        index.store.configure({"recipes": {"dense": parts}})
        with pytest.raises(ModelUnavailable, match=r"'quantum'.*upgrade"):
            Index.open(tmp_path / "kb").add([NEW])
        assert len(Index.open(tmp_path / "kb", encoder=HashEncoder(48))) == 0


def test_an_index_without_recipes_is_opened_by_the_name_of_its_model(here, elsewhere) -> None:
    index = Index.create("kb", encoder="tiny")
    index.add(DOCUMENTS)
    index.store.configure({"recipes": {}})
    elsewhere()
    check_as_before(index, Index.open(here / "kb"))


def test_a_file_that_an_index_kept_is_missing(here) -> None:
    Index.create("kb", encoder="tiny")
    parts = read(Index.open("kb").store).recipes["dense"]
    told = {**parts["encoder"], "kind": "adapted", "files": {"card.json": "recipes/gone/card.json"}}
    Index.open("kb").store.configure({"recipes": {"dense": {**parts, "encoder": told}}})
    with pytest.raises(StoreError, match=r"lacks 'card\.json'"):
        Index.open("kb")


def test_the_command_line_knows_a_relative_model_again(
    here, elsewhere, monkeypatch, capsys
) -> None:
    from rag_embed import cli

    def run(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["rag-embed", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0, capsys.readouterr().err
        return capsys.readouterr().out

    (here / "docs").mkdir()
    (here / "docs" / "fox.md").write_text("# Fox\n\nthe red fox runs over the hill")
    run("index", "docs", "--to", "kb", "--model", "long")
    run("index", "docs", "--to", "kb", "--model", "./long")
    elsewhere()
    assert "red fox" in run("search", str(here / "kb"), "a fox")


def test_a_cache_of_contexts_stays_where_it_was(tmp_path, monkeypatch) -> None:
    from rag_embed.situated.contexts import OnDisk

    monkeypatch.chdir(tmp_path)
    kept = OnDisk("contexts.db")
    kept.put("a:1", "about foxes", None)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert kept.get(["a:1"]) == {"a:1": "about foxes"}
    assert os.listdir(tmp_path / "other") == []


def test_a_space_whose_model_is_gone_is_left_aside(tmp_path, models, caplog) -> None:
    model = tmp_path / "model"
    shutil.copytree(models / "tiny", model)
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(48))
    index.add(DOCUMENTS)
    index.experts.add_space("tiny", str(model))
    shutil.rmtree(model)
    again = Index.open(tmp_path / "kb")
    again.experts.router = Always({"dense": 1.0, "lexical": 1.0})
    assert again.search("an owl", k=1)[0].chunk.doc_id == "owl"
    assert "The expert 'tiny' is left aside" in caplog.text


@pytest.mark.parametrize(
    "left",
    [["documents"], ["chunks"], ["settings"], ["files"], ["chunks", "documents", "settings"]],
)
def test_what_a_killed_creation_left_is_made_anew(tmp_path, left) -> None:
    """A process may die when it had made the folder of a table and nothing in it."""
    for table in left:
        (tmp_path / "kb" / f"{table}.lance").mkdir(parents=True)
    with pytest.raises(NoIndex, match=r"; create one first, with Index\.create"):
        Index.open(tmp_path / "kb", encoder=HashEncoder(16))
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(16))
    index.add(Document("a", "red fox"))
    index.store.files.put({"a": b"b"})
    assert Index.open(tmp_path / "kb", encoder=HashEncoder(16)).search("fox")
