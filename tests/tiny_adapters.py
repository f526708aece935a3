"""Adapters as training writes them, with numbers by chance: what is tested is that they count."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np

from rag_embed.encoders import SentenceEncoder
from rag_embed.encoders.adapter import Adapter, write_adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.maths.resampling import Difference
from rag_embed.situated.expressions import STANDARD

TESTS = Path(__file__).parent
WRITE_TINY = runpy.run_path(str(TESTS / "encoders" / "conftest.py"))["write_tiny"]


def write(folder: Path, encoder: SentenceEncoder, kind: str, settings: dict) -> None:
    """An adapter of a tiny model.

    Args:
        folder: To write to.
        encoder: The model.
        kind: ``"expert"`` or ``"situated"``.
        settings: What the card says of its use.
    """
    rng = np.random.default_rng(len(kind))
    factors = {
        f"encoder.layer.{i}.attention.self.value": (
            rng.normal(size=(4, 32)).astype(np.float32) * 0.3,
            rng.normal(size=(32, 4)).astype(np.float32) * 0.3,
        )
        for i in range(2)
    }
    write_adapter(Adapter(encoder.signature, factors), folder)
    own = encoder.signature
    no_pairs: dict[str, int] = {"held_out": 1}
    gain = Difference(1.0, 0.5, 1.0, 0.01)
    told = (kind, folder.name, "", own.model, own.weights, no_pairs, {}, settings)
    Card(*told, 1, 1.0, 0.0, (), "ndcg@10", 0.0, 1.0, gain).write(folder)


def write_models(folder: Path) -> Path:
    """``tiny``, a model; ``law`` and ``late``, adapters of it."""
    WRITE_TINY(folder / "tiny")
    encoder = SentenceEncoder(str(folder / "tiny"), device="cpu")
    write(folder / "law", encoder, "expert", {})
    settings = {"own": STANDARD, "window": 40, "overlap": 8, "weights": {"trained": 0.75}}
    write(folder / "late", encoder, "situated", settings)
    return folder
