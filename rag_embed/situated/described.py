"""`Described` encodes each chunk under a context that somebody, usually an LLM, wrote for it.

Contextual retrieval (Anthropic, 2024). Writing is slow and costs money, so what was written is kept
by content: a run that stopped half-way continues, and a changed document pays for its own chunks.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from rag_embed.arguments import count
from rag_embed.errors import BadInput, NoContext
from rag_embed.protocols import Encoder
from rag_embed.situated.contexts import Cache, InMemory, OnDisk
from rag_embed.situated.search_only import SearchOnly
from rag_embed.situated.space import TextSpace, digest
from rag_embed.texts import titled
from rag_embed.types import Chunk, Cut, Document

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
class Described(TextSpace):
    """Each chunk is encoded under its title, its headings and its context. Make it by `described`.

    Attributes:
        encoder: Reads ``context``, a newline, then title, headings and text.
        write: Writes a context.
        name: Says who writes; part of the space's signature and of the cache's keys.
        cache: Where contexts are kept.
        workers: Contexts written at once.
        attempts: Calls of ``write`` before a chunk is given up; waits 1, 2, 4 ... seconds between.
        lexical: Let lexical search read the contexts too (contextual BM25).
        repeatable: Whether the writer always writes the same, for next to nothing: then it is asked
            again where a context is to be shown and was not kept.
    """

    write: Writer
    name: str
    cache: Cache = field(default_factory=InMemory)
    workers: int = 4
    attempts: int = 3
    lexical: bool = True
    repeatable: bool = False

    def __deepcopy__(self, memo: dict[int, Any]) -> Described:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with its writer where that can be; else what searches, and does not add."""
        try:
            pickle.dumps(self.write)
        except Exception:  # whatever the writer holds may raise anything
            return SearchOnly, (self.encoder, self.way)
        return Described, tuple(getattr(self, one.name) for one in fields(self))

    @property
    def way(self) -> str:
        """See `space.TextSpace`."""
        return f"described:{self.name}"

    def texts(self, cuts: Sequence[Cut], /) -> list[str]:
        """See `protocols.TokenSpace`; contexts are written here.

        Raises:
            NoContext: A chunk got no context. The others' are in the cache: add again to go on.
        """
        contexts = self.contexts(cuts)
        chunks = [chunk for _, chunks in cuts for chunk in chunks]
        return [f"{c}\n{titled(one)}" for c, one in zip(contexts, chunks, strict=True)]

    def sources(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`; a context may be about any part of the document."""
        return [
            digest(document.title, document.text, chunk.start, titled(chunk))
            for document, chunks in cuts
            for chunk in chunks
        ]

    def written(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`: contexts, titles, headings and texts."""
        return self.texts(cuts) if self.lexical else None

    def shown(self, cuts: Sequence[Cut], /) -> list[str | None]:
        """See `protocols.SituatedSpace`; of chunks whose context was kept."""
        if self.repeatable:
            return list(self.texts(cuts))
        keyed = self._keyed(cuts)
        known = self.cache.get([key for key, _ in keyed])
        return [
            f"{known[key]}\n{titled(chunk)}" if key in known else None for key, (_, chunk) in keyed
        ]

    def kept_in(self) -> tuple[str, ...]:
        """See `protocols.SituatedSpace`: the file of the cache."""
        return self.cache.files

    def forget(self, user: str, documents: Sequence[Document], /) -> None:
        """See `protocols.SituatedSpace`: contexts of the user's documents go from the cache."""
        self.cache.forget(user, [self._group(document) for document in documents])

    def contexts(self, cuts: Sequence[Cut], /) -> list[str]:
        """The context of each chunk, in order; written now unless it is in the cache."""
        keyed = self._keyed(cuts)
        keys = [key for key, _ in keyed]
        known = dict(self.cache.get(keys))
        lacking = {key: pair for key, pair in keyed if key not in known}
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
        self.cache.put(key, context, pair[0].user)
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

    def _keyed(self, cuts: Sequence[Cut]) -> list[tuple[str, tuple[Document, Chunk]]]:
        """By writer, document and place: a context may depend on all of the document."""
        return [
            (f"{group}:{chunk.start}-{chunk.end}", (document, chunk))
            for document, chunks in cuts
            for group in [self._group(document)]
            for chunk in chunks
        ]

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
    workers, attempts = count("workers", workers), count("attempts", attempts)
    if not name:
        raise BadInput("described() needs a name, which the index keeps as the writer's.")
    kept = InMemory() if cache is None else OnDisk(cache)
    return lambda encoder: Described(encoder, write, name, kept, workers, attempts, lexical)
