"""Keeping a router with an index: everywhere, and in one step."""

from __future__ import annotations

import shutil
import signal
import zipfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from children import Child
from safetensors.numpy import save

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.indexing.installed import ROUTER, install, installed, uninstall
from rag_embed.routing.router import PilotRouter
from rag_embed.stores.lance import LanceStore

FIXTURE = Path(__file__).parents[1] / "fixtures" / "index_before_settings.zip"


def sizes(router: PilotRouter, *counts: int) -> list[PilotRouter]:
    """The router with its first so many pilots."""
    return [replace(router, pilots=router.pilots.only(list(range(count)))) for count in counts]


@pytest.fixture
def kb(tmp_path) -> Path:
    zipfile.ZipFile(FIXTURE).extractall(tmp_path / "kb")
    Index.open(tmp_path / "kb", encoder=HashEncoder(32))  # brings it up to date
    return tmp_path / "kb"


def test_an_index_in_memory_keeps_its_router_too(kb) -> None:
    router = installed(LanceStore.open(kb))
    assert router is not None
    index = Index.in_memory(encoder=HashEncoder(32))
    index.add([Document("a", "red fox")])
    install(index.store, router)
    kept = installed(index.store)
    assert kept is not None and kept.pilots.texts == router.pilots.texts
    uninstall(index.store)
    uninstall(index.store)
    assert installed(index.store) is None and index.store.files.names() == []


def test_opening_it_reads_no_chunk_of_the_documents_that_it_knows(kb, monkeypatch) -> None:
    def refused(store, ids):
        raise AssertionError(f"all chunks of {len(ids)} documents are read")

    monkeypatch.setattr(LanceStore, "known", refused)
    assert Index.open(kb, encoder=HashEncoder(32)).experts.router is not None


def test_a_damaged_one_is_refused(kb) -> None:
    store = LanceStore.open(kb)
    store.files.put({ROUTER: b"no router"})
    with pytest.raises(BadInput, match="fit one again"):
        installed(store)


def garbled(kb: Path) -> None:
    LanceStore.open(kb).files.put({ROUTER: b"no router"})


def incomplete(kb: Path) -> None:
    content = save({"vectors": np.zeros((1, 1), np.float32)}, {"rag_embed.router": '{"format": 1}'})
    LanceStore.open(kb).files.put({ROUTER: content})


def lost(kb: Path) -> None:
    for file in (kb / "files.lance" / "data").iterdir():
        file.unlink()


def begun(kb: Path) -> None:
    """A process died when it had made the folder of the table."""
    shutil.rmtree(kb / "files.lance")
    (kb / "files.lance").mkdir()


@pytest.mark.filterwarnings("always:The index")
@pytest.mark.parametrize("damage", [garbled, incomplete, lost, begun])
def test_what_is_derived_keeps_nobody_from_opening_the_index(kb, damage) -> None:
    router = installed(LanceStore.open(kb))
    damage(kb)
    told = "was damaged. files.lance" if damage is lost else "without its router"
    with nullcontext() if damage is begun else pytest.warns(UserWarning, match=told):
        index = Index.open(kb, encoder=HashEncoder(32))
    assert index.experts.router is None and index.search("red fox")
    if damage is not lost:
        index.forget("ann")
        assert index.store.files.names() == []
        install(index.store, router)
        assert Index.open(kb, encoder=HashEncoder(32)).experts.router is not None


def work(kb: Path) -> None:
    """What the killed process does: installs one after the other, and says so before."""
    store = LanceStore.open(kb)
    whole = installed(store)
    assert whole is not None
    few = sizes(whole, 3, min(9, len(whole.pilots)))
    while True:
        for one in few:
            print("next")
            install(store, one)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_at_any_instant_the_old_one_or_the_new_one_is_there(kb) -> None:
    router = installed(LanceStore.open(kb))
    assert router is not None
    for lines in (1, 2, 5):
        child = Child(work, kb)
        for _ in range(lines):
            assert child.line() == "next"
        child.kill()
        found = installed(LanceStore.open(kb))
        assert found is not None and len(found.pilots) in (3, 9, len(router.pilots))
        assert found.pilots.texts == router.pilots.texts[: len(found.pilots)]
        assert Index.open(kb, encoder=HashEncoder(32)).experts.router is not None
