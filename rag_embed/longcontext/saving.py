"""Extended models on disk: as the model and a side file, or as a checkpoint that anything loads."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from sentence_transformers import SentenceTransformer

from rag_embed import paths
from rag_embed.encoders.positions import absolute
from rag_embed.encoders.positions.applied import Extended, extended
from rag_embed.encoders.positions.architecture import Architecture
from rag_embed.encoders.positions.extension import MAPS, SIDE_FILE, STATIC, Extension
from rag_embed.errors import BadInput


def save(model: SentenceTransformer, folder: str | os.PathLike[str]) -> None:
    """Write an extended model as the model it was made from, and how it was extended.

    `load` and every `rag_embed` encoder read it extended; sentence-transformers alone reads the
    original, cut at its trained length. No code is stored.

    Args:
        model: Made by `extend`.
        folder: Where to; must be empty or not exist.

    Raises:
        BadInput: The model was not extended, it was tuned (`tune_positions`) or read from a baked
            checkpoint, or the folder holds something.
    """
    found = _extended(model)
    if found.original is None:
        raise BadInput(
            "The model holds its long table itself, and there is no original beside which a file "
            "could say how it was extended. It was tuned: bake() writes it. Or it was read from a "
            "baked checkpoint: copy that folder."
        )
    _write(found.original, Path(paths.absolute(folder)), found.extension)


def load(folder: str | os.PathLike[str], *, device: str | None = None) -> SentenceTransformer:
    """Read what `save` or `bake` wrote.

    Raises:
        BadInput: There is no extended model in the folder.
        ModelUnavailable: The model cannot be loaded.
    """
    from rag_embed.encoders.sentence import SentenceEncoder

    if Extension.beside(Path(paths.absolute(folder))) is None:
        raise BadInput(f"{os.fspath(folder)!r} holds no {SIDE_FILE}; save() or bake() writes it.")
    return SentenceEncoder(os.fspath(folder), device=device).model


def bake(model: SentenceTransformer, folder: str | os.PathLike[str]) -> None:
    """Write a checkpoint of its own that sentence-transformers loads without `rag_embed`.

    A table of positions becomes longer; rotary positions get another entry in the configuration. The
    scale is then that of ``max_tokens`` for every text: only ``recurrent`` leaves short texts as they
    were.

    Args:
        model: Made by `extend`, or by `tune_positions`, whose vectors all stay as they are.
        folder: Where to; must be empty or not exist.

    Raises:
        BadInput: The extension needs code: logits are scaled, or the method is ``dynamic``,
            ``self-extend``, or a map of rotary positions.
    """
    extension = _extended(model).extension
    if extension.baked:
        _write(model, Path(paths.absolute(folder)), extension)
        return
    rotary = Architecture.of(model).kind == "rotary"
    possible = STATIC if rotary else MAPS
    if extension.method not in possible or extension.scaling != "none":
        raise BadInput(
            f"{extension.method!r} with scaling={extension.scaling!r} cannot be written without "
            f"code; for this model {list(possible)} with scaling='none' can. save() keeps any "
            "extension."
        )
    long = copy.deepcopy(model, {id(one): one for one in model.parameters()})
    if not rotary:
        absolute.bake(Architecture.of(long), extension)
    _write(long, Path(paths.absolute(folder)), replace(extension, baked=True))


def _extended(model: SentenceTransformer) -> Extended:
    found = extended(model)
    if found is None:
        raise BadInput("The model was not extended; model.save_pretrained(folder) writes it.")
    return found


def _write(model: SentenceTransformer, folder: Path, extension: Extension) -> None:
    """All files at once: a folder with some of them would be another model."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{os.fspath(folder)!r} is there and not empty; choose another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        draft = Path(scratch, "model")
        model.save_pretrained(os.fspath(draft), create_model_card=False)
        (draft / SIDE_FILE).write_text(extension.to_json(), encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        shutil.move(draft, folder)
