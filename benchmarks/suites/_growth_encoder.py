"""An encoder that knows all texts beforehand: it looks vectors and tokens up, and takes no time of a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.suites._growth_corpus import DIM, LONGEST, Corpus, Part
from rag_embed.encoders.word_tokens import word_spans
from rag_embed.maths.vectors import unit
from rag_embed.types import Signature, Spans, TokenRows, Vectors

T = TypeVar("T")


class Given:
    """A `protocols.TokenEncoder` of texts that it was given; others have a vector that their length draws.

    Attributes:
        rows: Text -> vector.
        wall: Seconds spent here, of the clock.
        cpu: Of the processor.
    """

    def __init__(self) -> None:
        self.rows: dict[str, npt.NDArray[np.float32]] = {}
        self._tokens: dict[str, TokenRows] = {}
        self._corpus: Corpus | None = None
        self._words: dict[str, npt.NDArray[np.int64]] = {}
        self.wall = self.cpu = 0.0

    @classmethod
    def of(cls, corpus: Corpus, words: Sequence[npt.NDArray[np.int64]], rows: Vectors) -> Given:
        """What is known of questions, without the corpus."""
        found = cls()
        for some, row in zip(words, rows, strict=True):
            text, tokens = corpus.text(some), corpus.tokens(some, row)
            found.rows[text] = row
            found._tokens[text] = TokenRows(tokens.ids, unit(tokens.rows), tokens.spans)
        return found

    def put(self, corpus: Corpus, texts: Sequence[str], part: Part) -> None:
        """Take over chunks, in the place of those before the last ones."""
        last = dict([*self.rows.items()][-len(texts) :])
        self.rows = last | dict(zip(texts, part.vectors, strict=True))
        self._words = {text: self._words[text] for text in last}
        self._words |= dict(zip(texts, part.words, strict=True))
        self._corpus = corpus

    def like(self, text: str, number: int) -> str:
        """Another text that says the same, and is known from now on."""
        new = f"{text} again {number}"
        self.rows[new] = self.rows[text]
        self._tokens[new] = self._tokens[text]
        return new

    @property
    def signature(self) -> Signature:
        """See `protocols.Encoder`."""
        return Signature("given", "1", DIM, 10 * LONGEST)

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        return np.stack([self._row(text) for text in texts])

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        return self.encode_query(texts)

    def token_spans(self, text: str, /) -> Spans:
        """See `protocols.Encoder`."""
        return word_spans(text)

    def encode_query_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenEncoder`."""
        began = time.perf_counter(), time.process_time()
        found = self.encode_query(texts), [keep(self._said(text)) for text in texts]
        self.wall += time.perf_counter() - began[0]
        self.cpu += time.process_time() - began[1]
        return found

    def encode_document_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenEncoder`."""
        return self.encode_query_tokens(texts, keep)

    def _row(self, text: str) -> npt.NDArray[np.float32]:
        if text in self.rows:
            return self.rows[text]
        drawn = np.random.default_rng(len(text)).standard_normal(DIM, dtype=np.float32)
        return np.asarray(unit(drawn[None])[0])

    def _said(self, text: str) -> TokenRows:
        if text in self._tokens:
            return self._tokens[text]
        if self._corpus is not None and text in self._words:
            return self._corpus.tokens(self._words[text], self.rows[text])
        spans = word_spans(text)
        ids = np.arange(len(spans), dtype=np.int32)
        return TokenRows(ids, np.ones((len(spans), DIM), dtype=np.float32), spans)
