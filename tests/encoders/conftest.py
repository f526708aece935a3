"""A BERT small enough to be made in a test, with random weights and a tokenizer of its own."""

from __future__ import annotations

import json
import string
import warnings
from pathlib import Path

import pytest

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [chr(code) for code in range(33, 127)]


def write_tiny(folder: Path, *, pooling: str = "mean", prompts: dict | None = None) -> Path:
    """A sentence-transformers folder: two layers, 32 dimensions, 64 tokens."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder.mkdir(parents=True)
    vocab = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    tokenizer = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(vocab)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(
        zip(
            ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True
        )
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, **names
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    BertModel(config).save_pretrained(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformer = Transformer(str(folder), max_seq_length=64)
        model = SentenceTransformer(
            modules=[transformer, Pooling(32, pooling_mode=pooling), Normalize()],
            device="cpu",
            prompts=prompts or {},
        )
        model.save(str(folder))
    assert json.loads((folder / "modules.json").read_text())
    return folder


FILLED_UP = {"strategy": "fixed", "attend": False, "length": 32}
"""How ColBERT fills queries up with masks."""


def write_colbert(
    folder: Path, base: Path, *, expansion: dict | None = FILLED_UP, pooled: bool = False
) -> Path:
    """Transformer, projection to 16 numbers, scoring mask, unit length."""
    import torch
    from sentence_transformers import MultiVectorEncoder as Model
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.multi_vector_encoder.modules import (
        HierarchicalTokenPooling,
        MultiVectorMask,
    )
    from sentence_transformers.sentence_transformer.modules import Normalize

    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = [
            Transformer(str(base), document_length=48, query_expansion=expansion),
            Dense(32, 16, bias=False, module_input_name="token_embeddings"),
            MultiVectorMask(skiplist_words=list(string.punctuation)),
            Normalize(module_input_name="token_embeddings"),
            *([HierarchicalTokenPooling(pool_factor=2)] if pooled else []),
        ]
        prompts = {"query": "Q: ", "document": "D: "}
        Model(modules=modules, device="cpu", prompts=prompts).save(str(folder))
    return folder


@pytest.fixture(scope="session")
def build_tiny():
    return write_tiny


@pytest.fixture(scope="session")
def build_colbert():
    return write_colbert


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("models") / "tiny", prompts={"query": "ask: "})


@pytest.fixture(scope="session")
def tiny_cls(tmp_path_factory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("models") / "tiny-cls", pooling="cls")


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(session_cache, monkeypatch) -> Path:
    """Converted models are shared by the tests, and never with the user's cache."""
    monkeypatch.setenv("RAG_EMBED_CACHE", str(session_cache))
    return session_cache
