"""Language models of every supported kind, small, with random weights, and a tokenizer of words."""

from __future__ import annotations

WORDS = ["file", "the", "mail", "bill", "under", "red", "blue", "green", "black", "please", "now"]
SIZE = 16


def tokenizer(ends: bool = False):
    """Words as tokens; ``ends`` puts the end behind every text, as T5 does."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if ends:
        plain.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", 1)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def _gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=SIZE,
            n_embd=16,
            n_layer=2,
            n_head=2,
            n_positions=32,
            bos_token_id=1,
            eos_token_id=1,
            initializer_range=0.3,
        )
    )


def _rotary(kind: str):
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        vocab_size=SIZE,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=32,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
        initializer_range=0.3,
    )
    return getattr(transformers, f"{kind}ForCausalLM")(config)


def _t5():
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=SIZE,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            pad_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
        )
    )


def _bart():
    from transformers import BartConfig, BartForConditionalGeneration

    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=SIZE,
            d_model=16,
            encoder_layers=2,
            decoder_layers=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            max_position_embeddings=32,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=1,
            decoder_start_token_id=1,
            forced_eos_token_id=1,
            scale_embedding=True,
            init_std=0.3,
        )
    )


CAUSAL = {
    "gpt2": _gpt2,
    "llama": lambda: _rotary("Llama"),
    "qwen2": lambda: _rotary("Qwen2"),
    "qwen3": lambda: _rotary("Qwen3"),
    "gemma": lambda: _rotary("Gemma"),
}
ENCODER_DECODER = {"t5": _t5, "bart": _bart}
ALL = CAUSAL | ENCODER_DECODER


def language_model(kind: str, seed: int = 0):
    """``(model, tokenizer)``; the same seed gives the same weights."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ALL[kind]()
    return model, tokenizer(ends=kind in ENCODER_DECODER)
