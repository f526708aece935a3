"""What an expert learns from: queries with the chunks that answer them. No model is used here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np

from rag_embed.arguments import count
from rag_embed.chunking import sentence_starts
from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection
from rag_embed.types import Chunk

Kind: TypeAlias = Literal["cloze", "body", "title", "heading"]
"""Where a pseudo-query comes from; see `pseudo`."""

_SHORTEST, _LONGEST = 4, 40
"""Words of a sentence that can be a query."""

_WHOLE = 0.1
"""Share of cloze queries that stay in their chunk, so that matching words is not unlearned
(Lee, Chang and Toutanova, Latent Retrieval, 2019)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and what answers it.

    Attributes:
        query: The text.
        chunks: Ids of the chunks that answer it; any one is enough.
        documents: The document of each chunk: what two sides of a split never share.
        ignored: Ids of chunks that are neither right nor wrong.
        text: What stands in the place of the only chunk, for a query that was cut out of it.

    Raises:
        BadInput: There is no chunk, not one document per chunk, or a text for several chunks.
    """

    query: str
    chunks: tuple[str, ...]
    documents: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    text: str = ""

    def __post_init__(self) -> None:
        if not self.chunks or len(self.chunks) != len(self.documents):
            raise BadInput(
                f"A pair needs at least one chunk and the document of each, got {len(self.chunks)} "
                f"chunks and {len(self.documents)} documents for {self.query!r}."
            )
        if self.text and len(self.chunks) > 1:
            raise BadInput(f"A text stands for one chunk, got {len(self.chunks)} chunks.")


def labelled(
    collection: Collection, chunks: Mapping[str, Sequence[str]] | None = None
) -> list[Pair]:
    """The labelled queries of a collection.

    Args:
        collection: Queries without a relevant document of the corpus are left out.
        chunks: Per document id the ids of its chunks; by default each document is one chunk.

    Examples:
        >>> from rag_embed import Document
        >>> entry = Document("a#1", "Close it.", metadata={"doc_id": "a"})
        >>> labelled(Collection("c", (entry,), {"q": "how to close"}, {"q": {"a#1": 1}}))
        [Pair(query='how to close', chunks=('a#1',), documents=('a',), ignored=(), text='')]
    """
    owner = {id: id for id in chunks or ()}  # labels of an index need not repeat its documents
    owner |= {d.id: str(d.metadata.get("doc_id", d.id)) for d in collection.documents}
    pairs = []
    for id in collection.judged:
        right = [one for one, grade in collection.qrels[id].items() if grade > 0 and one in owner]
        found = [
            (chunk, owner[one])
            for one in right
            for chunk in ((one,) if chunks is None else chunks.get(one, ()))
        ]
        if found:
            ids, documents = zip(*found, strict=True)
            pairs.append(Pair(collection.queries[id], ids, documents))
    return pairs


def pseudo(
    chunks: Sequence[Chunk],
    n: int = 1000,
    *,
    kinds: Sequence[Kind] = ("cloze", "body", "title", "heading"),
    seed: int = 0,
) -> list[Pair]:
    """Queries made of the chunks themselves, for a corpus without labels.

    - ``"cloze"``: a sentence of a chunk looks for the rest of it (inverse cloze task);
    - ``"body"``: a sentence of a document's first chunk looks for another chunk of the document
      (body first selection);
    - ``"title"``, ``"heading"``: what stands above a chunk looks for the text below.

    A query is cut out of what it looks for, and a text that would be a query of two documents is
    none. Chang et al., Pre-training Tasks for Embedding-based Large-scale Retrieval (ICLR 2020).

    Args:
        chunks: Of any number of documents.
        n: Pairs at most, as many of each kind as there are.
        kinds: Which to make.
        seed: The same seed makes the same pairs.

    Returns:
        At most ``n`` pairs, shuffled.

    Raises:
        BadInput: ``n`` < 1, or an unknown kind.

    Examples:
        >>> from rag_embed import Document
        >>> guide = Document("d", "Open the file first. Then read all of it.", title="Reading files")
        >>> [pair] = pseudo([Chunk.of(guide, 0, 41)], kinds=["title"])
        >>> pair.query, pair.text
        ('Reading files', 'Open the file first. Then read all of it.')
    """
    unknown = set(kinds) - set(get_args(Kind))
    if n < 1 or unknown or not kinds:
        raise BadInput(
            f"pseudo() needs n >= 1 and kinds out of {get_args(Kind)}, got {n} and {tuple(kinds)}."
        )
    rng = np.random.default_rng(count("seed", seed, 0))
    documents: dict[str, list[Chunk]] = {}
    for chunk in sorted(chunks, key=lambda one: (one.doc_id, one.ordinal, one.id)):
        documents.setdefault(chunk.doc_id, []).append(chunk)
    queues = []
    for kind in dict.fromkeys(kinds):
        made = [pair for some in documents.values() for pair in _MAKERS[kind](some, rng)]
        queues.append([made[i] for i in rng.permutation(len(made))])
    chosen = _dealt(_distinct(queues), n)
    return [chosen[i] for i in rng.permutation(len(chosen))]


def _distinct(queues: Sequence[list[Pair]]) -> list[list[Pair]]:
    """Without queries of several documents, each query once."""
    owners: dict[str, set[str]] = {}
    for pair in (one for queue in queues for one in queue):
        owners.setdefault(pair.query.casefold(), set()).update(pair.documents)
    taken = {query for query, some in owners.items() if len(some) > 1}
    kept: list[list[Pair]] = []
    for queue in queues:
        kept.append([])
        for pair in queue:
            if (key := pair.query.casefold()) not in taken:
                taken.add(key)
                kept[-1].append(pair)
    return kept


def _dealt(queues: Sequence[list[Pair]], n: int) -> list[Pair]:
    """In turn one of each queue, so that a rare kind is not drowned."""
    dealt: list[Pair] = []
    for place in range(max(map(len, queues), default=0)):
        dealt += [queue[place] for queue in queues if place < len(queue)]
    return dealt[:n]


def _cloze(chunks: list[Chunk], rng: np.random.Generator) -> Iterator[Pair]:
    for chunk in chunks:
        spans = sentences(chunk.text)
        if not spans:
            continue
        start, end = spans[rng.integers(len(spans))]
        rest = f"{chunk.text[:start]}{chunk.text[end:]}".strip()
        if len(rest.split()) >= _SHORTEST:
            kept = rng.random() < _WHOLE
            query = chunk.text[start:end].strip()
            yield Pair(query, (chunk.id,), (chunk.doc_id,), text=chunk.text if kept else rest)


def _body(chunks: list[Chunk], rng: np.random.Generator) -> Iterator[Pair]:
    first, *others = chunks
    for start, end in sentences(first.text):
        if others:
            query = first.text[start:end].strip()
            yield _one_of(others, query, rng, also=[first.id])


def _title(chunks: list[Chunk], rng: np.random.Generator) -> Iterator[Pair]:
    if title := chunks[0].title.strip():
        yield _above(chunks, title, rng)


def _heading(chunks: list[Chunk], rng: np.random.Generator) -> Iterator[Pair]:
    below: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        if chunk.headings and (heading := chunk.headings[-1].strip()):
            below.setdefault(heading, []).append(chunk)
    for heading, some in below.items():
        yield _above(some, heading, rng)


def _above(chunks: list[Chunk], query: str, rng: np.random.Generator) -> Pair:
    """One of the chunks, without the line that is the query."""
    pair = _one_of(chunks, query, rng)
    lines = [line for line in pair.text.splitlines() if line.strip("#=-* \t") != query]
    return replace(pair, text="\n".join(lines).strip() or pair.text)


def _one_of(
    chunks: list[Chunk], query: str, rng: np.random.Generator, also: Sequence[str] = ()
) -> Pair:
    """One of the chunks is right, the others neither right nor wrong."""
    right = chunks[int(rng.integers(len(chunks)))]
    others = [one.id for one in chunks if one is not right]
    return Pair(query, (right.id,), (right.doc_id,), (*also, *others), right.text)


_MAKERS: dict[Kind, Callable[[list[Chunk], np.random.Generator], Iterator[Pair]]] = {
    "cloze": _cloze,
    "body": _body,
    "title": _title,
    "heading": _heading,
}


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences that can be a query: not too short, not too long."""
    starts = [0, *sentence_starts(text)]
    spans = zip(starts, [*starts[1:], len(text)], strict=True)
    return [(a, b) for a, b in spans if _SHORTEST <= len(text[a:b].split()) <= _LONGEST]
