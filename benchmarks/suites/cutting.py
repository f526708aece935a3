"""Megabytes of Markdown that a processor makes chunks of in a second.

Every document is cut once, the ways taking turns, as when a folder is indexed for the first time: words
that no document before it had are new. *Tokenizer alone* tells how many tokens there are, not where they lie.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tokenizers import Tokenizer

from benchmarks.common import Bench, Suite, turns
from benchmarks.records import Table
from rag_embed.chunking import TokenSplitter
from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.models import resolve
from rag_embed.encoders.tokens import Tokens
from rag_embed.types import Document, Spans


@dataclass(frozen=True)
class _Counted:
    token_spans: Callable[[str], Spans]


def throughput(bench: Bench) -> Iterator[Table]:
    documents = [
        replace(one, metadata={"format": "markdown"})
        for collection in bench.collections
        for one in collection.documents
    ]
    definition = (resolve(DEFAULT).path / "tokenizer.json").read_text(encoding="utf-8")
    alone = Tokenizer.from_str(definition)
    alone.no_padding()
    alone.no_truncation()
    fresh = Tokens(definition, 256)
    beforehand = Tokens(definition, 256)
    known = {one.text: beforehand.spans(one.text) for one in documents}
    ways: dict[str, Callable[[Document], Any]] = {
        "tokenizer alone": lambda one: alone.encode_batch_fast([one.text]),
        "places of the tokens": lambda one: fresh.spans(one.text),
        "chunks, places known": TokenSplitter(_Counted(known.__getitem__)).split,
        "chunks": TokenSplitter(_Counted(Tokens(definition, 256).spans)).split,
    }
    _, spent = turns(ways, [documents[0], *documents], clock=time.process_time)
    size = sum(len(one.text.encode()) for one in documents) / 1e6
    rows: list[list[Any]] = [[way, size / sum(spent[way])] for way in ways]
    yield Table("throughput", {"": "", "MB a CPU second": ".2f"}, rows)


SUITE = Suite({"throughput": throughput}, sets=("anthropic_docs",))
