"""Both stores, in every mode, fulfil one contract."""

from __future__ import annotations

import pytest

from rag_embed.fields import Fields
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.memory import MemoryStore
from rag_embed.testing import DIM, FIELDS, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore({"dense": DIM}, fields=FIELDS)


class TestLanceStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return LanceStore.create(tmp_path / "kb", {"dense": DIM}, fields=Fields.of(FIELDS))


class TestLanceStoreOnDisk(StoreContract):
    """Vectors are searched by LanceDB instead of in memory."""

    @pytest.fixture
    def store(self, tmp_path):
        store = LanceStore.create(tmp_path / "kb", {"dense": DIM}, fields=Fields.of(FIELDS))
        store.cache_bytes = 0
        return store
