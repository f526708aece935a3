"""Models of every supported architecture, small enough to be made in a test, with random weights."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, processors

TRAINED = 32
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
WORDS = [f"w{i}" for i in range(95)]
_SIZES = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "initializer_range": 0.3,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
_LAYERS = {"layer_types": ["full_attention", "sliding_attention"]}
_DECODER = {"num_key_value_heads": 1, "head_dim": 16}
ABSOLUTE = {
    "bert": {},
    "electra": {"embedding_size": 32},
    "distilbert": {},
    "roberta": {},
    "xlm-roberta": {},
    "camembert": {},
    "mpnet": {},
}
ROTARY = {
    "nomic_bert": {},
    "gte": {},
    "modernbert": {**_LAYERS, "local_attention": 8},
    "eurobert": {"num_key_value_heads": 2, "head_dim": 16},
    "jina_embeddings_v3": {},
    "qwen2": _DECODER,
    "qwen3": _DECODER,
    "llama": _DECODER,
    "mistral": {**_DECODER, "sliding_window": None},
    "ultrabert": {**_LAYERS, "local_attention": 8},
    "gemma3_text": {**_DECODER, **_LAYERS, "sliding_window": 8},
}
OFFSET = {"roberta", "xlm-roberta", "camembert", "mpnet"}


def text(count: int, seed: int = 0) -> str:
    """A text of ``count`` tokens, special tokens included."""
    drawn = torch.randint(len(WORDS), (count - 2,), generator=torch.Generator().manual_seed(seed))
    return " ".join(WORDS[i] for i in drawn.tolist())


def build(folder: Path, kind: str, side: str = "right") -> SentenceTransformer:
    """A model that reads `TRAINED` tokens."""
    words = {word: i for i, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=TRAINED,
        padding_side=side,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    options = {**_SIZES, **({**ABSOLUTE, **ROTARY}[kind])}
    options["max_position_embeddings"] = TRAINED + (2 if kind in OFFSET else 0)
    if kind == "distilbert":
        names = {"hidden_size": "dim", "num_hidden_layers": "n_layers"}
        names |= {"num_attention_heads": "n_heads", "intermediate_size": "hidden_dim"}
        options = {names.get(name, name): value for name, value in options.items()}
    config = transformers.AutoConfig.for_model(kind, **options)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = Transformer(str(folder), max_seq_length=TRAINED)
    first.processor = fast  # some kinds insist on a tokenizer class of their own
    modules = [first, Pooling(32, pooling_mode="mean"), Normalize()]
    return SentenceTransformer(modules=modules, device="cpu").eval()
