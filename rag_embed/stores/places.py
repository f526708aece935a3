"""Where an index is, said once and for good: a later change of the working folder moves nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rag_embed.errors import BadInput
from rag_embed.paths import absolute, foreign

_FILE = re.compile(r"file:(?://(?P<host>[^/]*))?(?P<path>.*)", re.IGNORECASE | re.DOTALL)


def place(path: str | os.PathLike[str]) -> str:
    """The absolute path of a folder, or the URI of an object store as it is.

    Args:
        path: A path, which may be relative or begin with ``~``; a ``file://`` URI; ``s3://``,
            ``gs://``, ``az://``.

    Raises:
        BadInput: It is empty, a ``file://`` URI of another machine, or a database of LanceDB Cloud.

    Examples:
        >>> place("file:///data/my%20kb"), place("s3://bucket/kb")
        ('/data/my kb', 's3://bucket/kb')
    """
    text = os.fspath(path)
    if not text:
        raise BadInput("The path of an index is empty; name a folder.")
    if (file := _FILE.fullmatch(text)) is not None:
        if file["host"] not in (None, "", "localhost"):
            raise BadInput(f"{text!r} is a file of another machine; mount it and name its folder.")
        from urllib.request import url2pathname  # needs what speaks to servers

        text = url2pathname(file["path"])
    elif text.startswith("db://"):
        raise BadInput(
            f"{text!r} is a database of LanceDB Cloud, which declares no primary keys and drops no "
            "versions: two writers could add a document twice, and nobody could be forgotten for "
            "good. Name a folder, or a bucket as s3://, gs:// or az://."
        )
    elif "://" in text:
        return text
    return absolute(text)


def local(place: str) -> Path | None:
    """The folder that a place is; None for an object store."""
    return None if "://" in place else Path(place)


def check_free(uri: str) -> None:
    """Refuse to make an index among other files, which would never be read as documents again.

    Raises:
        BadInput: It is a folder that holds files which are no index's.
    """
    if (folder := local(uri)) is not None and (others := foreign(folder)):
        raise BadInput(
            f"{uri!r} holds what is no index's, {others}: an index there would keep it from being read as "
            f"documents. Name another folder, such as {str(folder / 'kb')!r}."
        )
