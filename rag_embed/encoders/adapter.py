"""A model with a small trained adapter: what `rag_embed.training` writes, and how it is used.

The folder of an adapter is that of the PEFT library (``adapter_config.json`` and
``adapter_model.safetensors``), so that library reads it too. Here the adapter is multiplied into the
weights of its model once, into the cache folder; from then on it is a model like any other, runs as
fast, and with OpenVINO starts without torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from rag_embed.encoders.cache import cache_folder
from rag_embed.errors import BadInput, ModelUnavailable, SpaceMismatch, UnsupportedModel
from rag_embed.paths import absolute
from rag_embed.types import Signature

WEIGHTS = "adapter_model.safetensors"
_CONFIG = "adapter_config.json"
CARD = "card.json"
_PREFIX = "base_model.model."
_KEPT = (".json", ".txt", ".model", ".safetensors", ".jinja")

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """Low-rank changes of a model's linear layers (LoRA, Hu et al. 2021).

    Attributes:
        base: The encoder that it changes.
        factors: Per layer ``down`` ``(rank, in)`` and ``up`` ``(out, rank)``; the layer's weight
            becomes ``weight + up @ down``.
    """

    base: Signature
    factors: Mapping[str, tuple[Matrix, Matrix]]

    def scaled(self, strength: float) -> Adapter:
        """The same change, ``strength`` times as large; 0 is the model itself."""
        factors = {
            layer: (down, (up * np.float32(strength))) for layer, (down, up) in self.factors.items()
        }
        return Adapter(self.base, factors)


def write_adapter(adapter: Adapter, folder: str | os.PathLike[str]) -> None:
    """Write an adapter's folder, in a way that never leaves half of one."""
    folder = Path(absolute(folder))
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for layer, (down, up) in adapter.factors.items():
        tensors[f"{_PREFIX}{layer}.lora_A.weight"] = np.ascontiguousarray(down)
        tensors[f"{_PREFIX}{layer}.lora_B.weight"] = np.ascontiguousarray(up)
    rank = max(down.shape[0] for down, _ in adapter.factors.values())
    config = {
        "peft_type": "LORA",
        "task_type": "FEATURE_EXTRACTION",
        "base_model_name_or_path": adapter.base.model,
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
        "target_modules": sorted(adapter.factors),
    }
    replaced(folder / _CONFIG, json.dumps(config, indent=2).encode())
    # One entry alone: several are written in any order, and equal adapters should be equal files.
    metadata = {"base": json.dumps(asdict(adapter.base))}
    replaced(folder / WEIGHTS, save(tensors, metadata))


