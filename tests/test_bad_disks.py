"""An index on a disk that is full or cannot be written, and many who write at once."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from children import READY
from whole_index import assert_whole, content, corpus, made, opened

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import StoreError
from rag_embed.evaluation import Verdict
from rag_embed.ranking.relevance import Calibration

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def mounted(folder: Path, size: str) -> None:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)


def can_mount() -> bool:
    if not ROOT or shutil.which("mount") is None:
        return False
    inner = "mount -t tmpfs tmpfs /mnt"
    return subprocess.run(["unshare", "-m", "sh", "-c", inner], capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MB."""
    if not can_mount():
        pytest.skip("needs root and the right to mount; see TestFullDisk.test_file_size_limit")
    mounted(tmp_path / "disk", "4m")
    yield tmp_path / "disk"
    subprocess.run(["umount", "-l", tmp_path / "disk"], check=True)


@pytest.fixture
def read_only(tmp_path):
    """An index that cannot be written. Root ignores permission bits, so it needs a mount then."""
    disk = tmp_path / "disk"
    if ROOT:
        if not can_mount():
            pytest.skip("root without the right to mount cannot be kept from writing")
        mounted(disk, "16m")
    made(disk / "kb", corpus())
    if ROOT:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    else:
        for path in [disk, *disk.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
    yield disk
    if ROOT:
        subprocess.run(["umount", "-l", disk], check=True)
    else:
        for path in [disk, *disk.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


class TestFullDisk:
    def test_what_was_stored_stays_and_room_helps(self, small_disk) -> None:
        index = made(small_disk / "kb", corpus())
        ballast = small_disk / "ballast"
        with assert_whole(small_disk / "kb"):
            free = shutil.disk_usage(small_disk).free
            ballast.write_bytes(b"x" * (free - 64 * 1024))
            huge = [Document(f"x{i}", os.urandom(4000).hex()) for i in range(50)]
            with pytest.raises(StoreError, match=r"kb.*disk is full"):
                index.add(huge)
            with pytest.raises(StoreError, match="disk is full"):
                made(small_disk / "other")
            assert len(index.search("fox", k=5)) == 5
        ballast.unlink()
        assert index.add(huge).added == 50
        assert opened(small_disk / "kb").add(corpus()).unchanged == 40

    def test_file_size_limit(self, tmp_path) -> None:
        """The same without a mount: the process may not write files over 256 kB."""
        made(tmp_path / "kb", corpus())
        script = (
            "import resource, signal, sys, os\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "from rag_embed import Document, Index\n"
            "from rag_embed.encoders import HashEncoder\n"
            "from rag_embed.errors import StoreError\n"
            "index = Index.open(sys.argv[1], encoder=HashEncoder(64))\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, 2**18))\n"
            "try:\n"
            "    index.add([Document('x', os.urandom(400_000).hex())])\n"
            "except StoreError as error:\n"
            "    print(error)\n"
        )
        with assert_whole(tmp_path / "kb"):
            done = python(script, tmp_path / "kb")
            assert done.returncode == 0, done.stderr
            assert str(tmp_path / "kb") in done.stdout


def python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    import sys

    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


class TestReadOnly:
    def test_it_can_be_searched_but_not_changed(self, read_only) -> None:
        with assert_whole(read_only / "kb"):
            index = opened(read_only / "kb")
            where = field("number") >= 38
            found = {hit.chunk.doc_id for hit in index.search("fox", where=where)}
            assert found == {"d38", "d39"}
            index.store.cache_bytes = 0
            assert index.search("fox number 3", k=1)[0].chunk.doc_id == "d3"
            assert index.contents.document("d3") == corpus()[3]
            assert index.add(corpus()).unchanged == 40
            for change in (
                lambda: index.add([Document("new", "text")]),
                lambda: index.add([replace(corpus()[3], text="changed")]),
                lambda: index.delete(["d3"]),
                lambda: index.apply(
                    Verdict("relevance", Calibration(1.0, 0.0, 0.0), None, True, "")
                ),
            ):
                with pytest.raises(StoreError, match=r"kb.*not writable"):
                    change()

    def test_nothing_can_be_created_there(self, read_only) -> None:
        with pytest.raises(StoreError, match="not writable"):
            made(read_only / "new")
        assert not (read_only / "new").exists()


def _added(path: str, first: int) -> int:
    index = Index.open(path, encoder=HashEncoder(64))
    documents = corpus(100)[first : first + 60]
    for start in range(0, 60, 20):
        index.add(documents[start : start + 20])
    return len(documents)


def test_four_processes_add_overlapping_documents(tmp_path) -> None:
    made(tmp_path / "kb")
    with READY.Pool(4) as pool:
        work = [(str(tmp_path / "kb"), first) for first in (0, 20, 40, 40)]
        assert pool.starmap(_added, work) == [60] * 4
    index = opened(tmp_path / "kb")
    assert sorted(index.store.document_ids()) == sorted(d.id for d in corpus(100))
    documents, chunks, _ = content(index)
    assert len(documents) == 100 and all(len(some) == 1 for some in chunks)
    assert index.add(corpus(100)).unchanged == 100


def test_threads_search_while_one_adds(tmp_path) -> None:
    index = made(tmp_path / "kb", corpus(10))
    done = False

    def searching() -> int:
        rounds = 0
        while not done or rounds == 0:
            hits = index.search("fox number 3", k=30)
            assert hits[0].chunk.doc_id == "d3" and len(hits) >= 10
            assert len({hit.id for hit in hits}) == len(hits)
            rounds += 1
        return rounds

    with ThreadPoolExecutor(2) as pool:
        searches = [pool.submit(searching) for _ in range(2)]
        try:
            for start in range(10, 110, 10):
                index.add(corpus(110)[start : start + 10])
        finally:
            done = True
        assert all(search.result() for search in searches)
    assert len(index) == 110
