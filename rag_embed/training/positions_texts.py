"""What `tuning.tune_positions` learns from: queries, and the long documents that answer them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.chunking import TokenSplitter
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput
from rag_embed.training.clozed import clozed
from rag_embed.training.pairs import sentences
from rag_embed.types import Cut, Document

_FEWEST = 4
"""Documents: two to learn to tell apart, two to see whether it was learned."""


@dataclass(frozen=True, slots=True)
class LongTexts:
    """Documents, and queries that some of them answer.

    Attributes:
        documents: Distinct texts; each answers a query.
        queries: Distinct texts.
        answers: Per query the positions of the documents that answer it.
    """

    documents: tuple[str, ...]
    queries: tuple[str, ...]
    answers: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, str]]) -> LongTexts:
        """From (query, document) pairs; equal texts are one.

        Raises:
            BadInput: There are too few documents.

        Examples:
            >>> LongTexts.of([("a", "x"), ("b", "x"), ("a", "y"), ("c", "z"), ("d", "v")]).answers
            ((0, 1), (0,), (2,), (3,))
        """
        documents = {text: i for i, text in enumerate(dict.fromkeys(text for _, text in pairs))}
        if len(documents) < _FEWEST:
            raise BadInput(
                f"Tuning needs queries of at least {_FEWEST} different documents, got those of "
                f"{len(documents)}. Texts without sentences of 4 to 40 words make no queries."
            )
        answers: dict[str, list[int]] = {}
        for query, text in dict.fromkeys(pairs):
            answers.setdefault(query, []).append(documents[text])
        return cls(tuple(documents), tuple(answers), tuple(map(tuple, answers.values())))

    def sides(
        self, share: float, seed: int
    ) -> tuple[tuple[npt.NDArray[np.intp], list[int]], tuple[npt.NDArray[np.intp], list[int]]]:
        """Documents and queries to learn from, then those to choose on; no text is on both.

        A query of documents on both sides is left out, and a document without another query.

        Args:
            share: Of the documents to choose on.
            seed: Another one deals other documents.

        Raises:
            BadInput: A side has fewer than two documents.
        """
        order = np.random.default_rng(seed).permutation(len(self.documents))
        kept = min(max(2, round(share * len(order))), len(order) - 2)
        chosen = set(order[:kept].tolist())
        asked = [{document in chosen for document in some} for some in self.answers]
        learn = [i for i, found in enumerate(asked) if found == {False}]
        choose = [i for i, found in enumerate(asked) if found == {True}]
        sides = (self._answering(learn), learn), (self._answering(choose), choose)
        if min(len(documents) for documents, _ in sides) < 2:
            raise BadInput(
                "Queries that are answered by documents of both sides belong to none, and fewer than "
                "two documents are left on one of them. Give queries that fewer documents answer."
            )
        return sides

    def _answering(self, queries: Sequence[int]) -> npt.NDArray[np.intp]:
        return np.array(sorted({one for i in queries for one in self.answers[i]}), dtype=np.intp)


def given(
    texts: Sequence[str] | Sequence[tuple[str, str]], encoder: SentenceEncoder, trained: int
) -> list[tuple[str, str]]:
    """The pairs that were given, or those made of the texts that were given.

    Raises:
        BadInput: They are neither.
    """
    if not isinstance(texts, str):
        plain = [one for one in texts if isinstance(one, str)]
        if len(plain) == len(texts):
            return cut_out(plain, encoder, trained)
        found = [(one[0], one[1]) for one in texts if _is_pair(one)]
        if len(found) == len(texts):
            return found
    raise BadInput(
        "texts must be a sequence of long texts, or of (query, document) pairs of strings; got a "
        f"{type(texts).__name__} of {sorted({type(one).__name__ for one in texts})}."
    )


def cut_out(texts: Sequence[str], encoder: SentenceEncoder, tokens: int) -> list[tuple[str, str]]:
    """Pairs of a sentence and the text that it was cut out of: the inverse cloze task.

    At most one sentence of every ``tokens / 2`` tokens goes; a sentence that stands in several
    texts, or is longer than ``tokens``, is no query.
    """
    documents = [Document(str(i), text) for i, text in enumerate(dict.fromkeys(texts))]
    splitter = TokenSplitter(encoder, max(1, tokens // 2))
    cuts = [Cut(document, splitter.split(document)) for document in documents]
    most = max(1, sum(len(chunks) for _, chunks in cuts))
    shorter, pairs = clozed(cuts, most, named=0.0)
    remains = {document.id: document.text for document, _ in shorter}
    owners = Counter(
        sentence
        for document in documents
        for sentence in {_line(document.text[a:b]) for a, b in sentences(document.text)}
    )
    prompt = encoder.signature.query_prompt
    asked = encoder.tokens.ids([prompt + pair.query for pair in pairs])
    return [
        (pair.query, remains[pair.documents[0]])
        for pair, ids in zip(pairs, asked, strict=True)
        if len(ids) <= tokens and owners[pair.query] < 2
    ]


def _line(text: str) -> str:
    return " ".join(text.split())


def _is_pair(one: object) -> bool:
    if not isinstance(one, tuple | list) or len(one) != 2:
        return False
    return all(isinstance(text, str) for text in one)
