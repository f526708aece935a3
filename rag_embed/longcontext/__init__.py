"""Texts longer than a model was trained on.

>>> from rag_embed.longcontext import extend, windows, bake, save, load, probe, tune_positions

`extend` makes one vector of a long text, `windows` cuts it up. Max-sim over windows needs no second
store: it is an index of chunks with ``group_by="document"``; `BestChunks` lets more than one count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag_embed.lazy import lazily

if TYPE_CHECKING:
    from rag_embed.encoders.positions.applied import extension_of
    from rag_embed.encoders.positions.extension import Extension
    from rag_embed.encoders.windowed import Windows
    from rag_embed.longcontext.extending import extend
    from rag_embed.longcontext.haystacks import passkeys
    from rag_embed.longcontext.probing import Probe, probe
    from rag_embed.longcontext.saving import bake, load, save
    from rag_embed.longcontext.windowed import windows
    from rag_embed.ranking.best_chunks import BestChunks
    from rag_embed.training.positions import tune_positions

_HOMES = {
    "BestChunks": "ranking.best_chunks",
    "Extension": "encoders.positions.extension",
    "Probe": "longcontext.probing",
    "Windows": "encoders.windowed",
    "bake": "longcontext.saving",
    "extend": "longcontext.extending",
    "extension_of": "encoders.positions.applied",
    "load": "longcontext.saving",
    "passkeys": "longcontext.haystacks",
    "probe": "longcontext.probing",
    "save": "longcontext.saving",
    "tune_positions": "training.positions",
    "windows": "longcontext.windowed",
}

__all__ = [
    "BestChunks",
    "Extension",
    "Probe",
    "Windows",
    "bake",
    "extend",
    "extension_of",
    "load",
    "passkeys",
    "probe",
    "save",
    "tune_positions",
    "windows",
]


__getattr__ = lazily(__name__, _HOMES)
