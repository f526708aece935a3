"""LanceDB's and Arrow's errors, and those of reading files, turned into `StoreError`.

LanceDB raises OSError, RuntimeError and ValueError, Arrow its own kinds. A flipped bit may also end a thread
of Rust, which comes as a `PanicException`, which is no `Exception`, or a `RustPanic`, or give Python text that
is no JSON. What Python code raises by itself, a `TypeError` or a `KeyError`, is a fault of a program and stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from json import JSONDecodeError

import pyarrow as pa

from rag_embed.errors import RagEmbedError, StoreError
from rag_embed.stores.forked import check_usable
from rag_embed.stores.options import secret

_ADVICE = (
    (
        r"os error 28\b|Errno 28\b|No space left|os error 27\b",
        "The disk is full; free some space and run it again, nothing stored is lost.",
    ),
    (
        r"(?:os error|Errno) 122\b|Disk quota exceeded",
        "Your quota of the disk is used up; free some space and run it again, nothing stored is lost.",
    ),
    (
        r"(?:os error|Errno) 5\b|Input/output error",
        "The disk cannot be read or written ({}). Look at its health before anything else, and copy the "
        "folder while that is possible; then `rag-embed doctor KB --deep` says what is damaged.",
    ),
    (
        r"os error (?:30|13|1)\b|Errno (?:30|13|1)\b|Permission denied|Read-only file system",
        "The place is not writable; check its permissions or choose another.",
    ),
    (r"Errno (?:17|20)\b", "There is a file in the way; choose another path."),
    (
        r"^strange",
        "What was read there is {}. `rag-embed doctor KB --deep` says whether a file is damaged; if none is, "
        "this is a fault of rag_embed that we would like to know of.",
    ),
    (
        r"[Nn]ot found|corrupt|Invalid range|fill whole buffer|too small|magic|out of bounds"
        r"|[Dd]ecod|[Ee]ncoding|range was invalid|out of range|ndex range",
        "A file of the index is missing or damaged ({}). `rag-embed doctor KB --deep` says which and what it "
        "costs, and with --repair computes again what can be; or restore the folder from a copy.",
    ),
)
_ORIGIN = re.compile(r",\s+/\S+\.rs:\d+:\d+")
"""Where in LanceDB's sources an error arose: of no use to the reader."""


_RAISED = (OSError, RuntimeError, ValueError, pa.ArrowException)
_MISREAD = (JSONDecodeError, UnicodeError)
_PANICS = ("PanicException", "RustPanic")

_LEFT = re.compile(r"(?<=\.)( \d+ documents? without chunks.*)")
"""What a write says that could not be undone; see `writing`. Advice in place of an error keeps it."""

_SHORTEST = 6
_secrets: set[str] = set()


def keep_secret(options: Mapping[str, str] | None) -> None:
    """Leave the credentials among some options out of every `StoreError` of this process."""
    known = options or {}
    _secrets.update(known[name] for name in secret(known) if len(known[name]) >= _SHORTEST)


@contextmanager
def explained(action: str, uri: str | os.PathLike[str]) -> Iterator[None]:
    """Raise `StoreError` with the place and with advice, for what LanceDB raises inside."""
    check_usable(action)
    try:
        yield
    except RagEmbedError:
        raise
    except BaseException as error:
        panic = type(error).__name__ in _PANICS
        if not (isinstance(error, _RAISED) or panic):
            raise
        text = _ORIGIN.sub("", str(error))
        if isinstance(error, _MISREAD) or panic:
            text = f"strange: {type(error).__name__} {text}"
        found = (advice for pattern, advice in _ADVICE if re.search(pattern, text))
        advice = next(found, "{}").format(text) + "".join(_LEFT.findall(text))
        said = f"Could not {action} at {os.fspath(uri)!r}: {advice}"
        if any(one in f"{said}{error}" for one in _secrets):
            for one in _secrets:
                said = said.replace(one, "***")
            raise StoreError(said) from None  # the error below it would tell
        raise StoreError(said) from error


def unforgotten(error: StoreError) -> str:
    """What to say where it cannot be finished that a user is forgotten."""
    return (
        "A user was being forgotten when the process died, and it cannot be finished now; what is left of "
        f"the user is still there. Open the index again where it can be written. {error}"
    )
