"""Adapters on disk: multiplied in once, checked against their model, readable by PEFT."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rag_embed import Document, Index
from rag_embed.encoders import load, load_adapted
from rag_embed.encoders.adapter import WEIGHTS, Adapter, merged, read_adapter, write_adapter
from rag_embed.encoders.models import resolve
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput, ModelUnavailable, SpaceMismatch, UnsupportedModel

LAYERS = [f"encoder.layer.{i}.attention.self.{name}" for i in (0, 1) for name in ("query", "value")]
TEXTS = ["abc def", "gab", "a longer text of several words", ""]


def found(model: str) -> tuple[Path, str]:
    files = resolve(model)
    return files.path, files.weights


@pytest.fixture
def adapter(small) -> Adapter:
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32) * 0.3  # noqa: E731
    return Adapter(small.signature, {layer: (draw(3, 32), draw(32, 3)) for layer in LAYERS})


def test_written_and_read(adapter, tmp_path) -> None:
    write_adapter(adapter, tmp_path)
    again = read_adapter(tmp_path)
    assert again.base == adapter.base and list(again.factors) == sorted(LAYERS)
    for layer in LAYERS:
        for one, other in zip(again.factors[layer], adapter.factors[layer], strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # inside PEFT
def test_peft_reads_the_same_adapter(adapter, small, tiny, tmp_path) -> None:
    """An independent implementation: PEFT adds the change in every forward pass."""
    from peft import PeftModel

    write_adapter(adapter, tmp_path)
    independent = SentenceEncoder(str(tiny), device="cpu")
    independent.model[0].auto_model = PeftModel.from_pretrained(
        independent.model[0].auto_model, str(tmp_path)
    )
    ours = load_adapted(tmp_path, device="cpu").encode_query(TEXTS)
    np.testing.assert_allclose(ours, independent.encode_query(TEXTS), atol=1e-5)
    assert np.abs(ours - small.encode_query(TEXTS)).max() > 0.01


def test_strength(adapter, small, tmp_path) -> None:
    rows = {}
    for strength in (0.0, 0.5, 1.0):
        write_adapter(adapter.scaled(strength), tmp_path / str(strength))
        rows[strength] = load_adapted(tmp_path / str(strength), device="cpu").encode_query(TEXTS)
    np.testing.assert_allclose(rows[0.0], small.encode_query(TEXTS), atol=1e-6)
    halfway, whole = ((rows[s] * rows[0.0]).sum(axis=1)[:3].mean() for s in (0.5, 1.0))
    assert whole < halfway < 1.0


def test_made_once_and_fast_without_torch(adapter, tmp_path) -> None:
    write_adapter(adapter, tmp_path)
    place = resolve(str(tmp_path)).path
    written = (place / "model.safetensors").stat().st_mtime_ns
    assert resolve(str(tmp_path)).path == place
    assert (place / "model.safetensors").stat().st_mtime_ns == written
    fast, slow = load(str(tmp_path)), SentenceEncoder(str(tmp_path), device="cpu")
    assert type(fast).__name__ == "OpenVINOEncoder"
    assert fast.signature.weights == slow.signature.weights
    assert ((fast.encode_query(TEXTS) * slow.encode_query(TEXTS)).sum(axis=1) > 0.999).all()


def test_an_index_of_adapted_documents_opens_by_name(adapter, tmp_path) -> None:
    write_adapter(adapter, tmp_path / "adapter")
    index = Index.create(tmp_path / "kb", encoder=str(tmp_path / "adapter"))
    index.add([Document("a", "abc def"), Document("b", "gfe gab")])
    assert Index.open(tmp_path / "kb").search("gab")[0].chunk.doc_id == "b"


def test_another_model_is_refused(adapter, tmp_path) -> None:
    write_adapter(adapter, tmp_path)
    with pytest.raises(SpaceMismatch, match="was trained on"):
        merged(tmp_path, *found("all-MiniLM-L6-v2"))


def test_a_changed_model_is_refused(adapter, tiny, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    changed = tmp_path / "changed"
    shutil.copytree(tiny, changed)
    tensors = load_file(changed / "model.safetensors")
    tensors["embeddings.LayerNorm.bias"] += 1.0
    save_file(tensors, changed / "model.safetensors", metadata={"format": "pt"})
    write_adapter(adapter, tmp_path / "adapter")
    with pytest.raises(SpaceMismatch):
        merged(tmp_path / "adapter", *found(str(changed)))


def test_layers_that_are_not_there(adapter, tmp_path) -> None:
    layer = LAYERS[0].replace("encoder", "decoder")
    write_adapter(Adapter(adapter.base, {layer: adapter.factors[LAYERS[0]]}), tmp_path)
    with pytest.raises(UnsupportedModel, match="decoder"):
        resolve(str(tmp_path))


def test_foreign_folders(adapter, tmp_path, monkeypatch) -> None:
    with pytest.raises(BadInput, match=r"adapter_model.safetensors"):
        load_adapted(tmp_path)
    write_adapter(adapter, tmp_path)
    from safetensors.numpy import load_file, save_file

    save_file(load_file(tmp_path / WEIGHTS), tmp_path / WEIGHTS)
    with pytest.raises(BadInput, match="does not name the weights"):
        read_adapter(tmp_path)
    write_adapter(adapter.scaled(0.3), tmp_path)
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path / "card.json" / "nothing"))
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match="RAG_EMBED_CACHE"):
        resolve(str(tmp_path))
    assert json.loads((tmp_path / "adapter_config.json").read_text())["r"] == 3
