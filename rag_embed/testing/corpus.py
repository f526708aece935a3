"""What is searched by the contracts of retrievers, re-rankers, routers and legs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from rag_embed.encoders import HashEncoder
from rag_embed.index import Index
from rag_embed.protocols import Encoder, TokenEncoder
from rag_embed.types import Document, Hit

WORDS = ("fox", "whale", "tea", "wine", "river", "stone", "cloud", "bread", "lamp", "violin")


def corpus(count: int = 75) -> list[Document]:
    """Some four hundred chunks of few words, a quarter of them copies; a fifth belongs to ann."""
    rng = np.random.default_rng(0)
    return [
        Document(
            f"d{i:02}",
            "\n\n".join(
                f"The {a} meets the {b} near number {i % 20} and goes home."
                for a, b in rng.choice(WORDS, (4, 2))
            ),
            title=f"Of {WORDS[i % 10]}",
            metadata={"year": 2000 + i % 20},
            user="ann" if i % 5 == 4 else None,
        )
        for i in range(count)
    ]


def secrets() -> list[Document]:
    """What belongs to eve: the words of the others, and more of them."""
    return [
        Document(
            f"eve/{i}", f"The fox fox meets the violin, lamp {i}.", "Secret", {"year": 2019}, "eve"
        )
        for i in range(40)
    ]


def indexed(documents: Sequence[Document], encoder: Encoder | None = None) -> Index:
    """An index over documents in memory, by default with an encoder that needs no model.

    Tokens are kept where the encoder gives their vectors.
    """
    own = encoder or HashEncoder(32)
    index = Index.in_memory(
        encoder=own, chunk_tokens=14, fields={"year": int}, tokens=isinstance(own, TokenEncoder)
    )
    index.add(documents)
    return index


def told(hits: Sequence[Hit]) -> list[tuple[object, ...]]:
    """All that hits say, to compare; numbers but for the last bits of a product of matrices."""
    return [
        (
            hit.id,
            tuple(one.id for one in hit.siblings),
            pytest.approx([hit.score, hit.relevance, *_numbers(hit)], rel=1e-4, abs=1e-5),
        )
        for hit in hits
    ]


def said(hits: Sequence[Hit]) -> list[tuple[object, ...]]:
    """What `told` is compared with."""
    return [
        (hit.id, tuple(one.id for one in hit.siblings), [hit.score, hit.relevance, *_numbers(hit)])
        for hit in hits
    ]


def _numbers(hit: Hit) -> list[float]:
    return [number for part in hit.parts for number in (part.raw, part.normalised, part.weight)]


class OverIndex:
    """A contract over one small index, which is made once a class."""

    @pytest.fixture(scope="class")
    @classmethod
    def index(cls) -> Index:
        """An index of `corpus`, with texts of ann among the shared ones."""
        return indexed(corpus())

    @pytest.fixture(scope="class")
    @classmethod
    def crowded(cls) -> Index:
        """The same, and texts of eve that nobody else may notice."""
        return indexed([*corpus(), *secrets()])
