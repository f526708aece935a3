"""Training the late part: the same rows as `Late`, and a gain or nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from rag_embed import Document, Index
from rag_embed.encoders import load_adapted
from rag_embed.encoders.adapter import Adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.maths.resampling import Difference
from rag_embed.maths.vectors import unit
from rag_embed.situated.expressions import STANDARD, situated
from rag_embed.situated.late import Late
from rag_embed.situated.trained import trained
from rag_embed.training import situated as module
from rag_embed.training.clozed import clozed
from rag_embed.training.folder import install_adapter
from rag_embed.training.loop import Schedule
from rag_embed.training.pairs import Pair
from rag_embed.training.pooled import pooled_rows, read_windows
from rag_embed.training.situated import train_situated
from rag_embed.training.situated_recipe import SituatedRecipe
from rag_embed.training.splits import split
from rag_embed.types import Chunk, Cut, Progress

WORDS = (
    *("the", "red", "fox", "runs", "over", "a", "hill", "and", "sleeps", "in", "an", "old"),
    *("barn", "near", "our", "quiet", "village"),
)


def cut(id: str, n: int, size: int) -> Cut:
    text = " ".join(WORDS[(i * 7 + len(id)) % len(WORDS)] for i in range(n))
    document = Document(id, text, title=f"About {id}")
    edges = [
        0,
        *(i for i in range(1, len(text)) if text[i] == " " and text[:i].count(" ") % size == 0),
    ]
    spans = zip(edges, [*edges[1:], len(text)], strict=True)
    return Cut(document, [Chunk.of(document, a, b, ordinal=i) for i, (a, b) in enumerate(spans)])


@pytest.mark.parametrize("overlap", [0, 8])
def test_rows_are_those_of_late_chunking(tiny, overlap) -> None:
    """Windows, tokens and pooling agree with the index's own; long chunks are left out."""
    encoder = SentenceEncoder(str(tiny), device="cpu")
    groups = [cut("a", 90, 4), cut("bb", 5, 9), cut("ccc", 40, 30)]
    late = Late(encoder, 48, overlap)
    windows = read_windows(encoder, late, groups)
    with torch.inference_mode():
        chunks, rows = pooled_rows(encoder, windows)
    expected = late.encode_chunks(groups)
    np.testing.assert_allclose(rows.numpy(), expected[chunks], atol=2e-6)
    assert len(set(chunks.tolist())) == len(chunks) > 15
    assert len(chunks) < len(expected)


