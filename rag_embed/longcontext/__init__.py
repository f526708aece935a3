"""Texts longer than a model was trained on.

>>> from rag_embed.longcontext import extend, windows, bake, save, load, probe, tune_positions

`extend` makes one vector of a long text, `windows` cuts it up. Max-sim over windows needs no second
store: it is an index of chunks with ``group_by="document"``; `BestChunks` lets more than one count.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag_embed.encoders.positions.applied import extension_of
    from rag_embed.encoders.positions.extension import Extension
    from rag_embed.longcontext.extending import extend
    from rag_embed.longcontext.probing import Probe, probe
    from rag_embed.longcontext.saving import bake, load, save
    from rag_embed.longcontext.windowed import Windows, windows
    from rag_embed.ranking.best_chunks import BestChunks
    from rag_embed.training.positions import tune_positions

_HOMES = {
    "BestChunks": "ranking.best_chunks",
    "Extension": "encoders.positions.extension",
    "Probe": "longcontext.probing",
    "Windows": "longcontext.windowed",
    "bake": "longcontext.saving",
    "extend": "longcontext.extending",
    "extension_of": "encoders.positions.applied",
    "load": "longcontext.saving",
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
    "probe",
    "save",
    "tune_positions",
    "windows",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'rag_embed.longcontext' has no attribute {name!r}")
    return getattr(import_module(f"rag_embed.{_HOMES[name]}"), name)
