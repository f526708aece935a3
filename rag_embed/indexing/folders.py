"""Files below folders as evidence: what is read of them, and which of their files are gone."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from rag_embed.arguments import check_options
from rag_embed.errors import BadInput
from rag_embed.events import check_user
from rag_embed.indexing import settings
from rag_embed.indexing.evidence import Mode
from rag_embed.indexing.origin import marked, origin_of, scope_of
from rag_embed.indexing.roots import Part, Root, parts_of
from rag_embed.indexing.workers import Workers
from rag_embed.paths import absolute
from rag_embed.protocols import Store
from rag_embed.reading.files import checked, read_file
from rag_embed.reading.selection import Selection
from rag_embed.reading.walk import walk
from rag_embed.text import amount
from rag_embed.types import Audience, Document, Skipped, group_names

_LOOKED_UP = 1000
"""Files that are compared with those of a folder that is gone."""


class Looking(TypedDict, total=False):
    """What `Index.add_files` reads below the paths, and how far it goes.

    Attributes:
        name: The name of the only folder, where its own name is taken or it was moved.
        include: Patterns of the files that are read; see `rag_embed.reading.read`.
        exclude: Patterns of files and folders that are not.
        ignore_files: Whether ``.gitignore`` and ``.ignore`` are followed; they are by default.
        user: Owner of the documents, who alone finds them; one that a line of JSON names goes before, and a
            line that says that nobody owns it (``"user": null``) is left out, and told.
        readers: Groups that find the documents; a line of JSON that names groups or an owner goes before. What
            a header of a text (front matter) says is metadata, and opens and closes nothing.
        prune: Delete documents that came from these files and folders, whose file is seen to be gone.
            Documents with an owner stay.
        allow_empty: Prune even where nothing is left at all, or the folder itself is gone.
        dry_run: Change nothing, and list in the report what would be done.
        workers: Processes that encode, 1 by default; or `indexing.workers.Ray`.
    """

    name: str | None
    include: Sequence[str] | None
    exclude: Sequence[str] | None
    ignore_files: bool
    user: str | None
    readers: Sequence[str] | None
    prune: bool
    allow_empty: bool
    dry_run: bool
    workers: int | Workers


@dataclass
class Files:
    """Files below folders.

    Attributes:
        paths: The files and folders.
        name: The name of the only folder; its own by default.
        chosen: Which of the files below them.
        user: Owner of documents whose file names none.
        readers: Groups of documents for which their file names neither groups nor an owner.
        parts: What is read of each folder.
        dry_run: Whether nothing is written, so that a name may still be chosen.
    """

    paths: Sequence[str | os.PathLike[str]]
    name: str | None = None
    chosen: Selection = field(default_factory=Selection)
    user: str | None = None
    readers: Sequence[str] | None = None
    parts: Sequence[Part] = ()
    dry_run: bool = False
    came: set[str] = field(default_factory=set)
    _read: set[str] = field(default_factory=set)
    _torn: set[str] = field(default_factory=set)
    _numbered: Counter[str] = field(default_factory=Counter)
    _moved: list[tuple[Root, Root]] = field(default_factory=list)
    _spoke: set[str] = field(default_factory=set)
    _known: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, store: Store, paths: Sequence[str | os.PathLike[str]], looking: Looking
    ) -> tuple[Files, Mode]:
        """Files and folders for an index, and how far one goes; see `Index.add_files`.

        Raises:
            BadInput: One cannot be read, its name is taken, an owner's files are to be pruned, or an
                option is unknown.
        """
        check_options("add_files()", looking, Looking.__optional_keys__)
        prune, empty = looking.get("prune", False), looking.get("allow_empty", False)
        mode = Mode(prune, empty, looking.get("dry_run", False))
        chosen = Selection.of(
            looking.get("include"), looking.get("exclude"), looking.get("ignore_files", True)
        )
        name, user = looking.get("name"), looking.get("user")
        if user is not None and check_user(user) and mode.prune:
            raise BadInput(
                "Documents with an owner are never pruned; leave out user or prune (--user or --prune)."
            )
        for path in paths:
            if os.path.lexists(absolute(path)) or not (mode.prune and mode.allow_empty):
                checked(path)
        readers = _named(looking.get("readers"))
        found = cls(paths, name, chosen, user, readers, dry_run=mode.dry_run)
        known = settings.read(store).roots
        found._known = frozenset(known)
        new = [one for one in found.claim(known).values() if one.name not in known]
        gone = [one for one in known.values() if one.whole and _missing_folder(one)]
        found._moved = [(old, one) for old in gone for one in new if one.place]
        return found, mode

    def claim(self, known: Mapping[str, Root], /) -> Mapping[str, Root]:
        """See `Evidence`."""
        self.parts = parts_of(self.paths, self.name, known)
        return {**known, **{part.root.name: part.root for part in self.parts}}

    def documents(self) -> Iterator[Document | Skipped]:
        """See `Evidence`."""
        for part in self.parts:
            if _missing(part.place):  # only where what came from there is to go
                yield Skipped(part.name, "not there any more", by_rule=True)
                continue
            named = self.chosen.named or not part.place.is_dir()
            for found in walk(part.place, part.name, self.chosen, part.without):
                if isinstance(found, Skipped):
                    yield found
                else:
                    yield from self._file(part, *found, named)

    def _file(self, part: Part, path: Path, name: str, named: bool) -> Iterator[Document | Skipped]:
        whole = True
        whose = Audience(self.user, tuple(self.readers or ()))
        for one in read_file(path, name, named=named, whose=whose):
            if isinstance(one, Skipped):
                whole = False
                yield one
            else:
                self.came.add(one.id)
                self._numbered[name] += one.id.startswith(f"{name}:")
                self._speaks(part)
                yield marked(self._for_whom(one), self._origin(one) or name)
        (self._read if whole else self._torn).add(name)

    def _origin(self, one: Document) -> str:
        """Where an exported document came from; empty if it says nothing, or the folder is known."""
        known = {*self._known, *(part.root.name for part in self.parts)}
        return "" if scope_of(one) in known else origin_of(one)

    def _for_whom(self, one: Document) -> Document:
        """With owner and groups; what a file makes somebody's own is not opened to groups."""
        readers = self.readers if one.audience.everybody else one.readers
        return replace(one, user=one.user or self.user, readers=readers)

    def source(self, stored: Document, /) -> str | None:
        """See `Evidence`."""
        part = self._part(stored)
        return None if part is None else str(part.place)

    def gone(self, stored: Document, /) -> bool:
        """See `Evidence`."""
        name, part = origin_of(stored), self._part(stored)
        if part is None:
            return False
        return name in self._read or _missing(Path(part.root.place, name.partition("/")[2]))

    def silent(self, source: str, /) -> bool:
        """See `Evidence`."""
        return source not in self._spoke

    def speaks_for(self, owner: str | None, /) -> bool:
        """See `Evidence`: files show who has them, not whose they were."""
        return owner is None

    def unsure(self, stored: Document, /) -> str | None:
        """See `Evidence`."""
        return name if (name := origin_of(stored)) in self._torn else None

    def remarks(self, store: Store, /) -> Iterator[str]:
        """See `Evidence`."""
        if self.chosen.named and not (self._read or self._torn):
            yield "No file was left to read: check the patterns of include (--include)."
        for name, count in self._numbered.items():
            if count:
                yield (
                    f"Named by their line since they have no id: {amount(count, 'record')} of {name!r}. When a "
                    "line goes, all behind it become others. Give each record an 'id'."
                )
        for old, new in self._moved:
            ids = [f"{old.name}{id[len(new.name) :]}" for id in self._below(new)]
            if ids and (twice := len(store.known(ids[:_LOOKED_UP]))):
                both = (
                    f"In {new.place!r} too: {amount(twice, 'file')} of the folder {old.name!r}, which was "
                    f"{old.place!r} and is not there any more. If that folder was moved, "
                )
                yield both + (
                    f"give it its old name, and they cost nothing: name={old.name!r} (--name "
                    f"{shlex.quote(old.name)})."
                    if self.dry_run
                    else f"they are in the index twice: take the old ones out by pruning {old.place!r} with "
                    f"allow_empty (rag-embed index {shlex.quote(old.place)} --to KB --prune --allow-empty). "
                    "Before the next move, give the folder its old name (--name)."
                )

    def _below(self, root: Root) -> list[str]:
        return sorted(id for id in self.came if id.startswith(f"{root.name}/"))

    def _part(self, stored: Document) -> Part | None:
        name = origin_of(stored)
        holding = (part for part in self.parts if part.holds(name))
        return max(holding, key=lambda part: len(part.below), default=None)

    def _speaks(self, part: Part) -> None:
        """Note that a file was found in a part, and so in those around it."""
        if str(part.place) not in self._spoke:
            around = (one for one in self.parts if one.holds(part.name))
            self._spoke.update(str(one.place) for one in around)


def _named(readers: Sequence[str] | None) -> Sequence[str] | None:
    """Groups that are given.

    Raises:
        BadInput: They are none: an empty list would be for everybody.
    """
    if readers is not None and not group_names("readers", readers):
        raise BadInput("readers is empty, which is for everybody; name a group, or leave it None.")
    return readers


def _missing_folder(root: Root) -> bool:
    return bool(root.place) and _missing(Path(root.place))


def _missing(path: Path) -> bool:
    """Whether a file is seen to be gone; False where one cannot look."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False
