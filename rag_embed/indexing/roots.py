"""The folders an index was made from: each has a name, which the ids of its documents begin with.

A file belongs to the innermost folder that the index knows, so that its id is the same whether the
call names the file, its folder, a folder above, or several. A folder that lies inside a known one is
a part of it. Two folders of one name are refused, since their documents would take each other's ids.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag_embed.errors import BadInput
from rag_embed.paths import absolute
from rag_embed.text import shown, unusable


@dataclass(frozen=True, slots=True)
class Root:
    """A folder, or a scope of `Index.sync`.

    Attributes:
        name: The first part of its documents' ids.
        place: The absolute path of the folder; empty for a scope.
        whole: Whether the folder was read as a whole, and not some files in it.
    """

    name: str
    place: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """What a call reads of a folder.

    Attributes:
        root: The folder.
        below: Path of a file or folder below it; empty for all of it.
        without: Folders below that are known by names of their own, and what is named beside it.
    """

    root: Root
    below: str = ""
    without: frozenset[Path] = frozenset()

    @property
    def place(self) -> Path:
        """Where it is."""
        return Path(self.root.place, self.below)

    @property
    def name(self) -> str:
        """What the names of its files begin with."""
        return f"{self.root.name}/{self.below}" if self.below else self.root.name

    def holds(self, name: str) -> bool:
        """Whether a file of this name lies in it.

        Examples:
            >>> Part(Root("docs", "/docs"), "guide").holds("docs/guide/a.md")
            True
        """
        return name == self.name or name.startswith(f"{self.name}/")


def scope_root(scope: str, known: Mapping[str, Root]) -> Root:
    """The root of a scope.

    Raises:
        BadInput: The name cannot be one, or is that of a folder.
    """
    _check_name(scope)
    if scope in known and known[scope].place:
        raise BadInput(
            f"{scope!r} is the folder {known[scope].place!r} in this index; choose another scope."
        )
    return Root(scope)


def parts_of(
    paths: Sequence[str | os.PathLike[str]], name: str | None, known: Mapping[str, Root]
) -> list[Part]:
    """What is to be read for some files and folders.

    Args:
        paths: Files and folders.
        name: The name of the folder; its own by default.
        known: What the index remembers.

    Returns:
        Parts that do not overlap, each with its root as the index is to remember it.

    Raises:
        BadInput: A name cannot be one, or is taken by another folder.
    """
    if name is not None and len(paths) != 1:
        raise BadInput(f"A name is for one folder, got {len(paths)}; add them one by one.")
    roots = dict(known)
    asked: list[tuple[str, str]] = []
    for place in sorted((Path(absolute(path)) for path in paths), key=_depth):
        root, below = _home(place, name, roots)
        roots[root.name] = root
        asked.append((root.name, below))
    parts: dict[tuple[str, str], Part] = {}
    while asked:
        called, below = asked.pop(0)
        if not below:
            roots[called] = replace(roots[called], whole=True)
        part = Part(roots[called], below)
        inner = [one for one in roots.values() if _inside(one, part.place)]
        asked += [(one.name, "") for one in inner]
        parts[called, below] = replace(part, without=frozenset(Path(one.place) for one in inner))
    return [_apart(part, parts.values()) for part in parts.values()]


def _home(place: Path, name: str | None, roots: Mapping[str, Root]) -> tuple[Root, str]:
    """The root of a file or folder, and its path below it."""
    there = os.path.lexists(place)
    around = [
        (root, below)
        for root in roots.values()
        if root.place and (root.whole or not there)
        if (below := _below(place, Path(root.place))) is not None
    ]
    if around:
        root, below = min(around, key=lambda found: len(found[1]))
        if name in (None, root.name):
            return root, below
        raise BadInput(
            f"{str(place)!r} is in this index already, in the folder called {root.name!r}; "
            "leave the name out."
        )
    file = there and not place.is_dir()
    folder = place.parent if file else place
    called = folder.name if name is None else name
    _check_name(called)
    root = Root(called, str(folder), not file)
    if called in roots:
        root = _again(root, roots[called], moved=name is not None)
    return root, place.name if file else ""


def _again(root: Root, known: Root, moved: bool) -> Root:
    if not known.place:
        raise BadInput(
            f"{root.name!r} is a scope of Index.sync in this index; give the folder {root.place!r} "
            "another name (--name)."
        )
    same = _below(Path(root.place), Path(known.place)) == ""
    if not same and os.path.lexists(known.place):
        raise BadInput(
            f"{root.name!r} is the folder {known.place!r} in this index, and documents of "
            f"{root.place!r} would take the ids of its documents. To keep both, give the new folder a name of "
            f"its own (--name). If it takes the place of the other, rename or remove {known.place!r} first and "
            f"repeat this with the name {root.name!r}: while both are there, what is missing in one is no "
            "evidence that it is gone."
        )
    if not same and not moved:
        raise BadInput(
            f"{root.name!r} was the folder {known.place!r} in this index, which is not there. If "
            f"{root.place!r} is the same folder in another place, say so with the name "
            f"{root.name!r} (--name); if not, give it a name of its own."
        )
    return replace(root, whole=root.whole or known.whole)


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not name or "/" in name or unusable(name):
        raise BadInput(
            f"The name of a folder is a text without '/' and control characters, got {shown(str(name))!r}; "
            "give it another one (--name)."
        )


def _below(place: Path, folder: Path) -> str | None:
    """The path below a folder, links followed or not; None outside, empty for the folder itself."""
    for of in (os.path.realpath, os.path.abspath):
        if Path(of(place)).is_relative_to(of(folder)):
            below = Path(of(place)).relative_to(of(folder)).as_posix()
            return "" if below == "." else below
    return None


def _inside(root: Root, place: Path) -> bool:
    return bool(root.place) and bool(_below(Path(root.place), place))


def _apart(part: Part, others: Iterable[Part]) -> Part:
    """The part without those that were named inside of it: no rule leaves these out."""
    inner = {one.place for one in others if one is not part and part.holds(one.name)}
    return replace(part, without=part.without | inner)


def _depth(place: Path) -> int:
    return len(place.parts)