def replaced(path: Path, content: bytes) -> None:
    """Write a file, or leave the old one as it was."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_bytes(content)
    scratch.replace(path)


def remove_adapter(folder: str | os.PathLike[str]) -> None:
    """Take an adapter out of its folder; none there is no error."""
    for name in (WEIGHTS, _CONFIG):
        (Path(absolute(folder)) / name).unlink(missing_ok=True)


def read_adapter(folder: str | os.PathLike[str]) -> Adapter:
    """Read an adapter's folder.

    Raises:
        BadInput: It is none, or does not say which weights it was trained on.
    """
    file = Path(absolute(folder)) / WEIGHTS
    if not file.is_file():
        raise BadInput(
            f"{os.fspath(folder)!r} holds no {WEIGHTS}. Pass the folder that train-expert, "
            "train-situated or merge wrote; one that was no better than its model has no adapter."
        )
    try:
        base, tensors = _metadata(file).get("base"), load_file(file)
        if base is None:
            raise BadInput(
                f"{os.fspath(file)!r} does not name the weights it was trained on, so it cannot be "
                "checked. Merge it into its model with PEFT, and use that model."
            )
        return Adapter(Signature(**json.loads(base)), dict(_factors(tensors)))
    except BadInput:
        raise
    except (
        SafetensorError,
        RecursionError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        raise BadInput(
            f"{os.fspath(file)!r} is damaged, or no adapter ({type(error).__name__}: {error}); train it "
            "again, or restore it from a copy."
        ) from error


def _factors(tensors: Mapping[str, Matrix]) -> Iterator[tuple[str, tuple[Matrix, Matrix]]]:
    for name in (one for one in tensors if ".lora_A." in one):
        down, up = tensors[name], tensors[name.replace(".lora_A.", ".lora_B.")]
        if (down.ndim, up.ndim) != (2, 2) or down.shape[0] != up.shape[1]:
            raise ValueError(f"{name} has shape {down.shape}, its other factor {up.shape}")
        yield name.removeprefix(_PREFIX).partition(".lora_A.")[0], (down, up)


def merged(folder: str | os.PathLike[str], base: Path, weights: str) -> Path:
    """A model's folder with the adapter multiplied in; made once, then found in the cache folder.

    Args:
        folder: The adapter's.
        base: The folder of the model.
        weights: The hash of the model's weights.

    Raises:
        BadInput: The folder is none of an adapter.
        SpaceMismatch: The model is not the one the adapter was trained on.
        UnsupportedModel: The model's files name their weights in another way.
        ModelUnavailable: The cache folder cannot be written.
    """
    adapter = read_adapter(folder)
    if weights != adapter.base.weights:
        raise SpaceMismatch(
            f"The adapter in {os.fspath(folder)!r} was trained on {adapter.base.model!r} with weights "
            f"{adapter.base.weights[:12]}..., found were {weights[:12]}.... Install that model, "
            "or train again."
        )
    content = (Path(absolute(folder)) / WEIGHTS).read_bytes()
    key = hashlib.sha256(weights.encode() + content).hexdigest()

    def fill(folder: Path) -> None:
        _copy(base, folder)
        _multiply(adapter, folder)

    return _cached("adapted", key, fill)


def packed(folder: str | os.PathLike[str]) -> dict[str, bytes]:
    """The files of an adapter's folder, its card among them, to be kept elsewhere.

    Raises:
        BadInput: It is no folder of an adapter.
    """
    read_adapter(folder)
    files = {name: Path(absolute(folder)) / name for name in (WEIGHTS, _CONFIG, CARD)}
    return {name: file.read_bytes() for name, file in files.items() if file.is_file()}


def unpacked(files: Mapping[str, bytes]) -> Path:
    """A folder that holds packed files; made once, then found in the cache folder.

    Raises:
        ModelUnavailable: The cache folder cannot be written.
    """
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return _cached("unpacked", digest.hexdigest(), lambda folder: _write_files(files, folder))


def _write_files(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _cached(kind: str, key: str, fill: Callable[[Path], None]) -> Path:
    """A folder of the cache, filled once; never seen half full."""
    place = cache_folder() / kind / key
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=place.parent))
        try:
            fill(scratch)
            scratch.chmod(0o755)
            scratch.rename(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        if place.is_dir():  # another process was faster
            return place
        raise ModelUnavailable(
            f"A model cannot be written to {place.parent}: {error}. Point RAG_EMBED_CACHE at a folder "
            "with room."
        ) from error
    return place


def _copy(source: Path, to: Path) -> None:
    for file in sorted(source.rglob("*")):
        if file.is_file() and file.suffix in _KEPT:
            target = to / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _multiply(adapter: Adapter, folder: Path) -> None:
    """Add every layer's change to its weight, wherever in the model's files it is."""
    import torch
    from safetensors.torch import load_file as load_tensors
    from safetensors.torch import save_file

    left = dict(adapter.factors)
    for file in sorted(folder.rglob("*.safetensors")):
        tensors = load_tensors(file)
        for layer in list(left):
            names = [n for n in tensors if f".{n}".endswith(f".{layer}.weight")]
            if len(names) != 1:
                continue
            down, up = left.pop(layer)
            weight = tensors[names[0]]
            change = torch.from_numpy(up) @ torch.from_numpy(down)
            if change.shape != weight.shape:
                raise BadInput(
                    f"The adapter changes {layer!r} by {tuple(change.shape)} numbers, the layer of "
                    f"{adapter.base.model!r} has {tuple(weight.shape)}; it is damaged, train it again."
                )
            tensors[names[0]] = (weight.float() + change).to(weight.dtype)
        save_file(tensors, file, metadata=_metadata(file))
    if left:
        raise UnsupportedModel(
            f"The files of {adapter.base.model!r} hold no weight for {min(left)!r} and "
            f"{len(left) - 1} other layers; merge the adapter with PEFT, and use that model."
        )


def _metadata(file: Path) -> dict[str, Any]:
    with safe_open(file, "np") as opened:
        return opened.metadata() or {}
