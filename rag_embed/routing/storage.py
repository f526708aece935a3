"""A router on disk: numbers in ``router.safetensors``, everything else in ``router.json``."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from rag_embed.errors import BadInput
from rag_embed.routing.pilots import SHARPNESS, Pilots
from rag_embed.routing.router import Paper, PilotRouter, Soft

FORMAT = 1
ARRAYS = ("vectors", "utilities", "gradients", "hessians")
_NAMES = ("router.safetensors", "router.json")


def save_router(router: PilotRouter, folder: str | os.PathLike[str]) -> None:
    """Write a router. A reader sees a whole router or an error, never a mix of two.

    Args:
        router: What to write.
        folder: Made if it is not there.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    pilots = router.pilots
    numbers = save({name: np.ascontiguousarray(getattr(pilots, name)) for name in ARRAYS})
    told = {
        "format": FORMAT,
        "sharpness": SHARPNESS,
        "mode": router.mode,
        "soft": asdict(router.soft),
        "paper": asdict(router.paper),
        "model": pilots.model,
        "legs": pilots.legs,
        "default": dict(pilots.default),
        "mixtures": {name: dict(weights) for name, weights in pilots.mixtures.items()},
        "texts": pilots.texts,
        "sources": pilots.sources,
        "documents": pilots.documents,
        "numbers": _digest(numbers),
    }
    text = json.dumps(told, ensure_ascii=False, indent=1)
    for name, content in zip(_NAMES, (numbers, text.encode()), strict=True):
        part = path / f".{name}.part"
        part.write_bytes(content)
        part.replace(path / name)


def load_router(folder: str | os.PathLike[str]) -> PilotRouter:
    """Read a router.

    Raises:
        BadInput: There is none, another version wrote it, or its files do not belong together, as
            after damage or while another process writes.
    """
    path = Path(folder)
    try:
        numbers = (path / _NAMES[0]).read_bytes()
        told = json.loads((path / _NAMES[1]).read_text("utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"{os.fspath(folder)!r} holds no router; save_router writes one.") from error
    except ValueError as error:
        raise BadInput(f"{path / _NAMES[1]} is no JSON ({error}); fit the router again.") from error
    if (told.get("format"), told.get("sharpness")) != (FORMAT, SHARPNESS):
        raise BadInput(
            f"The router in {os.fspath(folder)!r} has format {told.get('format')}, this version "
            f"reads {FORMAT}; fit it again."
        )
    if told["numbers"] != _digest(numbers):
        raise BadInput(f"The two files in {os.fspath(folder)!r} are of two routers; fit it again.")
    arrays: Mapping[str, npt.NDArray[Any]] = load(numbers)
    pilots = Pilots(
        model=told["model"],
        legs=tuple(told["legs"]),
        default=told["default"],
        mixtures=told["mixtures"],
        texts=tuple(told["texts"]),
        sources=tuple(told["sources"]),
        documents=tuple(tuple(some) for some in told["documents"]),
        **{name: arrays[name] for name in ARRAYS},
    )
    return PilotRouter(pilots, told["mode"], Soft(**told["soft"]), Paper(**told["paper"]))


def remove_router(folder: str | os.PathLike[str]) -> None:
    """Delete a router's files, and the folder if nothing else is in it."""
    path = Path(folder)
    for name in reversed(_NAMES):
        (path / name).unlink(missing_ok=True)
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
