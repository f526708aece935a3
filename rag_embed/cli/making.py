"""The index that files are added to: made, or opened and compared with what was asked."""

from __future__ import annotations

from enum import Enum

from rag_embed.analysis import Analyzer
from rag_embed.cli.show import err
from rag_embed.encoders.models import lasting
from rag_embed.errors import BadInput
from rag_embed.index import Index
from rag_embed.indexing.workers import Ray, Workers
from rag_embed.situated.expressions import STANDARD, situated
from rag_embed.types import Document

_OTHERWISE = {
    "--field": ' What is not declared is filtered as metadata.NAME: --where "metadata.year>=2020".'
}


class Engine(str, Enum):
    """Where workers run."""

    processes = "processes"
    ray = "ray"

    def of(self, count: int) -> int | Workers:
        """So many workers."""
        return Ray(count) if self is Engine.ray else count


def made(
    to: str,
    sample: list[Document] | None,
    model: str | None,
    chunk_tokens: int | None,
    chunk_overlap: int | None,
    situate: str | None,
    tokens: bool | None,
    weights: dict[str, float],
    fields: dict[str, str],
    language: str | None,
    durable: bool | None,
) -> Index:
    """A new index."""
    kb = Index.create(
        to,
        encoder=model,
        chunk_tokens=200 if chunk_tokens is None else chunk_tokens,
        chunk_overlap=chunk_overlap or 0,
        situate=situate or STANDARD,
        sample=sample,
        tokens=tokens,
        weights=weights or None,
        fields=fields,
        analyzer=Analyzer(language or "english"),
        durable=bool(durable),
    )
    if situate == "auto":
        err.print(str(kb.contents.stats()["situated"]), markup=False)
    return kb


def opened(
    to: str,
    model: str | None,
    chunk_tokens: int | None,
    chunk_overlap: int | None,
    situate: str | None,
    tokens: bool | None,
    weights: dict[str, float],
    fields: dict[str, str],
    language: str | None,
    durable: bool | None,
) -> Index:
    """The index that is there; options that make one must say what it was made with."""
    kb = Index.open(to)
    _check("--model", model and lasting(model), kb.spaces.own.signature.model)
    _check("--chunk-tokens", chunk_tokens, kb.spaces.cut.get("max_tokens"))
    _check("--chunk-overlap", chunk_overlap, kb.spaces.cut.get("overlap"))
    if situate == "auto":
        measured = "situated" in kb.contents.stats()
        _check("--situate", situate, situate if measured else kb.spaces.own.signature.chunks)
    elif situate is not None:
        way = situated(situate, kb.spaces.own.encoder).signature.chunks
        _check("--situate", way, kb.spaces.own.signature.chunks)
    if tokens is False and kb.spaces.own.signature.tokens:
        raise BadInput(
            "The index keeps tokens. Leave --no-tokens out, let them count nothing "
            "(rag-embed experts weigh KB dense=0.5 lexical=0.5), or build a new index."
        )
    _check("--weight", weights or None, dict(kb.experts.weights))
    _check("--field", fields or None, dict(kb.store.fields.types))
    _check("--language", language, kb.store.analyzer.language)
    _check("--durable", durable, kb.store.settings()["store"].get("durable", False))
    return kb


def _check(option: str, asked: object, built: object) -> None:
    if asked is not None and asked != built:
        raise BadInput(
            f"The index was built with {_typed(option, built)}, not with {_typed(option, asked)}. "
            f"Leave {option} out, or build a new index.{_OTHERWISE.get(option, '')}"
        )


def _typed(option: str, value: object) -> str:
    """An option as one types it."""
    if isinstance(value, bool):
        return option if value else option.replace("--", "--no-", 1)
    if isinstance(value, dict):
        between = ":" if option == "--field" else "="
        return " ".join(f"{option} {name}{between}{one}" for name, one in value.items()) or (
            f"no {option}"
        )
    return f"no {option}" if value is None else f"{option} {value}"
