"""What the parts of `personal.py` share: the sets, an encoder with a memory, indexes kept on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rag_embed import Document, Index, Query, encoders
from rag_embed import evaluation as ev
from rag_embed.evaluation import Labelled
from rag_embed.maths.resampling import paired_bootstrap
from rag_embed.protocols import Retriever
from rag_embed.types import Hit, TokenRows


def rows(data: Path, name: str, file: str) -> list[dict[str, Any]]:
    with (data / name / file).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


class Cached:
    """An encoder that encodes no text twice: vectors stay in a file, queries' tokens in memory."""

    def __init__(self, path: Path) -> None:
        self.encoder: Any = encoders.load()
        self.path, self.known = path, {}
        self.tokens: dict[str, TokenRows] = {}
        self.signature, self.token_spans = self.encoder.signature, self.encoder.token_spans
        if path.exists():
            stored = np.load(path)
            texts = json.loads(path.with_suffix(".json").read_text())
            self.known = dict(zip(texts, stored["rows"], strict=True))

    def encode_query(self, texts: Sequence[str], /) -> np.ndarray:
        """all-MiniLM-L6-v2 has no prompts: a text has one vector."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self.known]
        if fresh:
            self.known |= dict(zip(fresh, self.encoder.encode_document(fresh), strict=True))
        if len(fresh) > 50:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(self.path, rows=np.stack(list(self.known.values())))
            self.path.with_suffix(".json").write_text(json.dumps(list(self.known)))
        dim = self.signature.dim
        return np.array([self.known[text] for text in texts], np.float32).reshape(-1, dim)

    encode_document = encode_query

    def encode_query_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], Any], /
    ) -> tuple[np.ndarray, list[Any]]:
        fresh = [text for text in dict.fromkeys(texts) if text not in self.tokens]
        if fresh:
            kept = self.encoder.encode_query_tokens(fresh, lambda t: replace(t, rows=t.rows.copy()))
            self.known |= dict(zip(fresh, kept[0], strict=True))
            self.tokens |= dict(zip(fresh, kept[1], strict=True))
        return self.encode_query(texts), [keep(self.tokens[text]) for text in texts]

    def encode_document_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], Any], /
    ) -> tuple[np.ndarray, list[Any]]:
        found: tuple[np.ndarray, list[Any]] = self.encoder.encode_document_tokens(texts, keep)
        return found


def built(work: Path, name: str, documents: Sequence[Document], chunk_tokens: int = 200) -> Index:
    """The index of these documents under the library's defaults, made when it is not there yet."""
    encoder = Cached(work / "vectors.npz")
    if not (work / name / "whole").exists():
        index = Index.create(work / name, encoder=encoder, chunk_tokens=chunk_tokens)
        index.add(documents)
        (work / name / "whole").touch()
    return Index.open(work / name, encoder=encoder)


def labels(data: Path, name: str, query: Callable[[dict[str, Any]], Query]) -> list[Labelled]:
    qrels = ev.read_collection(data / name).qrels
    return [Labelled(query(row), qrels[row["_id"]]) for row in rows(data, name, "queries.jsonl")]


def facts(data: Path, owned: bool) -> list[Document]:
    """The facts of `ikat_facts` and the chats of `lihua`."""
    documents = [
        Document(row["_id"], row["text"], user=row["user_id"] if owned else None)
        for row in rows(data, "ikat_facts", "corpus.jsonl")
    ]
    return documents + [
        Document(row["_id"], row["text"], row["title"], user="lihua" if owned else None)
        for row in rows(data, "lihua", "corpus.jsonl")
    ]


def ikat(data: Path) -> list[Labelled]:
    return labels(
        data,
        "ikat_facts",
        lambda row: Query(row["text"], user=row["user_id"], previous=tuple(row["previous"])),
    )


def lihua(data: Path) -> list[Labelled]:
    return labels(data, "lihua", lambda row: Query(row["text"], user="lihua"))


@dataclass
class Once:
    """Asks another retriever the same thing once; the same settings are measured several times."""

    retriever: Retriever
    known: dict[tuple[Any, ...], list[Hit]] = field(default_factory=dict)

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        keys = [_key(query) for query in queries]
        fresh = {key: q for key, q in zip(keys, queries, strict=True) if key not in self.known}
        found = self.retriever.retrieve(list(fresh.values())) if fresh else []
        self.known |= dict(zip(fresh, found, strict=True))
        return [self.known[key] for key in keys]


def _key(query: Query) -> tuple[Any, ...]:
    vectors: Mapping[str, np.ndarray] = query.vectors
    bent = tuple((name, row.tobytes()) for name, row in sorted(vectors.items()))
    return query.text, query.user, query.k, query.group_by, bent


def difference(first: np.ndarray, second: np.ndarray) -> tuple[str, list[float]]:
    found = paired_bootstrap(first, second)
    figures = [found.value, found.low, found.high]
    return f"{figures[0]:+.4f} ({figures[1]:+.4f} to {figures[2]:+.4f})", figures
