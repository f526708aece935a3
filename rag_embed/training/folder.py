"""The folder that training writes into: it holds one trained thing, and nothing of anybody else."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from rag_embed.encoders.adapter import CARD, WEIGHTS, Adapter, remove_adapter, write_adapter
from rag_embed.encoders.adapter_card import Card, Kind
from rag_embed.errors import BadInput
from rag_embed.paths import absolute

CHECKPOINT = "checkpoint.safetensors"
"""What an unfinished run goes on from."""


def ready(folder: str | os.PathLike[str], kind: Kind) -> Path:
    """The whole path of a folder that a run may write into: new or empty, or with what an earlier run left.

    Asked before anything is computed. A model or an index would be overwritten in part, and open no more.

    Args:
        folder: ``~`` is the home folder.
        kind: What is trained.

    Raises:
        BadInput: It is no folder, or holds something else.
    """
    path = Path(absolute(folder))
    if path.exists() and not path.is_dir():
        raise BadInput(f"{str(path)!r} is a file; name a folder to train into.")
    there = sorted(one.name for one in path.iterdir()) if path.exists() else []
    others = [name for name in there if not name.startswith(".") and name != CHECKPOINT]
    if others and CARD not in others:
        raise BadInput(
            f"{str(path)!r} is there and holds other files, such as {others[0]!r}; choose another folder."
        )
    if others and (held := Card.read(path).kind) != kind:
        raise BadInput(
            f"{str(path)!r} holds what was trained before of kind {held!r}, and this is {kind!r}; choose "
            "another folder."
        )
    return path


def install(
    card: Card,
    folder: Path,
    remove: Callable[[Path], None],
    write: Callable[[Path], None],
    last: str,
) -> None:
    """Write the card, and what was trained if it is better; an older one does not stay.

    The older one goes first and the file of the weights comes last: where this is cut short there is nothing
    that can be loaded, never a model beside the card of another. The same call finishes it.

    Args:
        card: Of what was trained.
        folder: See `ready`.
        remove: Takes an older one out of the folder.
        write: Writes what was trained into an empty folder.
        last: The file without which nothing can be loaded.
    """
    remove(folder)
    card.write(folder)
    if card.installed:
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            write(Path(scratch))
            for name in sorted(os.listdir(scratch), key=lambda name: (name == last, name)):
                if (folder / name).is_dir():
                    shutil.rmtree(folder / name)
                os.replace(Path(scratch, name), folder / name)
    (folder / CHECKPOINT).unlink(missing_ok=True)


def install_adapter(card: Card, adapter: Adapter, folder: Path) -> None:
    """`install` an adapter."""
    install(card, folder, remove_adapter, lambda place: write_adapter(adapter, place), WEIGHTS)
