"""Both stores, in every mode, fulfil one contract."""

from __future__ import annotations

import pytest
from contracts.filters import FilterContract
from contracts.store import DIM, FIELDS, StoreContract

from rag_embed.fields import Fields
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.memory import MemoryStore


class TestMemoryStore(StoreContract, FilterContract):
    @pytest.fixture
    def store(self):
        return MemoryStore({"dense": DIM}, fields=FIELDS)


class TestLanceStore(StoreContract, FilterContract):
    @pytest.fixture
    def store(self, tmp_path):
        return LanceStore.create(tmp_path / "kb", {"dense": DIM}, fields=Fields.of(FIELDS))


class TestLanceStoreOnDisk(StoreContract, FilterContract):
    """Vectors are searched by LanceDB instead of in memory."""

    @pytest.fixture
    def store(self, tmp_path):
        store = LanceStore.create(tmp_path / "kb", {"dense": DIM}, fields=Fields.of(FIELDS))
        store.cache_bytes = 0
        return store
