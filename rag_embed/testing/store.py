"""`StoreContract`: what every store must do."""

from __future__ import annotations

from rag_embed.testing.filters import FilterLaws
from rag_embed.testing.store_finding import FindingLaws
from rag_embed.testing.store_keeping import KeepingLaws
from rag_embed.testing.store_owners import OwnerLaws
from rag_embed.testing.store_readers import ReaderLaws


class StoreContract(FindingLaws, KeepingLaws, OwnerLaws, ReaderLaws, FilterLaws):
    """The laws of `protocols.Store`. Subclass it and give it a ``store`` fixture.

    The fixture makes an empty store, with one space ``"dense"`` of `store_data.DIM` numbers and the
    columns of `store_data.FIELDS`. A store that also grows spaces and keeps tokens is asked for that
    by tests of its own.

    Examples:
        >>> import pytest
        >>> from rag_embed.stores.memory import MemoryStore
        >>> from rag_embed.testing import DIM, FIELDS
        >>> class TestMyStore(StoreContract):
        ...     @pytest.fixture
        ...     def store(self):
        ...         return MemoryStore({"dense": DIM}, fields=FIELDS)
    """
