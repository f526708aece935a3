"""The index that files are added to: made, or opened and compared with what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from rag_embed.analysis import AUTO, Analyzer
from rag_embed.cli.show import err
from rag_embed.encoders.models import lasting
from rag_embed.errors import BadInput
from rag_embed.index import Index
from rag_embed.indexing.workers import Ray, Workers
from rag_embed.situated.expressions import STANDARD, situated
from rag_embed.types import Document


class Engine(str, Enum):
    """Where workers run."""

    processes = "processes"
    ray = "ray"

    def of(self, count: int) -> int | Workers:
        """So many workers."""
        return Ray(count) if self is Engine.ray else count


@dataclass(frozen=True, slots=True)
class Shape:
    """How an index is to be made, option by option; None, or an empty one, for what was not asked."""

    model: str | None
    chunk_tokens: int | None
    chunk_overlap: int | None
    situate: str | None
    tokens: bool | None
    weights: Mapping[str, float]
    fields: Mapping[str, str]
    language: str | None
    durable: bool | None


def made(to: str, shape: Shape, sample: list[Document] | None) -> Index:
    """A new index."""
    kb = Index.create(
        to,
        encoder=shape.model,
        chunk_tokens=200 if shape.chunk_tokens is None else shape.chunk_tokens,
        chunk_overlap=shape.chunk_overlap or 0,
        situate=shape.situate or STANDARD,
        sample=sample,
        tokens=shape.tokens,
        weights=shape.weights or None,
        fields=shape.fields,
        analyzer=Analyzer(shape.language or AUTO),
        durable=bool(shape.durable),
    )
    if shape.situate == "auto":
        err.print(str(kb.contents.stats()["situated"]), markup=False)
    return kb


def opened(to: str, shape: Shape) -> Index:
    """The index that is there; options that make one must say what it was made with."""
    kb = Index.open(to)
    _check("--model", shape.model and lasting(shape.model), kb.spaces.own.signature.model)
    _check("--chunk-tokens", shape.chunk_tokens, kb.spaces.cut.get("max_tokens"))
    _check("--chunk-overlap", shape.chunk_overlap, kb.spaces.cut.get("overlap"))
    if shape.situate == "auto":
        measured = "situated" in kb.contents.stats()
        _check("--situate", "auto", "auto" if measured else kb.spaces.own.signature.chunks)
    elif shape.situate is not None:
        way = situated(shape.situate, kb.spaces.own.encoder).signature.chunks
        _check("--situate", way, kb.spaces.own.signature.chunks)
    if shape.tokens is False and kb.spaces.own.signature.tokens:
        raise BadInput(
            "The index keeps tokens. Leave --no-tokens out, let them count nothing "
            "(rag-embed experts weigh KB dense=0.5 lexical=0.5), or build a new index."
        )
    _check("--weight", shape.weights or None, dict(kb.experts.weights))
    known = kb.store.fields.types
    again = {name: kind for name, kind in shape.fields.items() if name in known}
    _check("--field", again or None, {name: known[name] for name in again})
    _check("--language", shape.language, kb.store.analyzer.language)
    _check("--durable", shape.durable, kb.store.settings()["store"].get("durable", False))
    return kb


def _check(option: str, asked: object, built: object) -> None:
    if asked is not None and asked != built:
        another = (
            "build a new index: rag-embed export KB --everyone --to all.jsonl, then rag-embed index "
            f"all.jsonl --to NEW --fields-of KB --model {asked}"
            if option == "--model"
            else "build a new index"
        )
        raise BadInput(
            f"The index was built with {_typed(option, built)}, not with {_typed(option, asked)}. "
            f"Leave {option} out, or {another}."
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
