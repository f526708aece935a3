"""Extended models come back from disk as they were, and baked ones load anywhere."""

from __future__ import annotations

import json

import numpy as np
import pytest
from longcontext.tiny_models import TRAINED, text
from sentence_transformers import SentenceTransformer

from rag_embed import Document, Index, encoders
from rag_embed.encoders import OpenVINOEncoder, SentenceEncoder
from rag_embed.encoders.positions.extension import SIDE_FILE
from rag_embed.errors import BadInput, ModelUnavailable, UnsupportedModel
from rag_embed.longcontext import bake, extend, extension_of, load, save

TEXTS = [text(n, n) for n in (5, TRAINED, TRAINED + 1, 77, 128)]
ALL = [
    ("bert", "recurrent", "none"),
    ("bert", "grouped", "log-n"),
    ("roberta", "interpolated", 0.9),
    ("mpnet", "interpolated", "log-n"),
    ("nomic_bert", "dynamic", "none"),
    ("nomic_bert", "yarn", "log-n"),
    ("modernbert", "self-extend", "none"),
    ("qwen3", "ntk", "none"),
]
BAKED = [
    ("bert", "recurrent"),
    ("roberta", "grouped"),
    ("mpnet", "interpolated"),
    ("distilbert", "recurrent"),
    ("nomic_bert", "ntk"),
    ("modernbert", "yarn"),
    ("qwen3", "linear"),
]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("kind, method, scaling", ALL)
def test_saved_models_read_the_same(tiny, tmp_path, kind, method, scaling):
    long = extend(tiny(kind), 128, method, scaling=scaling)
    save(long, tmp_path / "long")
    again = load(tmp_path / "long", device="cpu")
    assert extension_of(again) == extension_of(long)
    np.testing.assert_array_equal(again.encode(TEXTS), long.encode(TEXTS))
    save(again, tmp_path / "copy")
    np.testing.assert_array_equal(load(tmp_path / "copy").encode(TEXTS), long.encode(TEXTS))


def test_sentence_transformers_reads_the_original(tiny, tmp_path):
    """Cut off at the trained length, with no code of ours, and not broken."""
    save(extend(tiny("bert"), 128, "grouped"), tmp_path / "long")
    stock = SentenceTransformer(str(tmp_path / "long"), device="cpu")
    assert stock.max_seq_length == TRAINED
    np.testing.assert_array_equal(stock.encode(TEXTS), tiny("bert").encode(TEXTS))


@pytest.mark.parametrize("kind, method", BAKED)
def test_baked_models_load_without_this_package(tiny, tmp_path, kind, method):
    long = extend(tiny(kind), 128, method)
    bake(long, tmp_path / "baked")
    stock = SentenceTransformer(str(tmp_path / "baked"), device="cpu")
    assert stock.max_seq_length == 128
    modules = json.loads((tmp_path / "baked" / "modules.json").read_text())
    assert all(module["type"].startswith("sentence_transformers.") for module in modules)
    texts = TEXTS if method in ("recurrent", "ntk", "linear", "yarn") else TEXTS[-1:]
    np.testing.assert_allclose(stock.encode(texts), long.encode(texts), atol=2e-6)
    again = load(tmp_path / "baked", device="cpu")
    assert extension_of(again).baked
    np.testing.assert_array_equal(again.encode(TEXTS), stock.encode(TEXTS))
    bake(again, tmp_path / "copy")
    np.testing.assert_array_equal(load(tmp_path / "copy").encode(TEXTS), stock.encode(TEXTS))
    with pytest.raises(BadInput, match="copy that folder"):
        save(again, tmp_path / "no")


@pytest.mark.parametrize(
    "kind, method, scaling",
    [("bert", "recurrent", "log-n"), ("nomic_bert", "dynamic", "none"), ("gte", "grouped", "none")],
)
def test_what_needs_code_is_not_baked(tiny, tmp_path, kind, method, scaling):
    with pytest.raises(BadInput, match="cannot be written without code"):
        bake(extend(tiny(kind), 128, method, scaling=scaling), tmp_path / "baked")
    assert not (tmp_path / "baked").exists()


def test_openvino_runs_what_is_baked_and_names_it_otherwise(tiny, tmp_path):
    long = extend(tiny("bert"), 128, "recurrent")
    save(long, tmp_path / "long")
    with pytest.raises(UnsupportedModel, match=r"longcontext\.bake"):
        OpenVINOEncoder(str(tmp_path / "long"))
    assert type(encoders.load(str(tmp_path / "long"))).__name__ == "SentenceEncoder"
    bake(long, tmp_path / "baked")
    fast = OpenVINOEncoder(str(tmp_path / "baked"), precision="f32")
    assert fast.signature.max_tokens == 128
    expected = SentenceEncoder.wrap(long).encode_document(TEXTS)
    np.testing.assert_allclose(fast.encode_document(TEXTS), expected, atol=1e-4)


def test_models_with_the_same_weights_are_told_apart(tiny, tmp_path):
    """ntk and yarn change the configuration alone."""
    hashes = set()
    for method in ("ntk", "yarn"):
        bake(extend(tiny("nomic_bert"), 128, method), tmp_path / method)
        hashes.add(SentenceEncoder(str(tmp_path / method)).signature.weights)
    for method in ("recurrent", "dynamic"):
        save(extend(tiny("nomic_bert"), 128, method), tmp_path / method)
        hashes.add(SentenceEncoder(str(tmp_path / method)).signature.weights)
    assert len(hashes) == 4


def test_an_index_opens_with_its_extended_model(tiny, tmp_path):
    save(extend(tiny("bert"), 128, "recurrent"), tmp_path / "long")
    long = [Document(str(i), text(120, i)) for i in range(4)]
    index = Index.create(tmp_path / "kb", encoder=str(tmp_path / "long"), chunk_tokens=None)
    index.add(long)
    again = Index.open(tmp_path / "kb")
    assert again.search(long[2].text, k=1)[0].chunk.doc_id == "2"
    with pytest.raises(Exception, match="differs"):
        Index.open(tmp_path / "kb", encoder=SentenceEncoder.wrap(tiny("bert")))


def test_folders_and_side_files_that_do_not_fit(tiny, tmp_path):
    base = tiny("bert")
    long = extend(base, 128, "recurrent")
    for write in (save, bake):
        with pytest.raises(BadInput, match="not extended"):
            write(base, tmp_path / "x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(BadInput, match="not empty"):
        save(long, tmp_path / "full")
    assert [one.name for one in (tmp_path / "full").iterdir()] == ["file"]
    with pytest.raises(BadInput, match=SIDE_FILE):
        load(tmp_path / "full")
    save(long, tmp_path / "long")
    for broken in ("{", '{"format": 99}', "[]", '{"format": 1, "method": "magic"}'):
        (tmp_path / "long" / SIDE_FILE).write_text(broken)
        with pytest.raises(ModelUnavailable, match="cannot be read"):
            load(tmp_path / "long")
