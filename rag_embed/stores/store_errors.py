"""LanceDB's errors, which come as OSError, RuntimeError or ValueError, turned into `StoreError`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from rag_embed.errors import RagEmbedError, StoreError
from rag_embed.stores.forked import check_usable

_ADVICE = (
    (
        r"os error 28\b|Errno 28\b|No space left|os error 27\b",
        "The disk is full; free some space and run it again, nothing stored is lost.",
    ),
    (
        r"os error (?:30|13|1)\b|Errno (?:30|13|1)\b|Permission denied|Read-only file system",
        "The place is not writable; check its permissions or choose another.",
    ),
    (r"Errno (?:17|20)\b", "There is a file in the way; choose another path."),
    (
        r"Not found|not found|corrupt|Invalid range|fill whole buffer|size is too small|magic",
        "A file of the index is missing or damaged ({}). Restore the folder from a copy, or index "
        "the documents again into a new one.",
    ),
)
_ORIGIN = re.compile(r",\s+/\S+\.rs:\d+:\d+")
"""Where in LanceDB's sources an error arose: of no use to the reader."""


_LEFT = re.compile(r"(?<=\.)( Chunks of \d+ documents were written and could not be taken back.*)")
"""What a write says that could not be undone; see `writing`. Advice in place of an error keeps it."""


@contextmanager
def explained(action: str, uri: str | os.PathLike[str]) -> Iterator[None]:
    """Raise `StoreError` with the place and with advice, for what LanceDB raises inside."""
    check_usable(action)
    try:
        yield
    except RagEmbedError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        text = _ORIGIN.sub("", str(error))
        found = (advice for pattern, advice in _ADVICE if re.search(pattern, text))
        advice = next(found, "{}").format(text) + "".join(_LEFT.findall(text))
        raise StoreError(f"Could not {action} at {os.fspath(uri)!r}: {advice}") from error
