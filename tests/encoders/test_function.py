"""Any function as an encoder, and what is refused of one."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed import Document, Index
from rag_embed.encoders import FunctionEncoder, HashEncoder
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.testing import EncoderContract


def lists(texts: list[str]) -> list[list[float]]:
    return [[3.0 * x for x in row] for row in HashEncoder(dim=32).encode_document(texts).tolist()]


class TestFunctionEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self):
        return FunctionEncoder(lists, name="hash")


def test_queries_have_their_own_function() -> None:
    encoder = FunctionEncoder(lists, lambda texts: [[1.0] + 31 * [0.0] for _ in texts], name="two")
    assert encoder.encode_query(["a"])[0, 0] == 1.0
    expected = HashEncoder(32).encode_document(["a"])
    np.testing.assert_allclose(encoder.encode_document(["a"]), expected, atol=1e-6)


def test_another_name_is_another_space(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=FunctionEncoder(lists, name="one"))
    index.add([Document("a", "a fox")])
    again = Index.open(tmp_path / "kb", encoder=FunctionEncoder(lists, name="one"))
    assert again.search("fox")[0].chunk.doc_id == "a"
    with pytest.raises(SpaceMismatch, match="'one'.*'two'"):
        Index.open(tmp_path / "kb", encoder=FunctionEncoder(lists, name="two"))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda texts: lists(texts)[1:], "one per text"),
        (lambda texts: [[1.0, 2.0] for _ in texts], "32 numbers"),
        (lambda texts: [[float("nan")] * 32 for _ in texts], "NaN"),
        (lambda texts: [[1e39] * 32 for _ in texts], "infinity"),
        (lambda texts: [[1.0] * (31 + i) for i, _ in enumerate(texts)], "one per text"),
        (lambda texts: None, "one per text"),
        (lambda texts: [["x"] * 32 for _ in texts], "one per text"),
    ],
)
def test_wrong_vectors_are_refused(broken, says) -> None:
    encoder = FunctionEncoder(lists, broken, name="the model")
    with pytest.raises(BadInput, match=f"the model: .*{says}"):
        encoder.encode_query(["a", "b"])
    assert encoder.encode_query([]).shape == (0, 32)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(BadInput, match="name"):
        FunctionEncoder(lists, name="")
    for bad in (0, True, 1.5):
        with pytest.raises(BadInput, match="max_tokens"):
            FunctionEncoder(lists, name="x", max_tokens=bad)
    with pytest.raises(BadInput, match="empty"):
        _ = FunctionEncoder(lambda texts: [[] for _ in texts], name="x").signature
