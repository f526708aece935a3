"""A router as bytes: numbers as safetensors, everything else as JSON in their header.

One file, so that whoever reads while it is replaced sees the old router or the new one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from rag_embed.encoders.adapter import replaced
from rag_embed.errors import BadInput
from rag_embed.paths import absolute
from rag_embed.routing.pilots import Pilots
from rag_embed.routing.router import Paper, PilotRouter, Soft

FORMAT = 2
ARRAYS = ("vectors", "utilities", "gradients", "hessians", "sharpness")
_KEY = "rag_embed.router"


def router_bytes(router: PilotRouter) -> bytes:
    """The content of a router's file."""
    pilots = router.pilots
    told = {
        "format": FORMAT,
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
    }
    return packed({name: getattr(pilots, name) for name in ARRAYS}, told)


def packed(numbers: Mapping[str, npt.NDArray[Any]], told: Mapping[str, Any]) -> bytes:
    """Arrays, and JSON in their header."""
    rows = {name: np.ascontiguousarray(some) for name, some in numbers.items()}
    content: bytes = save(rows, {_KEY: json.dumps(told, ensure_ascii=False)})
    return content


def router_of(content: bytes, place: str) -> PilotRouter:
    """The router of a file's content.

    Args:
        content: What `router_bytes` gave.
        place: Where it lies, for the message.

    Raises:
        BadInput: It is damaged, of another version, or no router.
    """
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        told = json.loads(header["__metadata__"][_KEY])
        arrays = load(content)
        if told["format"] == 1:
            arrays = _by_weights(arrays, told["sharpness"])
        elif told["format"] != FORMAT:
            raise BadInput(
                f"The router in {place} has format {told['format']}, this version reads up to {FORMAT}; "
                "fit it again."
            )
        return _router(told, arrays)
    except BadInput:
        raise
    except (
        RecursionError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        SafetensorError,
    ) as error:
        raise BadInput(f"{place} holds no router ({error!r}); fit one again.") from error


def _by_weights(arrays: Mapping[str, npt.NDArray[Any]], sharpness: float) -> dict[str, Any]:
    """Format 1 had one sharpness for all pilots, and derivatives by the sharpened weights."""
    pilots = len(arrays["gradients"])
    return {
        **arrays,
        "gradients": sharpness * arrays["gradients"],
        "hessians": sharpness**2 * arrays["hessians"],
        "sharpness": np.full(pilots, sharpness, dtype=np.float32),
    }


def _router(told: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> PilotRouter:
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


def save_router(router: PilotRouter, file: str | os.PathLike[str]) -> None:
    """Write a router to a file; whoever reads meanwhile sees the old one or the new one.

    Args:
        router: What to write.
        file: Such as ``law.safetensors``; its folder is made if it is not there.
    """
    path = Path(absolute(file))
    path.parent.mkdir(parents=True, exist_ok=True)
    replaced(path, router_bytes(router))


def load_router(file: str | os.PathLike[str]) -> PilotRouter:
    """Read a router that `save_router` wrote.

    Raises:
        BadInput: There is none, another version wrote it, or it is damaged.
    """
    path = Path(absolute(file))
    if not path.is_file():
        raise BadInput(f"There is no file {os.fspath(file)!r}; save_router writes one.")
    return router_of(path.read_bytes(), repr(os.fspath(file)))
