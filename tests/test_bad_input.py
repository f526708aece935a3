"""What goes wrong around an index: each time a clear error or a right answer, and a whole index."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from children import READY

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.recipe import Recipe
from rag_embed.errors import BadInput, ModelUnavailable, NoIndex, SpaceMismatch, StoreError
from rag_embed.evaluation import Verdict
from rag_embed.ranking.relevance import Calibration

FIELDS = {"number": int, "tags": list[str], "lang": str}
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def corpus(n: int = 40) -> list[Document]:
    return [
        Document(f"d{i}", f"The fox number {i} meets whale {i * 7}.", metadata={"number": i})
        for i in range(n)
    ]


def made(path: Path, documents=()) -> Index:
    index = Index.create(path, encoder=HashEncoder(64), fields=FIELDS)
    index.add(documents)
    return index


def opened(path: Path) -> Index:
    return Index.open(path, encoder=HashEncoder(64))


def content(index: Index):
    """Everything a reader can see: documents, their chunks, and a search."""
    view = index.store.view()
    ids = sorted(index.store.document_ids())
    documents = view.documents(ids)
    chunks = [view.document_chunks(id) for id in ids]
    assert len(index) == sum(map(len, chunks)), "a chunk belongs to no document"
    assert all(
        c.text == d.text[c.start : c.end]
        for d, cs in zip(documents, chunks, strict=True)
        for c in cs
    )
    hits = [(hit.id, hit.score) for hit in index.search("fox number 3", k=20)]
    return documents, chunks, hits


@contextmanager
def assert_whole(path: Path):
    """What was in the index before is in it, unchanged, afterwards."""
    before = content(opened(path))
    yield
    assert content(opened(path)) == before


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


class TestModels:
    def test_missing_model(self, tmp_path) -> None:
        for name in ("no-such-model", "nobody/no-such-model", str(tmp_path / "folder")):
            with pytest.raises(ModelUnavailable, match="Cannot find the model"):
                Index.create(tmp_path / "kb", encoder=name)
        assert not (tmp_path / "kb").exists()

    def test_folder_without_weights(self, tmp_path) -> None:
        (tmp_path / "model").mkdir()
        with pytest.raises(ModelUnavailable, match="no weights"):
            Index.create(tmp_path / "kb", encoder=str(tmp_path / "model"))

    def test_index_whose_model_has_gone(self, tmp_path) -> None:
        class Gone(HashEncoder):
            recipe = Recipe("model", {"model": "no-such-model"})

        Index.create(tmp_path / "kb", encoder=Gone())
        with pytest.raises(ModelUnavailable, match="'no-such-model'"):
            Index.open(tmp_path / "kb")

    def test_wrong_model(self, tmp_path) -> None:
        made(tmp_path / "kb", corpus())
        with (
            assert_whole(tmp_path / "kb"),
            pytest.raises(SpaceMismatch, match=r"'dim': \(64, 32\)"),
        ):
            Index.open(tmp_path / "kb", encoder=HashEncoder(32))


def files(kb: Path, pattern: str) -> list[Path]:
    found = sorted(kb.glob(pattern))
    assert found, pattern
    return found


class TestDamage:
    """The bytes of an index are cut, or a file is gone."""

    @pytest.mark.parametrize("how", ["cut", "gone"])
    @pytest.mark.parametrize(
        "pattern",
        [
            "chunks.lance/data/*.lance",
            "documents.lance/data/*.lance",
            "settings.lance/data/*.lance",
            "chunks.lance/_indices/*/*.lance",
        ],
    )
    def test_every_operation_names_the_place(self, tmp_path, pattern, how) -> None:
        kb = tmp_path / "kb"
        made(kb, corpus()).store.optimize()
        for path in files(kb, pattern):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            if how == "gone":
                path.unlink()
        failed = 0
        for operation in (
            lambda: opened(kb).search("fox number 3"),
            lambda: opened(kb).contents.document("d3"),
            lambda: list(opened(kb).store.document_ids()),
            lambda: opened(kb).contents.stats(),
            lambda: opened(kb).add([Document("new", "text")]),
        ):
            try:
                operation()
            except StoreError as error:
                failed += 1
                message = str(error)
                assert str(kb) in message and "damaged" in message and ".rs:" not in message
        assert failed

    def test_manifests(self, tmp_path) -> None:
        made(tmp_path / "kb", corpus()).store.optimize()
        for table in ("chunks", "documents", "settings"):
            newest = files(tmp_path / "kb", f"{table}.lance/_versions/*.manifest")[0]
            whole = newest.read_bytes()
            newest.write_bytes(whole[:100])
            if table == "settings":  # the version before has no rows
                with pytest.raises(StoreError, match=r"kb.*damaged"):
                    opened(tmp_path / "kb")
            else:
                with pytest.warns(
                    UserWarning, match=r"manifest is damaged.*last whole one is used"
                ):
                    assert opened(tmp_path / "kb").search("fox")
            newest.write_bytes(whole)
        with assert_whole(tmp_path / "kb"):
            for table in ("chunks", "documents"):  # the version before is whole, too
                files(tmp_path / "kb", f"{table}.lance/_versions/*.manifest")[0].unlink()

    def test_lost_settings_do_not_lose_documents(self, tmp_path) -> None:
        made(tmp_path / "kb", corpus())
        saved = tmp_path / "saved"
        shutil.move(tmp_path / "kb" / "settings.lance", saved)
        with pytest.raises(StoreError, match="no rag_embed index"):
            opened(tmp_path / "kb")
        with pytest.raises(StoreError, match="its settings are lost"):
            made(tmp_path / "kb")
        shutil.move(saved, tmp_path / "kb" / "settings.lance")
        assert opened(tmp_path / "kb").add(corpus()).unchanged == 40

    def test_a_repeated_search_after_the_damage_was_mended(self, tmp_path) -> None:
        made(tmp_path / "kb", corpus())
        data = files(tmp_path / "kb", "chunks.lance/data/*.lance")[0]
        index = opened(tmp_path / "kb")
        hidden = data.rename(tmp_path / "hidden")
        with pytest.raises(StoreError):
            index.search("fox")
        hidden.rename(data)
        assert len(index.search("fox", k=3)) == 3


class TestPaths:
    def test_a_file_is_no_index(self, tmp_path) -> None:
        path = tmp_path / "file"
        path.write_text("mine")
        for place in (path, path / "kb"):
            with pytest.raises(StoreError, match="file in the way"):
                made(place)
            with pytest.raises(StoreError, match="no index"):
                opened(place)
        assert path.read_text() == "mine"

    def test_empty_path(self) -> None:
        with pytest.raises(BadInput, match="empty"):
            made("")

    def test_odd_folder_names(self, tmp_path) -> None:
        path = tmp_path / "my 'kb' %20 ünï"
        made(path, corpus(3))
        assert opened(path).search("fox number 2", k=1)[0].chunk.doc_id == "d2"


class TestSizes:
    def test_huge_document(self, tmp_path) -> None:
        sentence = "Incomprehensibilities misrepresented electroencephalographically. "
        text = sentence * (6_000_000 // len(sentence)) + "Only once a violin. "
        index = made(tmp_path / "kb")
        report = index.add([Document("big", text)])
        assert len(text) > 5_900_000 and report.chunks == len(index) > 1_000
        hit = index.search("violin", k=1)[0]
        assert "violin" in hit.text and text[hit.chunk.start : hit.chunk.end] == hit.text
        assert index.contents.document("big").text == text

    def test_many_tiny_documents(self, tmp_path) -> None:
        index = made(tmp_path / "kb")
        tiny = (Document(f"t{i}", f"fox {i}") for i in range(20_000))
        report = index.add(tiny)
        assert report.added == len(index) == 20_000
        assert index.search("fox 12345", k=1)[0].chunk.doc_id == "t12345"

    def test_empty_corpus(self, tmp_path) -> None:
        index = made(tmp_path / "kb", [])
        assert index.search("fox") == [] and index.delete(["d"]) == 0
        assert index.add([Document("blank", " \n "), Document("none", "")]).chunks == 0
        assert index.search("fox", where=field("number") == 1, group_by="document") == []


HOSTILE = (
    "O'Brien",
    'say "hi"',
    "100% _real_",
    "'; DROP TABLE chunks; --",
    "x' OR '1'='1",
    "back\\slash",
    "{curly} $1 :name ?",
    "日本語 ünï 🦊",
    "\u202eright to left",
    "e\u0301 is not \u00e9",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_strings_are_only_strings(tmp_path, text) -> None:
    index = made(tmp_path / "kb", corpus(5))
    mine = Document(text, f"fox {text}", text, {"lang": text, "tags": [text, "b"], text: text})
    assert index.add([mine]).added == 1 and index.add([mine]).unchanged == 1
    assert index.contents.document(text) == mine
    for where in (
        field("lang") == text,
        field("lang").is_in([text, "other"]),
        field("tags").has(text),
        field("title") == text,
        field("doc_id") == text,
        ~field("lang").is_missing(),
    ):
        assert {hit.chunk.doc_id for hit in index.search(f"fox {text}", where=where)} == {text}
    assert index.search("fox", where=field("lang") == text + "'") == []
    own = Document("own", "fox", user=text)
    index.add([own])
    assert "own" in {h.chunk.doc_id for h in index.search("fox", user=text)}
    assert "own" not in {h.chunk.doc_id for h in index.search("fox", user=text + "x")}
    assert index.delete([text]) == 1 and index.contents.document(text) is None and len(index) == 6


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


def test_passwords_in_uris_leave_by_no_error() -> None:
    for raised in (StoreError, lambda said: NoIndex(said, "create one"), BadInput):
        said = raised("Could not open 's3://key:secret@bucket/kb': https://user@host/ of bob@x.org")
        assert "secret" not in f"{said}{said!r}" and "bob@x.org" in str(said)
        assert "'s3://...@bucket/kb'" in str(said)
