"""What a folder says about a cross-encoder, read without importing sentence-transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from rag_embed.encoders.model_kind import Kind
from rag_embed.encoders.models import ModelFiles, json_of
from rag_embed.encoders.tokens import Tokens
from rag_embed.errors import ModelUnavailable, UnsupportedModel

_HEADS = ("ForSequenceClassification", "ForCausalLM", "ForConditionalGeneration")
_PLAIN = "ForSequenceClassification"
_JOINT = "rag_embed.encoders.joint.JointCosine"


@dataclass(frozen=True, slots=True)
class CrossLayout:
    """A transformer with a head that gives a pair one score.

    Attributes:
        tokenizer: File of the tokenizer.
        max_tokens: Tokens of a pair that it reads, special tokens included.
        pad: Id that fills a batch.
    """

    tokenizer: Path
    max_tokens: int
    pad: int

    @classmethod
    def of(cls, files: ModelFiles) -> CrossLayout:
        """Read a model's folder.

        Raises:
            UnsupportedModel: It is more than a BERT with a head of one score: it has a prompt, or does not tell
                query and text apart by token types.
        """
        config = json_of(files.path / "config.json") or {}
        whole = json_of(files.path / "config_sentence_transformers.json") or {}
        options = json_of(files.path / "tokenizer_config.json") or {}
        tokenizer = files.path / "tokenizer.json"
        heads = [str(one) for one in config.get("architectures") or ()]
        lengths = (options.get("model_max_length"), config.get("max_position_embeddings"))
        known = [int(one) for one in lengths if one]
        if (
            not tokenizer.is_file()
            or not known
            or not (is_joint(files.path) or all(one.endswith(_PLAIN) for one in heads))
            or int(config.get("type_vocab_size") or 0) < 2
            or len(config.get("id2label") or "1") != 1
            or (whole.get("prompts") or {}).get(whole.get("default_prompt_name"))
        ):
            raise UnsupportedModel(
                f"{files.name!r} is {', '.join(heads) or 'of unknown kind'}; the OpenVINO re-ranker runs "
                "BERT's kind with one score, a tokenizer.json and no prompt. Use CrossEncoderReranker."
            )
        return cls(tokenizer, min(known), int(config.get("pad_token_id") or 0))


class PairTokens:
    """A fast tokenizer for pairs of any two texts.

    Args:
        definition: The tokenizer as ``tokenizer.json`` holds it.
        max_tokens: Tokens of a pair, special tokens included; the longer text is cut at its end.
    """

    def __init__(self, definition: str, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self._single = Tokens(definition, max_tokens)
        self._pairs = Tokenizer.from_str(definition)
        self._pairs.no_padding()
        self._pairs.enable_truncation(max_tokens)

    def clipped(self, text: str) -> str:
        """The beginning of a text that can be read."""
        return self._single.read(text)

    def encoded(self, pairs: list[tuple[str, str]]) -> list[Encoding]:
        """Tokens of pairs of clipped texts."""
        found: list[Encoding] = self._pairs.encode_batch_fast(pairs)
        return found


def is_joint(path: Path) -> bool:
    """Whether a folder holds a cross-encoder whose score is the cosine of its two parts."""
    modules = path / "modules.json"
    return modules.is_file() and _JOINT.encode() in modules.read_bytes()


def refuse_others(name: str, path: Path) -> None:
    """Refuse what is no cross-encoder: loading it would put a head with random weights on it.

    Raises:
        ModelUnavailable: It has no trained head that scores a pair.
    """
    kind = Kind.of(path)
    trained = any(head.endswith(_HEADS) for head in kind.architectures)
    if kind.library == "CrossEncoder" or (not kind.library and trained):
        return
    raise ModelUnavailable(
        f"{name!r} is no cross-encoder but {kind}: it has no trained head that scores a pair. "
        "Use a model such as 'cross-encoder/ms-marco-MiniLM-L6-v2'."
    )
