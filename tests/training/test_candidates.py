"""What counts as right, wrong or neither, for all chunks and for mined ones."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed.maths.vectors import unit
from rag_embed.training.candidates import Candidates
from rag_embed.training.corpus import Corpus
from rag_embed.training.encoded import Encoded
from rag_embed.training.pairs import Pair
from rag_embed.types import Signature

N, DIM = 12, 6
PAIRS = (
    Pair("a", ("c0", "c1"), ("d0", "d0")),
    Pair("b", ("c4",), ("d2",), ignored=("c5",)),
    Pair("cut", ("c6",), ("d3",), ignored=("c7",), text="rest"),
    Pair("other cut", ("c7",), ("d3",), text="rest of another"),
)


@pytest.fixture
def encoded() -> Encoded:
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(N, DIM)))
    vectors[11] = unit(vectors[4:5] + 0.01 * vectors[5:6])[0]  # says the same as c4
    documents = tuple(f"d{i // 2}" for i in range(N))
    corpus = Corpus(
        tuple(f"c{i}" for i in range(N)), documents, vectors, Signature("m", "w", DIM, 8)
    )
    targets = np.zeros((4, DIM), np.float32)
    targets[2:] = unit(rng.normal(size=(2, DIM)))
    queries = unit(rng.normal(size=(4, DIM)))
    return Encoded(corpus, PAIRS, [[1]] * 4, queries, targets, "chunk")


def test_every_chunk_is_a_candidate(encoded) -> None:
    candidates = Candidates.of(encoded.corpus, encoded, 100, 3)
    batch = np.arange(4)
    columns = candidates.columns(batch)
    vectors, right, ignored = candidates.judged(batch, columns)
    assert columns.tolist() == list(range(N)) and vectors.shape == (N + 2, DIM)
    assert np.flatnonzero(right[0]).tolist() == [0, 1]
    assert np.flatnonzero(right[1]).tolist() == [4]
    assert {5, 11} <= set(np.flatnonzero(ignored[1]).tolist())
    # A cut text stands for its chunk, which is out; the other cut of the document is not wrong.
    assert np.flatnonzero(right[2]).tolist() == [N] and np.flatnonzero(right[3]).tolist() == [N + 1]
    assert {6, 7, N + 1} <= set(np.flatnonzero(ignored[2]).tolist())
    assert not ignored[:2, N:].any()
    np.testing.assert_array_equal(vectors[N:], encoded.targets[2:])


def test_mined_are_the_nearest_and_shared(encoded) -> None:
    candidates = Candidates.of(encoded.corpus, encoded, N - 1, 3)
    scores = encoded.queries @ encoded.corpus.vectors.T
    for row, mined in enumerate(candidates.mined):
        assert set(mined) == set(np.argsort(-scores[row])[:3])
    batch = np.array([1, 0])
    columns = candidates.columns(batch)
    assert set(columns) == {*candidates.mined[[0, 1]].ravel(), 0, 1, 4}
    vectors, right, _ = candidates.judged(batch, columns)
    np.testing.assert_array_equal(vectors, encoded.corpus.vectors[columns])
    assert columns[np.flatnonzero(right[0])].tolist() == [4]
    assert columns[np.flatnonzero(right[1])].tolist() == [0, 1]
