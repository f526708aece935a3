"""How the spaces of an index are made again: recipes in its settings, their small files inside its store.

So an index opens by its path from any working folder. What only the program can make that built it - an
embedding function, a model that was never on disk - has no recipe: it is passed when the index is opened.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

from rag_embed.encoders.rebuilding import Load, rebuilt
from rag_embed.encoders.recipe import Recipe, recipe_of
from rag_embed.errors import StoreError
from rag_embed.indexing.settings import IndexSettings
from rag_embed.protocols import ChunkEncoder, Encoder, Files
from rag_embed.situated.expressions import stored
from rag_embed.situated.rebuilding import rebuilt_space
from rag_embed.situated.tokens import without_tokens

Told = Mapping[str, Any]
"""A recipe as JSON; its files are named where the store keeps them."""

FOLDER = "recipes/"

Parts = Mapping[str, Told | None]
"""Of a space: the recipes of its `ENCODER` and of what does `SITUATE`."""

ENCODER, SITUATE = "encoder", "situate"
"""The parts of a space: what encodes texts, and what situates chunks where that takes more than a name."""


def packed(*things: object) -> tuple[Told | None, dict[str, bytes]]:
    """The first recipe that one of these things has, as JSON, and its files by name in the store."""
    recipe = next(filter(None, map(recipe_of, things)), None)
    if recipe is None:
        return None, {}
    names, files = placed(recipe.files)
    return {"kind": recipe.kind, "settings": dict(recipe.settings), "files": names}, files


def packed_space(
    encoder: Encoder, situate: object, space: ChunkEncoder
) -> tuple[Parts, dict[str, bytes]]:
    """The recipes of a space's parts, and their files.

    Args:
        encoder: Encodes texts.
        situate: What made the space of the encoder.
        space: What it made.
    """
    first, files = packed(encoder)
    second, more = packed(situate, without_tokens(space))
    return {ENCODER: first, SITUATE: second}, {**files, **more}


def put(parts: Parts, contents: Mapping[str, bytes], files: Files | None) -> Parts:
    """Keep the files of recipes; returns what a store can make again, which may keep no files."""
    if contents and files is None:
        return dict.fromkeys(parts)
    if files is not None:
        files.put(contents)
    return parts


def encoder_of(parts: Parts, files: Files | None, load: Load) -> Encoder | None:
    """The encoder of a space; None where only the program that built it can make it.

    Raises:
        ModelUnavailable: Its model cannot be loaded.
        StoreError: The store lacks one of its files.
    """
    told = parts[ENCODER]
    return None if told is None else rebuilt(unpacked(told, files), load)


def space_by(parts: Parts, files: Files | None, chunks: str, encoder: Encoder) -> ChunkEncoder:
    """How chunks are encoded in a space: by its recipe, or by the name of the way.

    Args:
        parts: Its recipes.
        files: Of the store.
        chunks: `Signature.chunks` of the space.
        encoder: Its encoder.

    Raises:
        ModelUnavailable: A model cannot be loaded.
        StoreError: The store lacks a file.
    """
    told = parts.get(SITUATE)
    if told is None:
        return stored(chunks, encoder)
    return rebuilt_space(unpacked(told, files), encoder)


def unpacked(told: Told, files: Files | None) -> Recipe:
    """The recipe that was packed.

    Raises:
        StoreError: The store lacks one of its files.
    """
    return Recipe(told["kind"], told["settings"], contents(told["files"], files))


def contents(names: Mapping[str, str], files: Files | None) -> dict[str, bytes]:
    """The contents of files, by name.

    Raises:
        StoreError: The store lacks one.
    """
    found = {} if files is None or not names else files.get(list(names.values()))
    if missing := [name for name, place in names.items() if place not in found]:
        raise StoreError(
            f"The index lacks {missing[0]!r}, which it kept to be opened by its path. Restore it from a "
            "copy, or pass what it was made with to Index.open."
        )
    return {name: found[place] for name, place in names.items()}


def there(told: Told | None) -> bool:
    """Whether there is a recipe, and the folder of its model, if that lies in one."""
    while told is not None and told["kind"] == "windows":
        told = told["settings"]["over"]
    if told is None:
        return False
    model = str(told["settings"].get("model", ""))
    return not os.path.isabs(model) or os.path.isdir(model)


def by_name(model: str) -> Parts:
    """The recipes of a space in an older index, which remembers no more than the name of its model."""
    return {ENCODER: {"kind": "model", "settings": {"model": model}, "files": {}}, SITUATE: None}


def plain_model(told: Told | None) -> str | None:
    """Name of the model that an encoder's recipe loads as it is; None where there is none."""
    while told is not None and told["kind"] == "windows":
        told = told["settings"]["over"]
    if told is None or told["kind"] != "model" or set(told["settings"]) != {"model"}:
        return None
    return str(told["settings"]["model"])


def drop_unused(files: Files | None, before: IndexSettings, after: IndexSettings) -> None:
    """Remove the files that settings referred to and others do not."""
    if files is not None and (gone := _used(before) - _used(after)):
        files.remove(sorted(gone))


def _used(settings: IndexSettings) -> set[str]:
    parts = [told for some in settings.recipes.values() for told in some.values() if told]
    named = [told["files"] for told in parts] + [one.files for one in settings.experts]
    return {place for names in named for place in names.values()}


def placed(files: Mapping[str, bytes]) -> tuple[dict[str, str], dict[str, bytes]]:
    """Where an index keeps files: by their names, and the contents by the places."""
    names = {name: _place(name, content) for name, content in files.items()}
    return names, {names[name]: content for name, content in files.items()}


def _place(name: str, content: bytes) -> str:
    """Where a file lies: its content decides, so what is put again changes nothing."""
    return f"{FOLDER}{hashlib.sha256(content).hexdigest()[:32]}/{name}"
