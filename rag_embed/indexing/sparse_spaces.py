"""The sparse spaces of an index: models that weigh terms (SPLADE and its kin).

They read of a chunk what BM25 reads: title, headings and text, or what was written for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import RLock

from rag_embed.encoders.rebuilding import rebuilt_sparse
from rag_embed.encoders.splade import weighs_terms
from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.indexing.assembly import check_same
from rag_embed.indexing.backfill import Values, backfill
from rag_embed.indexing.recipes import (
    ENCODER,
    SITUATE,
    drop_unused,
    packed,
    put,
    there,
    unpacked,
)
from rag_embed.indexing.settings import IndexSettings, read
from rag_embed.processes import PerProcess
from rag_embed.protocols import ChunkEncoder, Encoder, SparseEncoder, Store, View
from rag_embed.situated.space import first_written
from rag_embed.texts import titled
from rag_embed.types import Cut, OnProgress, Signature, SparseVector

READS = "what lexical search reads"
"""`Signature.chunks` of every sparse space."""


def sparse_of(encoder: Encoder | SparseEncoder | str) -> SparseEncoder | None:
    """The sparse encoder of a name, or the one that is given; None where it makes dense vectors."""
    if not isinstance(encoder, str):
        return encoder if isinstance(encoder, SparseEncoder) else None
    if not weighs_terms(encoder):
        return None
    from rag_embed import encoders  # keeps `import rag_embed` light

    return encoders.load_sparse(encoder)


class SparseSpaces:
    """Encoders by the name of their space; each is loaded when it is first asked for.

    Args:
        store: Store of the index.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: Mapping[str, SparseEncoder] = {}
        self._turn = PerProcess(RLock)

    def all(self) -> Mapping[str, SparseEncoder]:
        """Every sparse space.

        Raises:
            ModelUnavailable: A model cannot be loaded.
            SpaceMismatch: It has other weights than when its space was added.
        """
        return {name: self.get(name) for name in read(self._store).sparse}

    def get(self, name: str) -> SparseEncoder:
        """The encoder of one space; see `all`.

        Raises:
            BadInput: There is no such space.
        """
        with self._turn.get():
            if name not in self._known:
                settings = read(self._store)
                if name not in settings.sparse:
                    known = sorted(settings.sparse)
                    raise BadInput(f"There is no sparse space {name!r}; there are: {known}.")
                told = settings.recipes[name][ENCODER]
                if told is None:
                    raise ModelUnavailable(
                        f"The space {name!r} was made with {settings.sparse[name].model!r}, which only "
                        "the program that added it can make: pass it, "
                        f"index.spaces.know({name!r}, encoder)."
                    )
                from rag_embed import encoders  # keeps `import rag_embed` light

                made = rebuilt_sparse(unpacked(told, self._store.files), encoders.load_sparse)
                self._take(name, made, settings)
            return self._known[name]

    def can_get(self, name: str) -> bool:
        """Whether a space is at hand, or there is a recipe for it whose model is there."""
        settings = read(self._store)
        if name not in settings.sparse:
            return False
        return name in self._known or there(settings.recipes[name][ENCODER])

    def know(self, name: str, encoder: object) -> None:
        """Use this encoder for a space.

        Raises:
            BadInput: It does not weigh terms.
            SpaceMismatch: The space was made by another encoder.
        """
        if not isinstance(encoder, SparseEncoder):
            raise BadInput(
                f"The space {name!r} weighs terms; {type(encoder).__name__} is no SparseEncoder."
            )
        self._take(name, encoder, read(self._store))

    def _take(self, name: str, encoder: SparseEncoder, settings: IndexSettings) -> None:
        check_same(settings.sparse[name], _signature(encoder), f"Space {name!r}")
        self._known = {**self._known, name: encoder}

    def add(
        self,
        name: str,
        encoder: SparseEncoder,
        spaces: Iterable[ChunkEncoder],
        progress: OnProgress | None,
    ) -> int:
        """Weigh the terms of all chunks; see `Experts.add_space`.

        Args:
            name: Of the space.
            encoder: Its encoder.
            spaces: The others, which may have written what is read.
            progress: Told how far it is.
        """
        signature = _signature(encoder)
        if read(self._store).sparse.get(name) == signature:  # killed before it was an expert
            self._known = {**self._known, name: encoder}
            return 0
        told, files = packed(encoder)
        parts = put({ENCODER: told, SITUATE: None}, files, self._store.files)
        self._store.grow({}, [], {name: signature.dim})
        before = read(self._store)
        after = replace(
            before,
            sparse={**before.sparse, name: signature},
            recipes={**before.recipes, name: parts},
        )
        others = tuple(spaces)

        def compute(cuts: Sequence[Cut]) -> Values:
            return {}, {}, weighed({name: encoder}, cuts, first_written(others, cuts))

        done = backfill(self._store, compute, after.since(before), progress)
        self._known = {**self._known, name: encoder}
        return done

    def drop(self, name: str) -> None:
        """Remove a space, which is there."""
        before = read(self._store)
        after = replace(
            before,
            sparse={other: one for other, one in before.sparse.items() if other != name},
            recipes={other: one for other, one in before.recipes.items() if other != name},
        )
        self._store.drop(name, after.since(before))
        drop_unused(self._store.files, before, after)
        self._known = {other: one for other, one in self._known.items() if other != name}

    def queries(self, name: str) -> Late:
        """What weighs queries for a space, loaded when it is first used."""
        return Late(name, self.get)


