"""`rag-embed doctor KB --deep` finds every flipped byte, and ``--repair`` has again what is derived."""

from __future__ import annotations

import random
import shutil
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from rag_embed import Document, Index, RagEmbedError, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import StoreError
from rag_embed.events import UserEvent
from rag_embed.indexing.installed import ROUTER
from rag_embed.indexing.repairing import altered, incomplete, repair
from rag_embed.stores.inspection import inspected

FLIPS = 150
ENCODER = HashEncoder(16)


def documents() -> list[Document]:
    texts = [f"Words about number {n} and foxes. " * 12 for n in range(20)]
    shared = [Document(f"d{n}", text, f"T{n}", {"year": n}) for n, text in enumerate(texts)]
    return [*shared, *(Document(f"p{n}", f"private note {n}", user="ann") for n in range(3))]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """An index with all kinds of files: deletions, spaces, events, files, search indexes, versions."""
    kb = tmp_path_factory.mktemp("damage") / "kb"
    index = Index.create(kb, encoder=ENCODER, chunk_tokens=40, fields={"year": int})
    index.add(documents())
    index.experts.add_space("small", HashEncoder(8))
    index.delete(["d3"])
    index.users.remember("ann", [UserEvent("1", "ann", "foxes", 1.0)])
    index.store.files.put({"notes": b"some bytes of a file" * 20})
    return kb


@pytest.fixture
def kb(whole, tmp_path) -> Path:
    shutil.copytree(whole, tmp_path / "kb")
    return tmp_path / "kb"


def promised(kb: Path) -> list[Path]:
    """The files whose every byte is covered: all that tables are made of, but for a hint and checksums."""
    return sorted(p for p in kb.glob("*.lance/*/**/*") if p.is_file() and p.suffix != ".json")


def flip(path: Path, chance: random.Random) -> int:
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    content[at] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    return at


def test_every_flipped_byte_is_found(whole) -> None:
    chance = random.Random(0)
    assert inspected(str(whole)).damages == () and inspected(str(whole)).unknown == ()
    for path in [*promised(whole), *chance.choices(promised(whole), k=FLIPS)]:
        before = path.read_bytes()
        at = flip(path, chance)
        found = [whole / one.file for one in inspected(str(whole)).damages]
        path.write_bytes(before)
        assert path in found, f"byte {at} of {path}"


