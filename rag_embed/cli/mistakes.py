"""Lines that cannot be read: what they lack, and what was most likely meant."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from rag_embed.arguments import nearest

UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""Of click, or of typer's own copy of it: a line that cannot be read."""

_FOREIGN = re.compile(r"^(?:Value error|Assertion failed), ")
"""What the reader of values puts before a message; it says nothing to whoever typed the line."""


def check_place(ctx: Any, place: str, commands: Any) -> None:  # noqa: ANN401
    """Say what an index without a question, or a word that is neither index nor command, lacks."""
    if Path(place).is_dir():
        ctx.fail(f"{place!r} is a folder, not a command. To search it: rag-embed {place} QUERY")
    if not get_close_matches(place, commands):
        ctx.fail(
            f"There is no command and no index {place!r}. The commands: rag-embed -h. "
            f"A new index: rag-embed index FOLDER --to {place}"
        )


def amend(error: Any) -> None:  # noqa: ANN401
    """Let an error say which option was meant, and nothing of the library that read the line."""
    error.message = _FOREIGN.sub("", error.message)
    if hasattr(error, "possibilities") and error.ctx is not None:
        options = [name for one in error.ctx.command.params for name in one.opts if name[0] == "-"]
        if near := nearest(error.option_name, options):
            error.message = f"{error.message}. Did you mean {near}?"
            error.possibilities = None
