"""What was trained for an index lies inside it: its folders may go, and it opens from anywhere."""

from __future__ import annotations

import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_adapters import TESTS, write_models

from rag_embed import Document, Index
from rag_embed.encoders import load, load_adapted
from rag_embed.encoders.sitemb import SitEmb
from rag_embed.errors import ModelUnavailable, SpaceMismatch
from rag_embed.evaluation import Collection
from rag_embed.routing.router import PilotRouter
from rag_embed.situated.trained import trained
from rag_embed.stores.memory import MemoryStore
from rag_embed.tuning.pilots import learned

pytestmark = pytest.mark.usefixtures("loaded_once")

DOCUMENTS = [
    Document("fox", "the red fox runs over the hill. it hunts mice in the snow all winter long."),
    Document("sea", "the blue sea is calm. boats lie in the harbour until the storm is over."),
    Document("owl", "an owl hunts at night. it sees the smallest mouse under the leaves."),
]
QUERIES = ["who hunts mice?", "calm water", "boats in a storm", "night"]
LABELS = Collection(
    "made",
    tuple(DOCUMENTS),
    {f"q{i}": query for i, query in enumerate(QUERIES)},
    {"q0": {"fox": 1}, "q1": {"sea": 1}, "q2": {"sea": 1}, "q3": {"owl": 1}},
)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def here(models, tmp_path, monkeypatch) -> Path:
    """The working folder, with the adapters inside; the model stays."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("law", "late"):
        shutil.copytree(models / name, name)
    return tmp_path / "here"


def gone(*names: str) -> None:
    for name in names:
        shutil.rmtree(name)


def ids(index: Index) -> list[list[str]]:
    return [[hit.id for hit in hits] for hits in index.search_many(QUERIES)]


@pytest.fixture
def index(models, here) -> Index:
    index = Index.create("kb", encoder=str(models / "tiny"), chunk_tokens=20, tokens=False)
    index.add(DOCUMENTS)
    return index


def test_an_expert_is_copied_into_the_index(index, monkeypatch) -> None:
    index.experts.add("law")
    index.experts.weigh({"dense": 0.5, "law": 0.5})
    before, expected = index.search_many(QUERIES), load_adapted("law").encode_query(QUERIES)
    gone("law")
    monkeypatch.chdir("/")
    again = Index.open(index.store.uri)
    assert again.search_many(QUERIES) == before
    [leg] = again.experts.legs()
    np.testing.assert_array_equal(leg.encoder.encode_query(QUERIES), expected)
    again.experts.weigh(None)
    again.experts.remove("law")
    assert again.store.files.names("recipes/") == []


def test_a_file_of_two_experts_stays_until_both_are_gone(index) -> None:
    index.experts.add("law")
    index.experts.add("law", name="again")
    index.experts.remove("law")
    [expert] = index.experts.list()
    assert index.store.files.names("recipes/") == sorted(expert.files.values())


def test_an_expert_whose_folder_is_gone_is_left_aside_for_every_query(index, caplog) -> None:
    """As an older index has it, which reads the folder."""
    index.experts.add("law")
    index.store.configure({"experts": [{**index.store.settings()["experts"][0], "files": {}}]})
    pilots = learned(index.experts.hybrid(), index.spaces.own.signature, LABELS)
    wished = pilots.gradients.copy()
    wished[:, pilots.legs.index("law")] = -1.0  # more of it lowers the loss
    router = PilotRouter(replace(pilots, gradients=wished))
    routed = Index.open("kb")
    routed.experts.router = router
    parts = {part.leg for query in QUERIES for part in routed.search(query)[0].parts}
    assert "law" in parts
    gone("law")
    routed = Index.open("kb")
    routed.experts.router = router
    parts = {part.leg for query in QUERIES for part in routed.search(query)[0].parts}
    assert parts == {"dense", "lexical"}
    assert caplog.text.count("'law' is left aside") == 1
    index.store.configure({"weights": {"dense": 0.5, "law": 0.5}})
    weighed = Index.open("kb")
    for query in QUERIES:
        with pytest.raises(ModelUnavailable, match=r"'law', which is not at hand.*add it again"):
            weighed.search(query)


def test_an_adapter_as_the_encoder_is_copied_into_the_index(here, monkeypatch) -> None:
    index = Index.create("kb", encoder="law", tokens=False)
    index.add(DOCUMENTS)
    gone("law")
    monkeypatch.chdir("/")
    again = Index.open(here / "kb")
    assert again.search_many(QUERIES) == index.search_many(QUERIES)
    assert again.add([Document("new", "a whale dives")]).added == 1


class TestSituatedByAnAdapter:
    @pytest.fixture
    def index(self, models, here) -> Index:
        encoder = str(models / "tiny")
        index = Index.create("kb", encoder=encoder, chunk_tokens=20, situate=trained("late"))
        index.add(DOCUMENTS)
        return index

    def test_the_adapter_is_copied_into_the_index(self, index, monkeypatch) -> None:
        before = index.search_many(QUERIES)
        gone("late")
        monkeypatch.chdir("/")
        again = Index.open(index.store.uri)
        assert again.search_many(QUERIES) == before
        assert again.add([*DOCUMENTS, Document("new", "a whale dives")]).unchanged == 3
        again.add([Document("copy", DOCUMENTS[0].text)])
        rows = []
        for id in ("fox", "copy"):
            chunks = [chunk.id for chunk in again.store.view().document_chunks(id)]
            rows.append(again.store.view().vectors("dense", chunks))
        np.testing.assert_allclose(*rows, atol=1e-6)

    def test_queries_are_read_by_the_base_so_its_experts_fit(self, index) -> None:
        encoder = load(index.spaces.own.encoder.signature.model)
        np.testing.assert_array_equal(
            index.spaces.own.encode_query(QUERIES), encoder.encode_query(QUERIES)
        )
        index.experts.add("law")
        index.experts.weigh({"dense": 0.5, "law": 0.5})
        gone("law", "late")
        again = Index.open("kb")
        assert again.search_many(QUERIES) == index.search_many(QUERIES)

    def test_an_older_index_opens_with_the_adapter_at_hand(self, index) -> None:
        index.store.configure({"recipes": {}})
        assert ids(Index.open("kb", situate=trained("late"))) == ids(index)
        with pytest.raises(SpaceMismatch, match="situate"):
            Index.open("kb")

    def test_a_second_space(self, models, here) -> None:
        index = Index.create("two", encoder=str(models / "tiny"), chunk_tokens=20, tokens=False)
        index.add(DOCUMENTS)
        index.experts.add_space("late", str(models / "tiny"), situate=trained("late"))
        index.experts.weigh({"dense": 0.5, "late": 0.5})
        gone("late")
        again = Index.open("two")
        assert again.search_many(QUERIES) == index.search_many(QUERIES)
        assert again.add([Document("new", "a whale dives")]).added == 1
        again.experts.weigh(None)
        again.experts.drop_space("late")
        assert again.store.files.names("recipes/") == []


def test_a_sitemb_checkpoint(models, here, monkeypatch) -> None:
    made = runpy.run_path(str(TESTS / "encoders" / "test_sitemb.py"))["write_checkpoint"]
    made(here / "qwen3")
    index = Index.create(
        "kb",
        encoder=str(models / "tiny"),
        chunk_tokens=20,
        situate=lambda _: SitEmb("qwen3", factor=0.25, group=2),
    )
    index.add(DOCUMENTS)
    monkeypatch.chdir("/")
    again = Index.open(index.store.uri)
    assert again.spaces.own.signature.chunks == "sitemb(0.25,2)"
    assert ids(again) == ids(index)
    assert again.add([*DOCUMENTS, Document("new", "a whale dives")]).unchanged == 3
    assert again.users.remember("ann", ["whales"]) == 1
    assert again.search("whales", user="ann")


def test_a_store_without_files_keeps_the_folder(models, here) -> None:
    class Bare(MemoryStore):
        files = None

    plain = Index.in_memory(encoder=str(models / "tiny"), tokens=False)
    plain.add(DOCUMENTS)
    store = plain.store
    store.__class__ = Bare
    del store.__dict__["files"]
    expert = Index(store, plain.spaces.splitter, plain.spaces.own).experts.add("law")
    assert expert.files == {} and expert.model == str(here / "law")
