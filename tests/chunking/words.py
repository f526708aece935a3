"""An encoder whose tokens are words, and texts that are cut with it."""

import re

import numpy as np
from hypothesis import strategies as st

from rag_embed.chunking import TokenSplitter
from rag_embed.types import Document


class Words:
    """Words and punctuation marks; remembers how often it was asked."""

    def __init__(self, pattern=r"\w+|[^\w\s]"):
        self.pattern = re.compile(pattern)
        self.calls = 0

    def token_spans(self, text):
        self.calls += 1
        return spans_of([match.span() for match in self.pattern.finditer(text)])


def spans_of(spans):
    return np.array(spans, np.int64).reshape(-1, 2)


def split(text, max_tokens=200, overlap=0, encoder=None, **metadata):
    splitter = TokenSplitter(encoder or Words(), max_tokens, overlap)
    return splitter.split(Document("d", text, metadata=metadata))


def touching(spans, start, end):
    return sum(1 for a, b in spans if a < end and b > start)


fragments = st.sampled_from(
    [
        "# A\n",
        "## B c\n",
        "Title\n=====\n",
        "\n\n",
        "\n",
        "- item ",
        "1. ",
        "| a | b |\n",
        "```\n",
        "word ",
        "Dr. No. ",
        "end. ",
        "why? ",
        "def f():\n",
        "class A:\n",
        "    x = 1\n",
        "元気です。",
        "\x0c",
        "é",
        "👩\u200d👩\u200d👧",
        "🇩🇪🇫🇷",
        "�",
        "�",
        "\x00",
        "\r\n",
        "\r",
        "x" * 45,
        "\u200b",
        "<!--\n",
    ]
)

texts = st.one_of(
    st.lists(fragments, max_size=60).map("".join),
    st.text(st.characters(codec=None), max_size=80),
)
