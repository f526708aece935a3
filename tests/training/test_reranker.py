"""Training a re-ranker: the search is better with it on unseen documents, or there is none."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder, load_reranker
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.models import resolve
from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.evaluation import Collection
from rag_embed.ranking import FunctionReranker, Reranked
from rag_embed.testing import RerankerContract
from rag_embed.training.expert import train_expert
from rag_embed.training.found import found_hits
from rag_embed.training.loop import Schedule
from rag_embed.training.merge import merge_experts
from rag_embed.training.reranker import _begun, train_reranker
from rag_embed.training.reranker_recipe import RerankerRecipe
from rag_embed.training.situated import train_situated
from rag_embed.training.sources import Source
from rag_embed.types import Progress

QUICK = RerankerRecipe(layers=1, depth=2, schedule=Schedule(2, 1e-3, seed=1))
"""Enough to learn to tell two kinds of texts apart: a few seconds."""

TOPICS = 60
MODEL = "model.safetensors"


def twins(i: int) -> list[Document]:
    """A draft, which a search likes better for its words, and what was agreed, which answers."""
    word = f"{i * 7919 % 9000:04}"
    draft = f"Number {word} is a draft, number {word} is not agreed."
    return [Document(f"a{i}", draft), Document(f"b{i}", f"Number {word} is final and agreed.")]


def labels(which: str = "b", topics=range(TOPICS)) -> Collection:
    rng = random.Random(0)
    named = {i: f"{rng.choice(which)}{i}" for i in topics}
    return Collection.of({f"number {i * 7919 % 9000:04}": [id] for i, id in named.items()})


def made(encoder, *more: Document) -> Index:
    kb = Index.in_memory(encoder=encoder, weights={"dense": 0.01, "lexical": 0.99})
    kb.add([*(one for i in range(TOPICS) for one in twins(i)), *more])
    return kb


@pytest.fixture(scope="module")
def kb(encoder) -> Index:
    return made(encoder)


def sides_of(kb: Index, collection: Collection):
    return Source.of_index(kb, collection).split(held_out=0.4)


@pytest.fixture(scope="module")
def sides(kb):
    return sides_of(kb, labels())


@pytest.fixture(scope="module")
def trained(kb, sides, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "final"
    return folder, train_reranker(kb, sides, folder, name="final", data="a test", recipe=QUICK)


def test_the_search_is_better_on_documents_it_has_not_seen(trained, sides) -> None:
    folder, card = trained
    assert card.installed and card.gain.low > 0 and card.after > card.before + 0.05
    assert card.kind == "reranker" and card.pairs == sides.pairs and card.data == "a test"
    assert card.settings["weight"] in QUICK.weights and card.steps > 0
    assert card.settings["taught_by"] is None
    assert Card.read(folder).gain == card.gain
    assert "checkpoint.safetensors" not in {file.name for file in folder.iterdir()}


def test_its_folder_does_what_was_measured(trained, kb, sides) -> None:
    """Opened by its name, in front of the search: depth, weight and reading are those of the card."""
    folder, card = trained
    again = Reranked.by(kb.retriever, folder, precision="f32")
    assert (again.depth, again.weight) == (QUICK.depth, card.settings["weight"])
    scores = []
    for one in found_hits(kb, sides.held_out, QUICK.depth):
        [hits] = again.retrieve([one.query])
        order = [hit.id for hit in hits]
        same = replace(one, hits=tuple(hits), right=np.zeros(len(hits), bool))
        assert sorted(order) == sorted(hit.id for hit in one.hits)
        scores.append(same.ndcg())
    assert np.mean(scores) == pytest.approx(card.after, abs=0.01)  # training may compute in bf16


def test_the_same_seed_gives_the_same_bits(trained, kb, sides, tmp_path) -> None:
    again = train_reranker(kb, sides, tmp_path / "again", recipe=QUICK)
    assert (tmp_path / "again" / MODEL).read_bytes() == (trained[0] / MODEL).read_bytes()
    assert again.history == trained[1].history
    other = replace(QUICK, schedule=Schedule(1, 1e-3, seed=2))
    assert train_reranker(kb, sides, tmp_path / "other", recipe=other).history != again.history


def test_what_cannot_be_learned_is_not_kept(trained, kb, tmp_path) -> None:
    """Either twin is named, by chance; what an earlier run left does not stay."""
    folder = shutil.copytree(trained[0], tmp_path / "again")
    recipe = replace(QUICK, schedule=Schedule(1, 1e-4))
    card = train_reranker(kb, sides_of(kb, labels("ab")), folder, recipe=recipe)
    assert not card.installed and "no better than the search without it" in card.verdict
    assert not (folder / MODEL).exists()
    with pytest.raises(BadInput, match="holds no re-ranker: not installed"):
        Reranked.by(kb.retriever, folder)


def test_a_folder_that_begins_with_the_home_folder(trained, kb, monkeypatch) -> None:
    """The model was found there and its card was not: it decided alone, and read all of 40 chunks."""
    folder, card = trained
    monkeypatch.setenv("HOME", str(folder.parent))
    found = Reranked.by(kb.retriever, f"~/{folder.name}")
    assert (found.depth, found.weight) == (QUICK.depth, card.settings["weight"])


@pytest.mark.parametrize("dies", ["begun", "card", MODEL])
def test_a_run_that_dies_while_it_is_kept(trained, kb, sides, tmp_path, monkeypatch, dies) -> None:
    """There is no model beside the card of another, nor one without a card; the same call finishes it."""
    folder = shutil.copytree(trained[0], tmp_path / "again")
    recipe = replace(QUICK, schedule=Schedule(1, 1e-3, seed=2))
    steps: list[str] = []

    def killed(step: str) -> None:
        steps.append(step)
        if step == dies:
            raise KeyboardInterrupt

    write, move = Card.write, os.replace
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(
            Card, "write", lambda *some: (killed("begun"), write(*some), killed("card"))
        )
        patched.setattr(os, "replace", lambda a, b: (killed(Path(b).name), move(a, b)))
        train_reranker(kb, sides, folder, recipe=recipe)
    with pytest.raises((BadInput, ModelUnavailable)):
        Reranked.by(kb.retriever, folder)
    seen: list[Progress] = []
    card = train_reranker(kb, sides, folder, recipe=recipe, progress=seen.append)
    assert seen == []  # nothing is computed again
    assert card.installed and Card.read(folder).gain == card.gain
    assert Reranked.by(kb.retriever, folder).weight == card.settings["weight"]
    assert [one.name for one in tmp_path.iterdir()] == ["again"]


@pytest.mark.parametrize("train", ["reranker", "expert", "situated", "merged"])
def test_a_folder_of_something_else_is_not_written_into(kb, sides, tmp_path, train) -> None:
    """Into the folder of the model of an index, or into an index, a part of another model was written."""
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / MODEL).write_bytes(b"weights")
    corpus = Source.of_index(kb, labels()).corpus
    into = {
        "reranker": lambda folder: train_reranker(kb, sides, folder, recipe=QUICK),
        "expert": lambda folder: train_expert(corpus, sides, folder),
        "situated": lambda folder: train_situated([], sides, folder, model="none"),
        "merged": lambda folder: merge_experts({"a": "a", "b": "b"}, {"c": None}, folder),
    }[train]
    with pytest.raises(BadInput, match="is a file; name a folder"):
        into(tmp_path / "notes.txt")
    with pytest.raises(BadInput, match="holds other files, such as 'model.safetensors'"):
        into(tmp_path / "model")
    assert [one.name for one in (tmp_path / "model").iterdir()] == [MODEL]
    with pytest.raises(BadInput, match="path of a file or folder, got NoneType"):
        into(None)


def test_a_folder_of_another_kind_is_not_written_into(trained, kb, sides) -> None:
    corpus = Source.of_index(kb, labels()).corpus
    with pytest.raises(BadInput, match="of kind 'reranker', and this is 'expert'"):
        train_expert(corpus, sides, trained[0])


WRONG = {
    "index is a rag_embed.index.Index, got NoneType": lambda kb, s: train_reranker(None, s, "x"),
    "Index, got rag_embed": lambda kb, s: train_reranker(kb.retriever, s, "x"),
    "split is a rag_embed.training.Split, got tuple": lambda kb, s: train_reranker(kb, (), "x"),
    "recipe is a .*RerankerRecipe, got dict": lambda kb, s: train_reranker(
        kb, s, "x", recipe={"layers": 1}
    ),
    "teacher is a .*Reranker; 'm' is a str": lambda kb, s: train_reranker(kb, s, "x", teacher="m"),
    "one finite score per hit, 2 in all; got NaN": lambda kb, s: train_reranker(
        kb, s, "x", recipe=QUICK, teacher=FunctionReranker(lambda _, some: [math.nan] * len(some))
    ),
    "one finite score per hit, 2 in all; got an": lambda kb, s: train_reranker(
        kb, s, "x", recipe=QUICK, teacher=FunctionReranker(lambda _, some: [1.0])
    ),
    "corpus is a .*Corpus, got NoneType": lambda kb, s: train_expert(None, s, "x"),
    "split is a .*Split, got NoneType": lambda kb, s: train_situated([], None, "x", model="m"),
    "index is a .*Index, got NoneType": lambda kb, s: Source.of_index(None),
    "between 0 and 1, got 'x'": lambda kb, s: Source.of_index(kb, labels()).split(held_out="x"),
    "model is the name or the folder of a cross-encoder, got None;": (
        lambda kb, s: Reranked.by(kb.retriever, None)
    ),
    "choose a smaller learning_rate": lambda kb, s: train_reranker(
        kb, s, "x", recipe=replace(QUICK, schedule=Schedule(1, 1e30))
    ),
}


@pytest.mark.parametrize("told", WRONG)
def test_wrong_parts_are_refused(kb, sides, tmp_path, monkeypatch, told) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=told):
        WRONG[told](kb, sides)


def test_private_documents_are_never_read(trained, encoder, tmp_path) -> None:
    """Beside ann's texts and questions the same bits are learned as without them."""
    mine = [replace(one, id=f"my-{one.id}", user="ann") for i in range(TOPICS) for one in twins(i)]
    beside = made(encoder, *mine, Document("ours", "Number 7919 is final too.", readers=("staff",)))
    asked = labels()
    queries = {**asked.queries, "p": "number 0000 of mine", "u": "number 7919 for me"}
    qrels = {**asked.qrels, "p": {"my-b0": 1}, "u": {"b1": 1}}
    private = Collection("all", (), queries, qrels, users={"u": "ann"})
    source = Source.of_index(beside, private)
    assert "Left out 2 labels: 1 that only private documents answer, 1 that" in source.left_out
    train_reranker(beside, source.split(held_out=0.4), tmp_path, recipe=QUICK)
    assert (tmp_path / MODEL).read_bytes() == (trained[0] / MODEL).read_bytes()