@dataclass(frozen=True, slots=True)
class Late:
    """A `protocols.SparseQueryEncoder` that is loaded when it is first used.

    Attributes:
        name: Of the space.
        get: Gives its encoder.
    """

    name: str
    get: Callable[[str], SparseEncoder]

    def encode_query(self, texts: Sequence[str], /) -> list[SparseVector]:
        """See `protocols.SparseQueryEncoder`."""
        return self.get(self.name).encode_query(texts)

    def terms(self, ids: Sequence[int], /) -> list[str]:
        """See `protocols.SparseQueryEncoder`."""
        return self.get(self.name).terms(ids)


def weighed(
    sparse: Mapping[str, SparseEncoder], cuts: Sequence[Cut], words: Sequence[str] | None
) -> dict[str, list[SparseVector]]:
    """Per space the vector of each chunk.

    Args:
        sparse: Encoders by space.
        cuts: Documents with all of their chunks.
        words: What was written for lexical search; None for nothing.
    """
    texts = words or _titled(cuts)
    return {name: list(encoder.encode_document(texts)) for name, encoder in sparse.items()}


def weighed_again(
    sparse: Mapping[str, SparseEncoder],
    cuts: Sequence[Cut],
    words: Sequence[str] | None,
    before: Sequence[Cut],
    view: View,
) -> dict[str, list[SparseVector]]:
    """Per space the vector of each chunk; those of texts that are stored are read, not computed.

    Args:
        sparse: Encoders by space.
        cuts: Documents with all of their chunks.
        words: What was written for lexical search; None for nothing. Then nothing is read.
        before: What the store holds of these documents.
        view: Of the store.
    """
    if not sparse:
        return {}
    texts = words or _titled(cuts)
    ids = [chunk.id for _, chunks in before for chunk in chunks]
    known = {} if words else dict(zip(_titled(before), ids, strict=True))
    stored = [known[text] for text in texts if text in known]
    fresh = [text for text in texts if text not in known]
    found = {}
    for name, encoder in sparse.items():
        old, new = iter(view.sparse(name, stored)), iter(encoder.encode_document(fresh))
        found[name] = [next(old if text in known else new) for text in texts]
    return found


def _titled(cuts: Sequence[Cut]) -> list[str]:
    return [titled(chunk) for _, chunks in cuts for chunk in chunks]


def _signature(encoder: SparseEncoder) -> Signature:
    return replace(encoder.signature, chunks=READS)
