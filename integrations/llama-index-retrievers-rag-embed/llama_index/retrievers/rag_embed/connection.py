"""The LanceDB store behind a vector store: opened when it is asked for, made when a node comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from llama_index.retrievers.rag_embed.editions import COLUMNS

from rag_embed.errors import BadInput, NoIndex
from rag_embed.fields import Fields
from rag_embed.stores import LanceStore, declare_lacking, opened_or_made

_MARK = "llama_index"


@dataclass(slots=True)
class Connection:
    """Shared by all vector stores that search one place, whoever they search for.

    Attributes:
        uri: A folder, or ``s3://``, ``gs://``, ``az://``, ``memory://``.
        fields: Metadata that is kept in columns.
        storage_options: Credentials and region of an object store.
    """

    uri: str
    fields: Mapping[str, str]
    storage_options: Mapping[str, str] | None
    _store: LanceStore | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    @property
    def store(self) -> LanceStore | None:
        """The store; ``None`` until there is one.

        Raises:
            BadInput: It was not made by a vector store, or with fields of other types.
        """
        with self._lock:
            if self._store is None:
                self._store = self._existing()
            return self._store

    def check(self) -> None:
        """Open what is there already in a folder; of an object store the first call tells what is wrong.

        Raises:
            BadInput: See `store`.
        """
        if "://" not in self.uri:
            _ = self.store

    @property
    def known_fields(self) -> Fields:
        """The fields that filters may use as columns."""
        store = self.store
        return Fields(self.fields) if store is None else store.fields

    def for_writing(self, dim: int) -> LanceStore:
        """The store, made for vectors of ``dim`` numbers if there is none."""
        with self._lock:
            if self._store is None:
                self._store = opened_or_made(self._opened, partial(self._made, dim))
            return self._store

    def _existing(self) -> LanceStore | None:
        try:
            return self._opened()
        except NoIndex:
            return None

    def _made(self, dim: int) -> LanceStore:
        return LanceStore.create(
            self.uri,
            {"dense": dim},
            fields=Fields.of({**self.fields, **COLUMNS}),
            settings={_MARK: {"format": 1}},
            storage_options=self.storage_options,
        )

    def _opened(self) -> LanceStore:
        store = LanceStore.open(self.uri, storage_options=self.storage_options)
        if _MARK not in store.settings():
            raise BadInput(
                f"What is stored at {self.uri!r} was not made by RagEmbedVectorStore. Search an Index with "
                "RagEmbedRetriever and add to it with RagEmbedIndexer, or choose another uri."
            )
        declare_lacking(store, Fields(self.fields))
        return store
