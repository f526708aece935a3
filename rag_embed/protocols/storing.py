"""Where documents, chunks and vectors are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, Protocol

from rag_embed.analysis import Analyzer
from rag_embed.fields import Fields
from rag_embed.protocols.remembering import EventStore, HalfLife
from rag_embed.protocols.viewing import View
from rag_embed.types import (
    Audience,
    ChunkRows,
    Document,
    Signature,
    Skipped,
    SparseVector,
    TokenBits,
    Vectors,
)

NONE: Mapping[str, Any] = MappingProxyType({})
"""Nothing of a kind that most indexes have not."""


class Files(Protocol):
    """Bytes by name inside of a store: what was learned for an index, and small models.

    A name may be a path, such as ``"experts/law/card.json"``. Implementations: `stores.files`,
    `stores.memory_files`.
    """

    def names(self, under: str = "", /) -> list[str]:
        """All names that begin with ``under``, sorted."""
        ...

    def get(self, names: Sequence[str], /) -> dict[str, bytes]:
        """The content of those that exist, all of one version."""
        ...

    def put(self, files: Mapping[str, bytes], /) -> None:
        """Write files in one commit: whoever reads sees all of them or none. Known names are replaced.

        Raises:
            BadInput: A name cannot be used, or a content is not bytes.
        """
        ...

    def remove(self, names: Sequence[str], /) -> int:
        """Remove files in one commit; returns how many existed.

        Their bytes, and those of files that were replaced, may stay until the next `Store.forget`.
        """
        ...


class Store(Protocol):
    """Keeps documents, chunks and their vectors. Implementations: `rag_embed.stores`."""

    @property
    def fields(self) -> Fields:
        """The declared filter columns."""
        ...

    @property
    def analyzer(self) -> Analyzer:
        """Settings of lexical search."""
        ...

    @property
    def files(self) -> Files | None:
        """Bytes by name, of the same lifetime as the documents; None where it can keep none."""
        ...

    def events(self, signature: Signature, half_life: HalfLife = "stored", /) -> EventStore | None:
        """Users' events, of the same lifetime as the documents; None where it can keep none.

        Args:
            signature: Of the space of the events' vectors.
            half_life: Of the decayed sums: fixed by the first event.

        Raises:
            SpaceMismatch: The events there were encoded by another encoder.
            StoreError: They are summed with another half-life.
        """
        ...

    def view(self) -> View:
        """Snapshot of the latest version."""
        ...

    def known(self, ids: Sequence[str], /) -> dict[str, tuple[str, Audience]]:
        """``(content hash, audience)`` of the stored ones; the hash of an incomplete one is ``""``."""
        ...

    def audiences(self, ids: Sequence[str], /) -> dict[str, Audience]:
        """Who may read the stored ones; cheaper than `known`, which looks at every chunk."""
        ...

    def replace(self, documents: Sequence[tuple[Document, str]], rows: ChunkRows, /) -> None:
        """Store documents and their chunks; their old chunks vanish.

        Args:
            documents: With their content hashes.
            rows: All chunks of these documents.

        Raises:
            BadInput: A document has the id of another owner's, or something does not fit; nothing
                is changed then.
        """
        ...

    def delete(self, doc_ids: Sequence[str], /) -> int:
        """Remove documents with their chunks; returns how many existed."""
        ...

    def forget(self, user: str, /) -> int:
        """Remove all that a user owns so that no byte of it is left; returns how many documents.

        Nor is a byte left of files, documents and settings that were removed or replaced before.
        """
        ...

    def forgetting(self, user: str, /) -> AbstractContextManager[bool]:
        """Entered before anything of a user is erased, here and elsewhere, and left when all is.

        A process that dies inside leaves a mark that names the user, and so does an error. It gives
        whether there was such a mark already. Where nothing outlives the process, nothing is to be done.
        """
        ...

    def unforgotten(self) -> Sequence[str]:
        """The users whom such marks name, without those whom somebody is forgetting right now."""
        ...

    def settings(self) -> dict[str, Any]:
        """All settings: JSON values by key."""
        ...

    def configure(self, values: Mapping[str, Any], /) -> None:
        """Store settings; other keys stay as they are."""
        ...

    def revise(self, change: Callable[[dict[str, Any]], Mapping[str, Any]], /) -> None:
        """Store what a function makes of all settings, as `configure` does.

        What it was made of still holds when it is stored: on an object store, which has no lock, the
        function is asked again when another process was faster.
        """
        ...

    def document_ids(self) -> Iterable[str]:
        """Ids of all documents."""
        ...

    def declare(self, fields: Fields, /) -> Sequence[Skipped]:
        """Let filters use more of the metadata, of what is stored and of what comes.

        Fields that are declared already stay. A process that is killed in between leaves what filters
        could use before; to call it again does it all.

        Returns:
            Values of stored documents that do not fit, which are taken for missing, and why.

        Raises:
            BadInput: One is declared already, as another type; nothing is changed then.
        """
        ...

    def grow(
        self,
        spaces: Mapping[str, int],
        tokens: Sequence[str],
        sparse: Mapping[str, int] = NONE,
        /,
    ) -> None:
        """Make room for new spaces, for the tokens of spaces, and for sparse spaces, beside what there is.

        Nothing is searched there until `adopt`; documents can be replaced and deleted meanwhile.
        To call it again with the same arguments changes nothing, with others it starts anew.

        Args:
            spaces: Name and dimension of each.
            tokens: Spaces that get tokens.
            sparse: Name of each sparse space and the size of its vocabulary.

        Raises:
            BadInput: A name is taken, unknown or cannot be used.
        """
        ...

    def lacking(self) -> list[str]:
        """Ids of the chunks that have no value yet where room was made, sorted."""
        ...

    def fill(
        self,
        ids: Sequence[str],
        vectors: Mapping[str, Vectors],
        tokens: Mapping[str, Sequence[TokenBits]],
        sparse: Mapping[str, Sequence[SparseVector]] = NONE,
        /,
    ) -> None:
        """Store values of chunks where room was made; of chunks that are gone, nothing.

        Raises:
            BadInput: The values do not fit what `grow` made room for.
        """
        ...

    def adopt(self, settings: Mapping[str, Any], /) -> None:
        """Search what was grown from now on, and store settings, in one commit.

        Raises:
            StoreError: A chunk still lacks its values.
        """
        ...

    def drop(self, space: str, settings: Mapping[str, Any], /) -> None:
        """Remove a space with its tokens, and store settings, in one commit.

        Raises:
            BadInput: There is no such space, or it is the only one.
        """
        ...

    def tidy(self) -> None:
        """Compact files and bring search indexes up to date, if enough has piled up since the last time.

        Called after every `replace`, `delete` and `adopt`, or after several; writes do nothing of it.
        """
        ...

    def optimize(self) -> None:
        """Compact files and bring search indexes up to date, whatever has come."""
        ...

    def stats(self) -> Mapping[str, object]:
        """Counts and sizes for people: ``documents``, ``chunks``, and more if you like.

        ``filled`` may say how many chunks have a value in each declared field.
        """
        ...
