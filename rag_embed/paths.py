"""Where a path leads, said once and for good."""

from __future__ import annotations

import os


def absolute(path: str | os.PathLike[str]) -> str:
    """The whole path, which a later change of the working folder does not move; ``~`` is the home folder.

    Args:
        path: A file or folder, which need not be there.

    Examples:
        >>> absolute("/data/./kb/")
        '/data/kb'
    """
    return os.path.abspath(os.path.expanduser(path))