@pytest.mark.parametrize(
    "wrong", [{"objective": "hinge"}, {"weight": 0.0}, {"within": 2.0}, {"dropout": 1.0}]
)
def test_wrong_recipes(wrong) -> None:
    with pytest.raises(BadInput):
        SituatedRecipe(**wrong)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A situated adapter as training writes it, with made-up values; what is read is what counts."""
    folder = tmp_path_factory.mktemp("situated") / "late"
    encoder = SentenceEncoder(device="cpu")
    rng = np.random.default_rng(0)
    layers = [f"encoder.layer.{i}.attention.self.value" for i in range(6)]
    factors = {
        layer: tuple(rng.normal(size=s).astype(np.float32) * 0.05 for s in ((4, 384), (384, 4)))
        for layer in layers
    }
    adapter = Adapter(encoder.signature, factors)
    settings = {
        "own": STANDARD,
        "window": 64,
        "overlap": 8,
        "weights": {"untrained": 0.5, "trained": 0.75},
    }
    card = Card(
        kind="situated",
        name="late",
        data="",
        base=encoder.signature.model,
        weights=encoder.signature.weights,
        pairs={"held_out": 1},
        documents={},
        settings=settings,
        steps=1,
        strength=1.0,
        seconds=0.0,
        history=(),
        metric="ndcg@10",
        before=0.0,
        after=1.0,
        gain=Difference(1.0, 0.5, 1.0, 0.01),
    )
    install_adapter(card, adapter, folder)
    return folder, encoder


def test_an_index_with_a_trained_late_part(installed, tmp_path) -> None:
    """Chunks are the sum, queries those of the model itself; it opens with the same adapter."""
    folder, encoder = installed
    index = Index.create(tmp_path / "kb", encoder=encoder, chunk_tokens=12, situate=trained(folder))
    documents = [cut("a", 60, 60)[0], cut("bb", 40, 40)[0]]
    index.add(documents)
    chunks = [index.store.view().document_chunks(one.id) for one in documents]
    groups = [Cut(*one) for one in zip(documents, chunks, strict=True)]
    late = Late(load_adapted(folder), 64, 8).encode_chunks(groups)
    own = situated(STANDARD, encoder).encode_chunks(groups)
    expected = unit(own + np.float32(0.75) * late)
    ids = [chunk.id for some in chunks for chunk in some]
    stored = index.store.view().vectors("dense", ids)
    np.testing.assert_allclose(stored, expected, atol=1e-5)
    plain = Late(encoder, 64, 8).encode_chunks(groups)
    assert np.abs(plain - late).max() > 0.01
    queries = index.spaces.own.encode_query(["a fox in the barn"])
    np.testing.assert_allclose(queries, encoder.encode_query(["a fox in the barn"]), atol=1e-6)
    again = Index.open(tmp_path / "kb", encoder=encoder, situate=trained(folder))
    assert again.search("fox")[0].id == index.search("fox")[0].id
    again = Index.open(tmp_path / "kb", encoder=encoder)
    assert again.search("fox")[0].id == index.search("fox")[0].id


def test_adapters_of_another_kind_or_model(installed, expert, tiny) -> None:
    folder, _ = installed
    with pytest.raises(SpaceMismatch, match="the same model"):
        trained(folder)(SentenceEncoder(str(tiny), device="cpu"))
    with pytest.raises(BadInput, match="for queries"):
        trained(expert)


def told(i: int) -> Cut:
    """Chunks of two short sentences."""
    parts = [f"Abc c{i} d{j} efg. Fgh {j}h i{i} klm." for j in range(4)]
    document = Document(f"d{i}", " ".join(parts), title=f"T{i}")
    starts = [sum(len(part) + 1 for part in parts[:j]) for j in range(4)]
    spans = enumerate(zip(starts, parts, strict=True))
    return Cut(document, [Chunk.of(document, a, a + len(one), ordinal=j) for j, (a, one) in spans])


def test_a_run_and_its_interruption(tiny, tmp_path, monkeypatch) -> None:
    """Both objectives learn something; an interrupted run ends with the same bits."""
    made = []

    def install(card, adapter, folder) -> None:
        made.append(adapter)
        install_adapter(card, adapter, folder)

    monkeypatch.setattr(module, "install_adapter", install)
    groups, pairs = clozed([told(i) for i in range(12)], 60, named=0.3)
    sides = split(pairs, held_out=0.2)

    def run(folder: str, objective: str, progress=None):
        schedule = Schedule(2, 1e-3, evaluations=2, patience=9)
        recipe = SituatedRecipe(objective=objective, overlap=8, run=2, schedule=schedule)
        return train_situated(
            groups, sides, tmp_path / folder, model=str(tiny), recipe=recipe, progress=progress
        )

    def kill(now: Progress) -> None:
        if now.done == now.total - 1:
            raise KeyboardInterrupt

    for objective in ("insent", "margin"):
        whole = run("whole", objective)
        with pytest.raises(KeyboardInterrupt):
            run("parts", objective, kill)
        parts = run("parts", objective)
        assert replace(parts, seconds=0) == replace(whole, seconds=0)
        one, other = made[-2:]
        assert one.factors.keys() == other.factors.keys()
        for layer in one.factors:
            for a, b in zip(one.factors[layer], other.factors[layer], strict=True):
                np.testing.assert_array_equal(a, b)
        losses = [loss for _, loss, _ in whole.history if loss is not None]
        assert losses[-1] < losses[0]
        assert whole.pairs == sides.pairs and whole.kind == "situated"


def test_chunks_that_no_window_holds(tiny, tmp_path) -> None:
    groups = [cut(f"d{i}", 90, 89) for i in range(9)]
    pairs = [Pair(f"what {i}", (chunks[-1].id,), (d.id,)) for i, (d, chunks) in enumerate(groups)]
    with pytest.raises(BadInput, match="cut shorter chunks"):
        train_situated(
            groups, split(pairs), tmp_path, model=str(tiny), recipe=SituatedRecipe(overlap=4)
        )
