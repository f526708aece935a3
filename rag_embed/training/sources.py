"""Where corpora, documents and pairs come from: an index, or a labelled collection on disk."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from rag_embed.arguments import check_made
from rag_embed.errors import BadInput
from rag_embed.evaluation.beir import read_collection
from rag_embed.evaluation.collection import Collection
from rag_embed.evaluation.shared import shared
from rag_embed.index import Index
from rag_embed.protocols import Encoder
from rag_embed.training.corpus import Corpus
from rag_embed.training.pairs import Pair, labelled, pseudo
from rag_embed.training.splits import Split, split
from rag_embed.types import Chunk, Cut, Document, Unit


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What an expert can be trained on.

    Attributes:
        corpus: What is searched.
        chunks: The same chunks with their texts.
        pairs: The labelled ones.
        group_by: What the labels name.
        left_out: Which labels were, and why, in a sentence; empty for none.
    """

    corpus: Corpus
    chunks: tuple[Chunk, ...]
    pairs: tuple[Pair, ...]
    group_by: Unit
    left_out: str = ""

    @classmethod
    def of_index(cls, index: Index, labels: Collection | None = None) -> Source:
        """The stored vectors of an index's shared documents, which labels name.

        Labels that tell of a user are left out; see `evaluation.shared`.

        Raises:
            BadInput: There are no shared documents, or no label is left.
        """
        check_made("index", index, Index)
        chunks = [chunk for _, some in cuts_of(index) for chunk in some]
        corpus = Corpus.of_view(index.store.view(), chunks, index.spaces.own.signature)
        below: dict[str, list[str]] = {}
        for chunk in chunks:
            below.setdefault(chunk.doc_id, []).append(chunk.id)
        if labels is None:
            return cls(corpus, tuple(chunks), (), "chunk")
        found = shared(labels, index.store)
        pairs = labelled(found.needed(), below)
        return cls(corpus, tuple(chunks), tuple(pairs), "document", found.told)

    @classmethod
    def of_collection(cls, collection: Collection, encoder: Encoder) -> Source:
        """The entries of a collection, encoded now, each as one chunk."""
        chunks = tuple(
            Chunk(d.id, str(d.metadata.get("doc_id", d.id)), d.text, 0, len(d.text), title=d.title)
            for d in collection.documents
        )
        corpus = Corpus.of_collection(collection, encoder)
        return cls(corpus, chunks, tuple(labelled(collection)), "chunk")

    def split(self, *, made: int = 0, held_out: float = 0.25, seed: int = 0) -> Split:
        """Labelled pairs on all sides, and made ones beside them in training.

        Without labels there are made ones on all sides.

        Args:
            made: Pseudo-queries; see `pairs.pseudo`.
            held_out: Share of the pairs to report on.
            seed: Of the sides and of the pseudo-queries.
        """
        extra = pseudo(self.chunks, made, seed=seed) if made else []
        if not self.pairs:
            return split(extra, held_out=held_out, seed=seed)
        return split(self.pairs, held_out=held_out, seed=seed).with_more(extra)


def cuts_of(index: Index) -> list[Cut]:
    """All shared documents of an index with their chunks.

    Nobody's private documents: what is learned from them would outlive their owner's `Index.forget`, and
    answer others.

    Raises:
        BadInput: There are none.
    """
    view = index.store.view()
    ids = sorted(index.store.document_ids())
    found = []
    for start in range(0, len(ids), 100):
        for document in view.documents(ids[start : start + 100]):
            if document.audience.everybody:
                found.append(Cut(document, view.document_chunks(document.id)))
    if not found:
        raise BadInput("The index holds no shared documents; add some before training on them.")
    return found


def read_chunk_set(
    folder: str | os.PathLike[str], *, strict: bool = True
) -> tuple[list[Cut], list[Pair]]:
    """Documents with labelled chunks.

    A collection that has ``documents.jsonl`` too, and ``doc_id``, ``start`` and ``end`` (in
    characters) in every line of ``corpus.jsonl``.

    Raises:
        BadInput: A file or field is missing, or a chunk is not where it says.
    """
    collection = read_collection(folder, strict=strict)
    file = Path(folder) / "documents.jsonl"
    if not file.is_file():
        raise BadInput(
            f"{file} is missing: situated training needs whole documents beside their chunks. "
            "Train on an index instead, which has both."
        )
    documents = {}
    for line in filter(str.strip, file.read_text(encoding="utf-8").splitlines()):
        one = json.loads(line)
        documents[one["_id"]] = Document(one["_id"], one["text"], title=one.get("title") or "")
    chunks: dict[str, list[Chunk]] = {id: [] for id in documents}
    for entry in collection.documents:
        chunk = _placed(entry, documents)
        chunks[chunk.doc_id].append(chunk)
    cuts = [
        Cut(document, sorted(chunks[id], key=lambda one: one.start))
        for id, document in documents.items()
        if chunks[id]
    ]
    return cuts, labelled(collection)


def _placed(entry: Document, documents: dict[str, Document]) -> Chunk:
    try:
        doc_id, start, end = (entry.metadata[name] for name in ("doc_id", "start", "end"))
        document = documents[doc_id]
    except KeyError as error:
        raise BadInput(f"Entry {entry.id!r} of corpus.jsonl: {error} is missing.") from None
    if document.text[start:end] != entry.text:
        raise BadInput(
            f"Entry {entry.id!r} is not the text [{start}:{end}] of document {doc_id!r}; offsets "
            "count characters."
        )
    return Chunk(entry.id, doc_id, entry.text, start, end, title=document.title)