def test_a_teacher_is_followed(kb, sides, tmp_path) -> None:
    """Labels of training name either twin; who knows better is asked about training queries alone."""
    read = []

    def knows(query: str, texts: list[str]) -> list[float]:
        read.append(query)
        return [float("final" in text) for text in texts]

    noise = sides_of(kb, labels("ab"))
    plain = {pair.query for pair in sides.train}
    unknown = tuple(pair for pair in noise.train if pair.query in plain)
    split = replace(sides, train=unknown)
    taught = replace(QUICK, taught=1.0)
    card = train_reranker(kb, split, tmp_path, recipe=taught, teacher=FunctionReranker(knows))
    assert card.installed and card.settings["taught_by"] == "FunctionReranker"
    assert set(read) <= plain


def test_the_last_layers_learn(encoder) -> None:
    files = resolve(encoder.signature.model)
    cross = _begun(files, RerankerRecipe(layers=2, trained=1), "cpu")
    learning = {name for name, one in cross.named_parameters() if one.requires_grad}
    assert {name.split(".layer.")[1][0] for name in learning} == {"1"}
    assert len(learning) == 16


def test_a_model_can_be_named(encoder, tmp_path) -> None:
    hashed = Index.in_memory(encoder=HashEncoder(), weights={"dense": 0.01, "lexical": 0.99})
    hashed.add(one for i in range(TOPICS) for one in twins(i))
    split = sides_of(hashed, labels())
    with pytest.raises(ModelUnavailable):
        train_reranker(hashed, split, tmp_path, recipe=QUICK)
    card = train_reranker(hashed, split, tmp_path, recipe=QUICK, model=encoder.signature.model)
    assert card.installed and card.base == encoder.signature.model


