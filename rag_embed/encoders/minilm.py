"""The default model, by which defaults were measured."""

from __future__ import annotations

from rag_embed.types import Signature

DEFAULT = "all-MiniLM-L6-v2"

WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""sha256 of the published file."""

TENSORS = "2c705a5e3279febcd4b210fc95a6231ced10be71e400e863ab41b623d5799508"
"""sha256 of what it holds, which is the same however it was saved; see `SentenceEncoder.wrap`."""

DIM = 384
"""Length of its vectors."""

FINGERPRINTS = frozenset(
    Signature(DEFAULT, one, DIM, 256).fingerprint for one in (WEIGHTS, TENSORS)
)
"""Spaces in which short texts have its vectors."""
