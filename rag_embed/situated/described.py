"""`Described` encodes each chunk under a context that somebody, usually an LLM, wrote for it.

Contextual retrieval (Anthropic, 2024). Writing is slow and costs money, so what was written is kept
by content: a run that stopped half-way continues, and a changed document pays for its own chunks.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar, cast

from rag_embed.errors import BadInput, NoContext
from rag_embed.protocols import Encoder, TokenEncoder
from rag_embed.situated.contexts import Cache, InMemory, OnDisk
from rag_embed.texts import titled
from rag_embed.types import Chunk, Document, Signature, TokenRows, Vectors

T = TypeVar("T")

Writer: TypeAlias = Callable[[Document, Chunk], str]
"""Writes the context of one chunk; called from several threads at once."""

_PROMPT = """\
Here is a document:
<document>
{document}
</document>

Here is a passage of it:
<passage>
{passage}
</passage>

Write one or two sentences that say what the passage is about within the document: name the subject,
the section, and whoever or whatever the passage refers to without naming it. The sentences help a
search engine find the passage. Answer with the sentences alone.
"""


def context_prompt(document: Document, chunk: Chunk, *, characters: int = 24_000) -> str:
    """The prompt that asks a language model to situate a chunk.

    Args:
        document: Of a long one, the beginning and the surroundings of the chunk are shown.
        chunk: One of its chunks.
        characters: Of the document, at most.

    Examples:
        >>> document = Document("d", "Profit rose. It was the best year.", title="Acme 2024")
        >>> "Acme 2024" in context_prompt(document, Chunk.of(document, 13, 34))
        True
    """
    text = document.text
    if len(text) > characters:
        half = characters // 2
        start = max(half, min(chunk.start - half // 2, len(text) - half))
        text = f"{text[:half]}\n[...]\n{text[start : start + half]}"
    shown = f"{document.title}\n\n{text}" if document.title else text
    return _PROMPT.format(document=shown, passage=titled(chunk))


@dataclass(frozen=True, slots=True)
class Described:
    """Each chunk is encoded under its title, its headings and its context. Make it by `described`.

    Attributes:
        encoder: Reads ``context``, a newline, then title, headings and text.
        write: Writes a context.
        name: Says who writes; part of the space's signature and of the cache's keys.
        cache: Where contexts are kept.
        workers: Contexts written at once.
        attempts: Calls of ``write`` before a chunk is given up; waits 1, 2, 4 ... seconds between.
        lexical: Let lexical search read the contexts too (contextual BM25).
    """

    encoder: Encoder
    write: Writer
    name: str
    cache: Cache = field(default_factory=InMemory)
    workers: int = 4
    attempts: int = 3
    lexical: bool = True

    @property
    def signature(self) -> Signature:
        """See `protocols.ChunkEncoder`."""
        return replace(self.encoder.signature, chunks=f"described:{self.name}")

    def encode_chunks(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> Vectors:
        """See `protocols.ChunkEncoder`.

        Raises:
            NoContext: A chunk got no context. The others' are in the cache: add again to go on.
        """
        return self.encoder.encode_document(self.texts(groups))

    def encode_chunk_tokens(
        self, groups: Sequence[tuple[Document, Sequence[Chunk]]], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenSpace`."""
        encoder = cast(TokenEncoder, self.encoder)  # whoever asks has checked it
        return encoder.encode_document_tokens(self.texts(groups), keep)

    def texts(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> list[str]:
        """See `protocols.TokenSpace`; contexts are written here.

        Raises:
            NoContext: A chunk got no context.
        """
        contexts = self.contexts(groups)
        chunks = [chunk for _, chunks in groups for chunk in chunks]
        return [f"{c}\n{titled(one)}" for c, one in zip(contexts, chunks, strict=True)]

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encoder.encode_query(texts)

    def contexts(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> list[str]:
        """The context of each chunk, in order; written now unless it is in the cache."""
        keys = [key for document, chunks in groups for key in self._keys(document, chunks)]
        pairs = [(document, chunk) for document, chunks in groups for chunk in chunks]
        known = dict(self.cache.get(keys))
        lacking = {k: pair for k, pair in zip(keys, pairs, strict=True) if k not in known}
        with ThreadPoolExecutor(max_workers=self.workers) as threads:
            written = list(threads.map(lambda item: self._kept(*item), lacking.items()))
        failed = [one for one in written if isinstance(one, NoContext)]
        if failed:
            raise NoContext(f"{len(failed)} of {len(keys)} chunks got no context: {failed[0]}")
        known |= {k: one for k, one in zip(lacking, written, strict=True) if isinstance(one, str)}
        return [known[key] for key in keys]

    def _kept(self, key: str, pair: tuple[Document, Chunk]) -> str | NoContext:
        try:
            context = self._written(*pair)
        except NoContext as error:  # the other chunks' contexts are still written and kept
            return error
        self.cache.put(key, context)
        return context

    def _written(self, document: Document, chunk: Chunk) -> str:
        for attempt in range(self.attempts):
            if attempt:
                time.sleep(2.0 ** (attempt - 1))
            try:
                context = self.write(document, chunk)
                break
            except Exception as error:  # whatever a provider raises
                reason = error
        else:
            raise NoContext(
                f"chunk {chunk.id!r} failed {self.attempts} times; the last error was "
                f"{type(reason).__name__}: {reason}"
            ) from reason
        if not isinstance(context, str):
            raise NoContext(
                f"chunk {chunk.id!r}: the writer must return a str, got {type(context).__name__}."
            )
        return " ".join(context.split())

    def forget(self, documents: Iterable[Document]) -> None:
        """Erase the contexts of these documents from the cache."""
        self.cache.forget([self._group(document) for document in documents])

    def _keys(self, document: Document, chunks: Iterable[Chunk]) -> list[str]:
        """By writer, document and place: a context may depend on all of the document."""
        group = self._group(document)
        return [f"{group}:{chunk.start}-{chunk.end}" for chunk in chunks]

    def _group(self, document: Document) -> str:
        whole = hashlib.blake2b(digest_size=16)
        whole.update(json.dumps([self.name, document.title, document.text]).encode())
        return whole.hexdigest()


def described(
    write: Writer,
    *,
    name: str,
    cache: str | os.PathLike[str] | None = None,
    workers: int = 4,
    attempts: int = 3,
    lexical: bool = True,
) -> Callable[[Encoder], Described]:
    """For ``Index.create(situate=...)``: chunks are encoded under contexts that ``write`` writes.

    Args:
        write: Called with a document and one of its chunks; see `context_prompt`.
        name: Says who writes, for example model and prompt version; another name is another space.
        cache: File that keeps contexts; ``None`` keeps them as long as the process lives.
        workers: Contexts written at once, >= 1.
        attempts: Calls before a chunk is given up, >= 1.
        lexical: Let lexical search read the contexts too (contextual BM25).

    Raises:
        BadInput: An argument is out of range.

    Examples:
        >>> from rag_embed import Index
        >>> from rag_embed.encoders import HashEncoder
        >>> topic = described(lambda document, chunk: "About foxes.", name="by hand")
        >>> index = Index.in_memory(encoder=HashEncoder(), situate=topic)
        >>> index.add([Document("d", "They are red.")]).chunks
        1
    """
    if not name or workers < 1 or attempts < 1:
        raise BadInput(
            "described() needs a name, workers >= 1 and attempts >= 1, "
            f"got {name!r}, {workers} and {attempts}."
        )
    kept = InMemory() if cache is None else OnDisk(cache)
    return lambda encoder: Described(encoder, write, name, kept, workers, attempts, lexical)
