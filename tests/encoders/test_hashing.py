"""The hash encoder needs no model, and is the same in every process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput


def test_rows_are_the_same_in_another_process():
    script = (
        "import sys; from rag_embed.encoders import HashEncoder as H;"
        "print(H(8).encode_query(['red fox'])[0].tolist(),"
        " [m for m in ('torch', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    expected = HashEncoder(8).encode_query(["red fox"])[0].tolist()
    assert done.stdout.strip() == f"{expected} []", done.stderr


def test_shared_words_bring_texts_together():
    rows = HashEncoder().encode_document(["the red fox ran", "a red fox", "blue sea"])
    similar, different = rows[0] @ rows[1], rows[0] @ rows[2]
    assert similar > different + 0.2


def test_spans_are_words_and_marks():
    text = "Hi, x_1!"
    spans = HashEncoder().token_spans(text)
    assert [text[a:b] for a, b in spans] == ["Hi", ",", "x_1", "!"]


def test_dim_is_checked():
    assert HashEncoder(3).encode_query(["a"]).shape == (1, 3)
    assert np.isfinite(HashEncoder(1).encode_query(["a"])).all()
    with pytest.raises(BadInput, match="dim"):
        HashEncoder(0)
