"""Which files below a folder are wanted: what a caller includes and excludes, as ``.gitignore`` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from rag_embed.errors import BadInput


@dataclass(frozen=True, slots=True)
class Selection:
    """What is read of a folder.

    Attributes:
        included: Patterns of the files that are read; None for all.
        excluded: Patterns of files and folders that are not.
        ignore_files: Whether ``.gitignore`` and ``.ignore`` are followed.
    """

    included: GitIgnoreSpec | None = None
    excluded: GitIgnoreSpec | None = None
    ignore_files: bool = True

    @classmethod
    def of(
        cls,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        ignore_files: bool = True,
    ) -> Selection:
        """The selection that these arguments of `read` make.

        Raises:
            BadInput: A pattern is none, or one str came instead of a list.
        """
        return cls(_spec("include", include), _spec("exclude", exclude), ignore_files)

    @property
    def named(self) -> bool:
        """Whether the caller named the files, so that one of unknown kind is read as text."""
        return self.included is not None

    def without(self, below: str, folder: bool) -> bool:
        """Whether a file or folder is left out, given its path below the folder that is read."""
        if self.excluded is not None and self.excluded.match_file(f"{below}/" if folder else below):
            return True
        return not folder and self.included is not None and not self.included.match_file(below)


def _spec(option: str, patterns: Sequence[str] | None) -> GitIgnoreSpec | None:
    if patterns is None:
        return None
    if isinstance(patterns, str):
        raise BadInput(f"{option} must be a list of strings, got {patterns!r}; use [{patterns!r}].")
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"{option} takes patterns such as 'docs/**/*.md' or '*.txt': {error}"
        ) from error
