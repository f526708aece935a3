"""The vector spaces of an index: its own, and those of other models that were added to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from threading import RLock
from typing import Any, TypeAlias, cast

from rag_embed.arguments import check_is
from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.indexing.assembly import Situate, check_same, loaded, space_of
from rag_embed.indexing.backfill import backfill, of_space
from rag_embed.indexing.ingest import Ingest
from rag_embed.indexing.recipes import (
    ENCODER,
    by_name,
    drop_unused,
    encoder_of,
    packed_space,
    put,
    space_by,
    there,
)
from rag_embed.indexing.settings import Expert, IndexSettings, Kind, read, write
from rag_embed.indexing.sparse_spaces import READS, SparseSpaces, sparse_of
from rag_embed.indexing.workers import Workers
from rag_embed.processes import PerProcess
from rag_embed.protocols import (
    ChunkEncoder,
    Encoder,
    SparseEncoder,
    Splitter,
    Store,
    TokenSpace,
)
from rag_embed.situated.space import kept_in
from rag_embed.situated.tokens import WithTokens, without_tokens
from rag_embed.types import DENSE, OnProgress

Given: TypeAlias = Encoder | SparseEncoder | str
"""A model that a space is made of: an encoder of either kind, or the name of one."""


class Spaces:
    """How the chunks of one index are encoded.

    Args:
        store: Store of the index.
        own: The space it was made with.
        splitter: Cuts documents into chunks.

    Attributes:
        splitter: As given.
        sparse: Those that weigh terms.
    """

    def __init__(self, store: Store, own: ChunkEncoder, splitter: Splitter) -> None:
        self._store = store
        self.splitter = splitter
        self._known: Mapping[str, ChunkEncoder] = {DENSE: own}
        self._turn = PerProcess(RLock)
        self.sparse = SparseSpaces(store)

    @property
    def own(self) -> ChunkEncoder:
        """The space the index was made with."""
        return self._known[DENSE]

    @property
    def cut(self) -> Mapping[str, Any]:
        """How documents are cut: ``max_tokens`` and ``overlap``, or the ``class`` that decides it."""
        return read(self._store).splitter

    @property
    def at_hand(self) -> tuple[ChunkEncoder, ...]:
        """The own space, and those of the others that are loaded; only these keep what they wrote."""
        return tuple(self._known.values())

    def writing(self) -> Mapping[str, ChunkEncoder]:
        """`all`, to encode documents: the index knows from now on where each keeps what it writes."""
        spaces = self.all()
        self._remember(*spaces.values())
        return spaces

    def ingest(self, workers: int | Workers = 1, *, lenient: bool = False) -> Ingest:
        """What adds documents in every space; ``lenient``: what cannot be stored is left out."""
        sparse = self.sparse.all()
        return Ingest(self._store, self.splitter, self.writing(), lenient, sparse, workers)

    def expert(self, name: str) -> Expert:
        """The expert that a space that was added is."""
        settings = read(self._store)
        kind: Kind = "sparse" if name in settings.sparse else "space"
        signature = {**settings.spaces, **settings.sparse}[name]
        return Expert(name, kind, signature.model, name, signature.weights)

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
            ModelUnavailable: One cannot be loaded, or only the program that added it can make its
                encoder; give that to `know`.
            SpaceMismatch: A model has other weights than when its space was added.
        """
        return {name: self.get(name) for name in (DENSE, *read(self._store).spaces)}

    def get(self, name: str) -> ChunkEncoder:
        """One space; its model is loaded now, and the others are left alone.

        Raises:
            BadInput: There is no such space.
            ModelUnavailable: It cannot be loaded; see `all`.
            SpaceMismatch: Its model has other weights than when the space was added.
        """
        with self._turn.get():
            settings = read(self._store)
            if name != DENSE:
                self._check(name, settings)
            if name not in self._known:
                from rag_embed import encoders  # keeps `import rag_embed` light

                encoder = encoder_of(_parts(name, settings), self._store.files, encoders.load)
                if encoder is None:
                    raise ModelUnavailable(
                        f"The space {name!r} was made with {settings.spaces[name].model!r}, which only "
                        "the program that added it can make: pass it, "
                        f"index.spaces.know({name!r}, encoder)."
                    )
                self._known = {**self._known, name: self._made(name, encoder, settings)}
            return self._known[name]

    def can_get(self, name: str) -> bool:
        """Whether a space is at hand, or there is a recipe for it whose model is there."""
        settings = read(self._store)
        if name in self._known:
            return name in {DENSE, *settings.spaces}
        return name in settings.spaces and there(_parts(name, settings)[ENCODER])

    def know(self, name: str, encoder: Encoder | SparseEncoder) -> None:
        """Use this encoder for a space whose encoder only your program can make.

        Raises:
            BadInput: There is no such space, or it is the index's own.
            SpaceMismatch: The space was made by another encoder.
        """
        settings = read(self._store)
        if name in settings.sparse:
            self.sparse.know(name, encoder)
            return
        self._check(name, settings)
        model = loaded(encoder)
        self._known = {**self._known, name: self._made(name, model, settings)}

    def _made(self, name: str, encoder: Encoder, settings: IndexSettings) -> ChunkEncoder:
        written = settings.spaces[name]
        space = space_by(_parts(name, settings), self._store.files, written.chunks, encoder)
        check_same(written, space.signature, f"Space {name!r}")
        return space

    def _check(self, name: str, settings: IndexSettings) -> None:
        if not isinstance(name, str) or name not in settings.spaces:
            self._known = {one: space for one, space in self._known.items() if one != name}
            known = ", ".join(sorted({**settings.spaces, **settings.sparse})) or "none"
            raise BadInput(f"There is no space {name!r}; those that were added: {known}.")

    def add(
        self,
        name: str,
        encoder: Given,
        situate: Situate | None,
        progress: OnProgress | None,
    ) -> int:
        """Encode all chunks with another model; see `Experts.add_space`."""
        if (weighs := sparse_of(encoder)) is not None:
            if situate is not None:
                raise BadInput(f"A sparse model reads {READS}: leave situate out, got {situate!r}.")
            return self.sparse.add(name, weighs, self.all().values(), progress)
        model = loaded(check_is("encoder", encoder, Encoder) if encoder is None else encoder)
        way = situate or without_tokens(self.own).signature.chunks
        try:
            space = space_of(way, model, tokens=False)
        except BadInput as error:
            if situate is not None:
                raise
            raise BadInput(
                f"The chunks of this index are situated by {way!r}, which cannot be done for another "
                "encoder by its name: say how those of the new space are, situate='titled'."
            ) from error
        if read(self._store).spaces.get(name) == space.signature:  # killed before it was an expert
            return self._done_before(name, space)
        parts, files = packed_space(model, way, space)
        self._remember(space)
        parts = put(parts, files, self._store.files)
        self._store.grow({name: space.signature.dim}, [])
        before = read(self._store)
        after = replace(
            before,
            spaces={**before.spaces, name: space.signature},
            recipes={**before.recipes, name: parts},
        )
        compute = of_space(name, space, vectors=True)
        done = backfill(self._store, compute, after.since(before), progress)
        self._known = {**self._known, name: space}
        return done

    def _done_before(self, name: str, space: ChunkEncoder) -> int:
        """Search what another process brought, or this one, whose disk failed at the very end."""
        self._store.adopt({})
        self._known = {**self._known, name: space}
        return 0

    def drop(self, name: str) -> None:
        """Remove a space that was added.

        Raises:
            BadInput: There is none of that name, or it is the index's own.
        """
        before = read(self._store)
        if isinstance(name, str) and name in before.sparse:
            self.sparse.drop(name)
            return
        self._check(name, before)
        left = {other: one for other, one in before.spaces.items() if other != name}
        recipes = {other: one for other, one in before.recipes.items() if other != name}
        after = replace(before, spaces=left, recipes=recipes)
        self._store.drop(name, after.since(before))
        drop_unused(self._store.files, before, after)
        self._known = {other: one for other, one in self._known.items() if other != name}

    def keep_tokens(self, progress: OnProgress | None) -> int:
        """Give the own space its tokens; see `Experts.keep_tokens`."""
        if self.own.signature.tokens:
            return 0
        plain, known = cast(TokenSpace, self.own), read(self._store)
        if known.tokens is not None:
            return self._done_before(DENSE, WithTokens.from_settings(plain, known.tokens))
        begun = known.filling
        space = WithTokens.from_settings(plain, begun) if begun else WithTokens.of(plain)
        self._store.grow({}, [DENSE])
        before = write(self._store, lambda known: replace(known, filling=space.settings))
        after = replace(before, signature=space.signature, tokens=before.filling, filling=None)
        settings = after.since(before)
        compute = of_space(DENSE, space, vectors=False)
        done = backfill(self._store, compute, settings, progress)
        self._known = {**self._known, DENSE: space}
        return done


def _parts(name: str, settings: IndexSettings) -> Mapping[str, Any]:
    """The recipes of a space that was added."""
    return settings.recipes.get(name) or by_name(settings.spaces[name].model)
