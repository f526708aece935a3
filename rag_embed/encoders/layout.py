"""What a sentence-transformers folder says about its model, read without importing the library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_embed.encoders.models import ModelFiles, json_of
from rag_embed.encoders.positions.extension import Extension
from rag_embed.errors import UnsupportedModel


@dataclass(frozen=True, slots=True)
class Layout:
    """A transformer whose token vectors are pooled by mean or first token.

    Attributes:
        transformer: Folder of the transformer and its tokenizer.
        max_tokens: Tokens it reads, special tokens included.
        dim: Length of a token vector.
        pooling: ``"mean"`` or ``"cls"``.
        pad: Id that fills a batch.
        prompts: By role: ``query``, ``document``.
        kept: How many numbers of a vector are kept, the first ones; None for all.
    """

    transformer: Path
    max_tokens: int
    dim: int
    pooling: str
    pad: int
    prompts: dict[str, str]
    kept: int | None = None

    @classmethod
    def of(cls, files: ModelFiles) -> Layout:
        """Read a model's folder.

        Raises:
            UnsupportedModel: It is more than a transformer, pooling and normalising.
        """
        extension = Extension.beside(files.path)
        if extension is not None and not extension.baked:
            raise UnsupportedModel(
                f"{files.name!r} is extended to {extension.max_tokens} tokens by code that runs with "
                "torch. Use SentenceEncoder; or longcontext.bake(), whose checkpoint OpenVINO runs."
            )
        modules = json_of(files.path / "modules.json")
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules or []]
        if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]):
            raise UnsupportedModel(
                f"{files.name!r} is built of {kinds or 'unknown modules'}; the OpenVINO encoder "
                "runs Transformer, Pooling and Normalize only. Use SentenceEncoder."
            )
        transformer = files.path / modules[0]["path"]
        config = json_of(transformer / "config.json")
        tokenizer = transformer / "tokenizer.json"
        if not config or not tokenizer.is_file():
            raise UnsupportedModel(
                f"{files.name!r} has no config.json and tokenizer.json. Use SentenceEncoder."
            )
        whole = json_of(files.path / "config_sentence_transformers.json") or {}
        settings = json_of(transformer / "sentence_bert_config.json") or {}
        options = json_of(transformer / "tokenizer_config.json") or {}
        lengths = [
            settings.get("max_seq_length"),
            options.get("model_max_length"),
            config.get("max_position_embeddings"),
        ]
        return cls(
            transformer=transformer,
            max_tokens=int(next(length for length in lengths if length)),
            dim=int(config["hidden_size"]),
            pooling=_pooling(files, json_of(files.path / modules[1]["path"] / "config.json") or {}),
            pad=int(config.get("pad_token_id") or 0),
            prompts=whole.get("prompts") or {},
            kept=whole.get("truncate_dim"),
        )


def transformer_of(folder: Path) -> Path:
    """Where the transformer of a model is: in its folder, or in one of that."""
    modules = json_of(folder / "modules.json") or []
    return folder / str(modules[0].get("path", "")) if modules else folder


def _pooling(files: ModelFiles, config: dict[str, Any]) -> str:
    modes = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}
    flags = [name for name, value in config.items() if name.startswith("pooling_mode_") and value]
    if config.get("include_prompt", True):
        for mode, flag in modes.items():
            if config.get("pooling_mode") == mode or flags == [flag]:
                return mode
    raise UnsupportedModel(
        f"{files.name!r} pools with {flags or config.get('pooling_mode')}; the OpenVINO encoder "
        "pools by mean or first token. Use SentenceEncoder."
    )
