"""What a folder says about a SPLADE model, read without importing sentence-transformers.

SPLADE (Formal et al. 2021) is a masked language model whose head weighs every word of the vocabulary at
every token: ``log(1 + relu(logit))``, the largest over all tokens, or their sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rag_embed.encoders.model_kind import Kind
from rag_embed.encoders.models import ModelFiles, json_of, resolve
from rag_embed.encoders.recipe import Recipe
from rag_embed.errors import ModelUnavailable, UnsupportedModel

LIBRARY = "SparseEncoder"
"""What sentence-transformers writes into the folder of a sparse model."""

HEAD = "ForMaskedLM"
"""End of the name of an architecture that has a head over its vocabulary."""


@dataclass(frozen=True, slots=True)
class Splade:
    """A masked language model and how its logits are pooled.

    Attributes:
        tokenizer: File of the tokenizer.
        max_tokens: Tokens it reads, special tokens included.
        vocabulary: Terms that it weighs.
        pooling: ``"max"`` or ``"sum"`` over tokens.
        activation: ``"relu"``, or ``"log1p_relu"`` where the logarithm is taken twice.
        prompts: By role: ``query``, ``document``.
    """

    tokenizer: Path
    max_tokens: int
    vocabulary: int
    pooling: str
    activation: str
    prompts: dict[str, str]

    @classmethod
    def of(cls, files: ModelFiles) -> Splade:
        """Read a model's folder.

        Raises:
            UnsupportedModel: It is more than a transformer with a head and SPLADE pooling.
        """
        modules = json_of(files.path / "modules.json")
        kinds = [str(one["type"]).rpartition(".")[2] for one in modules or []]
        if modules and kinds not in (
            ["Transformer", "SpladePooling"],
            ["MLMTransformer", "SpladePooling"],
        ):
            raise UnsupportedModel(
                f"{files.name!r} is built of {kinds}; OpenVINO runs Transformer and SpladePooling "
                "only. Use SparseEncoder."
            )
        folder = files.path / (modules[0]["path"] if modules else "")
        config, tokenizer = json_of(folder / "config.json"), folder / "tokenizer.json"
        whole = json_of(files.path / "config_sentence_transformers.json") or {}
        if not config or not tokenizer.is_file() or whole.get("max_active_dims"):
            raise UnsupportedModel(
                f"{files.name!r} has no config.json and tokenizer.json, or a limit of terms. Use "
                "SparseEncoder."
            )
        pooled = json_of(files.path / modules[1]["path"] / "config.json") if modules else None
        settings = json_of(folder / "sentence_bert_config.json") or {}
        options = json_of(folder / "tokenizer_config.json") or {}
        lengths = [
            settings.get("max_seq_length"),
            options.get("model_max_length"),
            config.get("max_position_embeddings"),
        ]
        positions = config.get("max_position_embeddings") or max(filter(None, lengths))
        return cls(
            tokenizer=tokenizer,
            max_tokens=min(int(next(length for length in lengths if length)), int(positions)),
            vocabulary=int(config["vocab_size"]),
            pooling=(pooled or {}).get("pooling_strategy", "max"),
            activation=(pooled or {}).get("activation_function", "relu"),
            prompts=whole.get("prompts") or {},
        )

    @property
    def way(self) -> str:
        """What `types.Signature.pooling` says."""
        return f"splade {self.pooling} {self.activation}"


def check_sparse(files: ModelFiles) -> None:
    """Refuse a model without a trained head: loading it would invent one.

    Raises:
        ModelUnavailable: It was not trained to weigh terms.
    """
    kind = Kind.of(files.path)
    trained = any(one.endswith(HEAD) for one in kind.architectures)
    if kind.library == LIBRARY or (not kind.library and trained):
        return
    raise ModelUnavailable(
        f"{files.name!r} was not trained to weigh terms, it is {kind}. Use a model such as "
        "'naver/splade-v3-distilbert', or SentenceEncoder."
    )


def weighs_terms(model: str) -> bool:
    """Whether a model was saved as one that weighs terms; False for one that is not there."""
    try:
        return Kind.of(resolve(model).path).library == LIBRARY
    except ModelUnavailable:
        return False


def sparse_recipe(model: str, **options: str | None) -> Recipe:
    """How an encoder of a sparse model is made again.

    Args:
        model: Its name, or the absolute path of its folder.
        **options: What its making was given besides; None for what was not.
    """
    given = {name: value for name, value in options.items() if value is not None}
    return Recipe("sparse", {"model": model, **given})
