"""The vector spaces of an index: its own, and those of other models that were added to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from rag_embed.errors import BadInput
from rag_embed.indexing.assembly import Situate, check_same, loaded, space_of
from rag_embed.indexing.backfill import backfill
from rag_embed.indexing.settings import read, write
from rag_embed.protocols import ChunkEncoder, Encoder, Store, TokenSpace
from rag_embed.situated.expressions import stored
from rag_embed.situated.space import kept_in
from rag_embed.situated.tokens import WithTokens
from rag_embed.types import DENSE, OnProgress


class Spaces:
    """How the chunks of one index are encoded.

    Args:
        store: Of the index.
        own: The space it was made with.
    """

    def __init__(self, store: Store, own: ChunkEncoder) -> None:
        self._store = store
        self._known: dict[str, ChunkEncoder] = {DENSE: own}

    @property
    def own(self) -> ChunkEncoder:
        """The space the index was made with."""
        return self._known[DENSE]

    @property
    def at_hand(self) -> tuple[ChunkEncoder, ...]:
        """The own space, and those of the others that are loaded; only these keep what they wrote."""
        return tuple(self._known.values())

    def writing(self) -> Mapping[str, ChunkEncoder]:
        """`all`, to encode documents: the index knows from now on where each keeps what it writes."""
        spaces = self.all()
        self._remember(*spaces.values())
        return spaces

    def _remember(self, *spaces: ChunkEncoder) -> None:
        files = {file for space in spaces for file in kept_in(space)}
        if files - set(read(self._store).contexts):
            write(
                self._store,
                lambda known: replace(known, contexts=tuple(sorted({*known.contexts, *files}))),
            )

    def all(self) -> Mapping[str, ChunkEncoder]:
        """Every space by name; the models of the others are loaded now.

        Raises:
            ModelUnavailable: One cannot be loaded by its name; give its encoder to `know`.
            SpaceMismatch: A model has other weights than when its space was added.
        """
        others = read(self._store).spaces
        for name in set(self._known) - {DENSE, *others}:  # dropped by another process
            del self._known[name]
        for name, signature in others.items():
            if name not in self._known:
                self.know(name, loaded(signature.model))
        return self._known

    def know(self, name: str, encoder: Encoder) -> None:
        """Use this encoder for a space whose model cannot be loaded by its name.

        Raises:
            BadInput: There is no such space, or it is the index's own.
            SpaceMismatch: The space was made by another encoder.
        """
        others = read(self._store).spaces
        if name not in others:
            raise BadInput(f"There is no space {name!r}; those that were added: {sorted(others)}.")
        space = stored(others[name].chunks, encoder)
        check_same(others[name], space.signature, f"Space {name!r}")
        self._known[name] = space

    def add(
        self,
        name: str,
        encoder: Encoder | str,
        situate: Situate | None,
        progress: OnProgress | None,
    ) -> int:
        """Encode all chunks with another model; see `Index.add_space`."""
        plain = self.own.space if isinstance(self.own, WithTokens) else self.own
        space = space_of(situate or plain.signature.chunks, loaded(encoder), tokens=False)
        self._remember(space)
        self._store.grow({name: space.signature.dim}, [])
        before = read(self._store)
        after = replace(before, spaces={**before.spaces, name: space.signature})
        done = backfill(
            self._store, name, space, after.since(before), vectors=True, progress=progress
        )
        self._known[name] = space
        return done

    def drop(self, name: str) -> None:
        """Remove a space that was added.

        Raises:
            BadInput: There is none of that name, or it is the index's own.
        """
        before = read(self._store)
        if name not in before.spaces:
            known = sorted(before.spaces)
            raise BadInput(f"There is no space {name!r}; those that were added: {known}.")
        left = {other: one for other, one in before.spaces.items() if other != name}
        self._store.drop(name, replace(before, spaces=left).since(before))
        self._known.pop(name, None)

    def keep_tokens(self, progress: OnProgress | None) -> int:
        """Give the own space its tokens; see `Index.keep_tokens`."""
        if isinstance(self.own, WithTokens):
            return 0
        plain = cast(TokenSpace, self.own)
        begun = read(self._store).filling
        space = WithTokens.from_settings(plain, begun) if begun else WithTokens.of(plain)
        self._store.grow({}, [DENSE])
        before = write(self._store, lambda known: replace(known, filling=space.settings))
        after = replace(before, signature=space.signature, tokens=before.filling, filling=None)
        settings = after.since(before)
        done = backfill(self._store, DENSE, space, settings, vectors=False, progress=progress)
        self._known[DENSE] = space
        return done