def test_a_transformer_in_a_folder_of_its_own(kb, encoder, sides, tmp_path) -> None:
    """Models of older versions of sentence-transformers have it so; an index was made with such a one."""
    nested = shutil.copytree(encoder.signature.model, tmp_path / "nested")
    modules = json.loads((nested / "modules.json").read_text())
    (nested / "0_Transformer").mkdir()
    for file in [one for one in nested.iterdir() if one.is_file() and one.name != "modules.json"]:
        file.rename(nested / "0_Transformer" / file.name)
    modules[0]["path"] = "0_Transformer"
    (nested / "modules.json").write_text(json.dumps(modules))
    card = train_reranker(kb, sides, tmp_path / "mine", recipe=QUICK, model=str(nested))
    assert card.installed
    (nested / "0_Transformer" / "config.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match="name another model"):
        train_reranker(kb, sides, tmp_path / "other", recipe=QUICK, model=str(nested))


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("card.json", lambda old: old.replace(b'"characters"', b'"c"'), "lacks characters"),
        (
            "card.json",
            lambda old: old.replace(b'"settings": {', b'"settings": 3, "s": {'),
            "holds no",
        ),
        (MODEL, lambda old: old[: len(old) // 2], "no model that"),
        ("config.json", lambda old: old[:9], "config.json is damaged"),
    ],
)
def test_a_damaged_folder_is_told_of(trained, kb, tmp_path, file, content, told) -> None:
    folder = shutil.copytree(trained[0], tmp_path / "damaged")
    (folder / file).write_bytes(content((folder / file).read_bytes()))
    with pytest.raises((BadInput, ModelUnavailable), match=told):
        Reranked.by(kb.retriever, folder)


def test_made_queries_neither_choose_nor_judge(kb, sides, tmp_path) -> None:
    cut = replace(sides, held_out=tuple(replace(one, text="made") for one in sides.held_out))
    with pytest.raises(BadInput, match="Give labels"):
        train_reranker(kb, cut, tmp_path, recipe=QUICK)


def test_nothing_to_tell_apart_is_said(encoder, tmp_path) -> None:
    kb = Index.in_memory(encoder=encoder)
    kb.add(Document(f"d{i}", f"text {i}") for i in range(9))
    asked = Collection.of({f"text {i}": [f"d{i}"] for i in range(9)})
    with pytest.raises(BadInput, match="nothing to tell apart"):
        train_reranker(kb, sides_of(kb, asked), tmp_path, recipe=replace(QUICK, depth=1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"layers": 0},
        {"trained": 0},
        {"taught": 2.0},
        {"taught": "x"},
        {"temperature": 0.0},
        {"temperature": math.nan},
        {"weights": ()},
        {"weights": ("a",)},
        {"weights": (math.nan,)},
        {"schedule": None},
    ],
    ids=str,
)
def test_a_recipe_is_checked(wrong) -> None:
    with pytest.raises(BadInput):
        RerankerRecipe(**wrong)


class TestTrained(RerankerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls, trained):
        return lambda kb: Reranked.by(kb.retriever, trained[0]).reranker


def test_other_libraries_read_it(trained) -> None:
    from sentence_transformers import CrossEncoder

    pair = ("number 7919", "Number 7919 is final and agreed.")
    model = CrossEncoder(str(trained[0]), device="cpu", trust_remote_code=True)
    score = model.predict([pair])[0]
    assert 0 < score < 1
    found = load_reranker(str(trained[0]), device="cpu")
    assert found.rerank(Query("number 7919"), []).shape == (0,)
