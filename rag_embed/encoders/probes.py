"""Texts of many kinds that a model is looked at with."""

from __future__ import annotations

_SENTENCES = (
    "How do I close a file?",
    "The quick brown fox jumps over the lazy dog.",
    "def read(path: str) -> bytes: return open(path, 'rb').read()",
    "La bibliothèque est ouverte de neuf à dix-huit heures, sauf le dimanche.",
    "Results: 45.3 % (95 % CI 41.2-49.4) of n = 1,204 patients; p < 0.001.",
    "We share personal information with our affiliates only as described in this policy.",
    "zxqv 0x7f3a9c TODO!!! @user #tag https://example.org/a?b=c&d=e",
    "天気がいいから、散歩しましょう。",
)
PROBES = (
    "",
    "a",
    *_SENTENCES,
    *(
        " ".join(_SENTENCES[i % 8] for i in range(start, start + n))
        for start, n in (
            (0, 2),
            (3, 3),
            (5, 4),
            (1, 6),
            (2, 8),
            (7, 10),
            (4, 14),
            (6, 20),
            (0, 40),
            (3, 80),
        )
    ),
)
"""Texts of many kinds, from nothing to beyond what most models read."""
