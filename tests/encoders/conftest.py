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


def write_splade(
    folder: Path,
    base: Path,
    *,
    pooling: str = "max",
    activation: str = "relu",
    looked_up: bool = False,
) -> Path:
    """A masked language model with a head over its vocabulary; queries maybe by weights of their tokens."""
    import torch
    from sentence_transformers import SparseEncoder as Model
    from sentence_transformers.base.modules import Router, Transformer
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling
    from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

    torch.manual_seed(3)
    config = BertConfig.from_pretrained(base, initializer_range=0.3)
    BertForMaskedLM(config).save_pretrained(folder / "mlm")
    AutoTokenizer.from_pretrained(base).save_pretrained(folder / "mlm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = [
            Transformer(str(folder / "mlm"), transformer_task="fill-mask", max_seq_length=64),
            SpladePooling(pooling, activation_function=activation),
        ]
        if looked_up:
            weight = torch.linspace(0.5, 2.0, config.vocab_size)
            static = SparseStaticEmbedding(modules[0].tokenizer, weight=weight, frozen=True)
            modules = [Router.for_query_document([static], modules)]
        Model(modules=modules, device="cpu").save_pretrained(str(folder / "sparse"))
    return folder / "sparse"


@pytest.fixture(scope="session")
def build_splade():
    return write_splade


@pytest.fixture(scope="session")
def splade(tiny, tmp_path_factory) -> Path:
    return write_splade(tmp_path_factory.mktemp("models") / "splade", tiny)