@pytest.mark.parametrize("how", ["missing", "emptied", "half"])
def test_every_file_that_is_lost_or_short_is_found(whole, how) -> None:
    for path in promised(whole):
        before = path.read_bytes()
        path.unlink()
        if how != "missing":
            path.write_bytes(before[: len(before) // 2] if how == "half" else b"")
        found = {whole / one.file for one in inspected(str(whole)).damages}
        path.write_bytes(before)
        older = path.suffix in (".txn", ".manifest") or path not in named(whole)
        assert found == {path} or (how == "missing" and older and not found), path
    assert inspected(str(whole)).damages == ()


def named(kb: Path) -> set[Path]:
    from rag_embed.stores.manifests import manifests, read_manifest

    return {
        table / file.path
        for table in kb.glob("*.lance")
        for file in read_manifest(manifests(table)[0]).files
    }


def used(kb: Path) -> None:
    """What people do with an index."""
    index = Index.open(kb, encoder=ENCODER)
    index.spaces.know("small", HashEncoder(8))
    index.search("foxes", k=3)
    index.search("private note", user="ann")
    index.search("number", where=field("year") == 4)
    index.contents.document("d1")
    index.contents.stats()
    index.users.profile("ann")
    index.store.files.get(["notes", ROUTER])
    index.add([Document("new", "a new text"), Document("d1", "another text")])
    index.delete(["d2"])
    index.forget("ann")


def test_damage_leaves_by_no_door_but_our_errors(whole, tmp_path) -> None:
    chance = random.Random(1)
    told: Counter[str] = Counter()
    shutil.copytree(whole, tmp_path / "whole")
    used(tmp_path / "whole")
    for i, path in enumerate(chance.sample(promised(whole), k=40)):
        kb = tmp_path / str(i)
        shutil.copytree(whole, kb)
        victim = kb / path.relative_to(whole)
        if i % 4 == 3:
            victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
        else:
            flip(victim, chance)
        for do in (used, lambda kb: inspected(str(kb))):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    do(kb)
            except RagEmbedError as error:
                told[type(error).__name__] += 1
    assert told


def contents(kb: Path) -> dict[str, object]:
    index = Index.open(kb, encoder=ENCODER)
    view = index.store.view()
    ids = view.passing(None)
    rows = {name: view.vectors(name, ids) for name in index.store.spaces}
    return {"chunks": view.chunks(ids), "ids": sorted(index.store.document_ids()), **rows}


def same(one: dict[str, object], other: dict[str, object]) -> bool:
    return (
        one.keys() == other.keys()
        and all(np.array_equal(one[key], other[key]) for key in one if key not in ("chunks", "ids"))
        and (one["chunks"], one["ids"]) == (other["chunks"], other["ids"])
    )


def data_of(table: str) -> Callable[[Path], list[Path]]:
    return lambda kb: sorted((kb / f"{table}.lance" / "data").iterdir())


LOST = {
    "rows of chunks": data_of("chunks"),
    "all of chunks": lambda kb: [p for p in (kb / "chunks.lance").rglob("*") if p.is_file()],
    "search indexes": lambda kb: [p for p in kb.glob("*.lance/_indices/*/*")],
}


@pytest.mark.filterwarnings("always:The index at")
@pytest.mark.parametrize("what", LOST)
@pytest.mark.parametrize("how", ["flipped", "missing"])
def test_what_is_derived_is_had_again(kb, run, what, how, monkeypatch) -> None:
    from rag_embed import encoders

    monkeypatch.setattr(encoders, "load", lambda *_: ENCODER)
    expected = contents(kb)
    others = {
        p: p.read_bytes() for p in promised(kb) if p.parts[-3] in ("documents.lance", "events")
    }
    chance = random.Random(2)
    for path in LOST[what](kb):
        flip(path, chance) if how == "flipped" else path.unlink()
    assert run("doctor", kb, "--deep").code == 1
    index: list[Index] = []

    def opened():
        index.append(Index.open(kb, encoder=ENCODER))
        index[0].spaces.know("small", HashEncoder(8))
        return index[0].store

    done = repair(kb, lambda some: index[0].add(some), opened)
    assert done.done and done.left == ()
    assert same(contents(kb), expected) and not incomplete(index[0].store)
    assert inspected(str(kb)).damages == () or all(
        one.part == "older" for one in inspected(str(kb)).damages
    )
    if what != "search indexes":
        assert all(p.read_bytes() == content for p, content in others.items())


@pytest.mark.parametrize("table", ["settings", "files"])
def test_what_an_index_remembers_is_compared_when_it_is_opened(kb, table) -> None:
    """Of a flipped byte a warning tells, that names the file and what it costs."""
    chance = random.Random(3)
    for path in sorted(named(kb)):
        if path.relative_to(kb).parts[0] != f"{table}.lance":
            continue
        for _ in range(12):
            before = path.read_bytes()
            flip(path, chance)
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                with suppress(RagEmbedError):
                    Index.open(kb, encoder=ENCODER)
            name = f"{path.relative_to(kb)} has other bytes"
            assert any(name in str(one.message) for one in told)
            path.write_bytes(before)


def test_a_text_that_was_altered_is_named(kb) -> None:
    store = Index.open(kb, encoder=ENCODER).store
    store._documents.update(where="id = 'd4'", values={"title": "another"})
    assert altered(store) == ["d4"]


def test_settings_that_are_lost_are_said_to_be(kb, run) -> None:
    shutil.rmtree(kb / "settings.lance")
    done = run("doctor", kb, "--repair", "--json")
    assert done.code == 1
    found = {one["name"]: one["detail"] for one in done.json if one["state"] == "bad"}
    assert "settings" in found["repair"] and "settings.lance" in found
    assert "restore the folder from a copy" in found["settings.lance"]


def test_deep_on_a_whole_index(run, kb, monkeypatch) -> None:
    from rag_embed import encoders

    monkeypatch.setattr(encoders, "load", lambda *_: ENCODER)
    done = run("doctor", kb, "--deep", "--json")
    told = {one["name"]: (one["state"], one["detail"]) for one in done.json}
    assert (
        told["files"][0] == told["documents"][0] == "ok"
        and "are what was written" in told["files"][1]
    )
    for wrong in (("doctor", "--deep"), ("doctor", "--repair")):
        assert run(*wrong).code == 1


def test_what_is_no_folder_has_no_checksums(tmp_path) -> None:
    with pytest.raises(StoreError, match="is no folder"):
        inspected(str(tmp_path / "nowhere"))
