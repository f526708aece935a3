"""`rag-embed doctor KB --deep` finds every flipped byte, and ``--repair`` has again what is derived."""

from __future__ import annotations

import random
import shutil
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from steps import ENCODER, expert
from word_weights import WordWeights

from rag_embed import Document, Index, RagEmbedError, field
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.adapter import read_adapter, unpacked
from rag_embed.errors import BadInput, StoreError
from rag_embed.evaluation import Collection
from rag_embed.events import UserEvent
from rag_embed.indexing.installed import ROUTER
from rag_embed.indexing.recipes import contents as stored
from rag_embed.indexing.repairing import altered, incomplete, repair
from rag_embed.stores.inspection import inspected

FLIPS = 60


def documents() -> list[Document]:
    texts = [f"Words about number {n} and foxes. " * 12 for n in range(20)]
    shared = [Document(f"d{n}", text, f"T{n}", {"year": n}) for n, text in enumerate(texts)]
    return [*shared, *(Document(f"p{n}", f"private note {n}", user="ann") for n in range(3))]


LABELS = Collection.of(
    {
        **{f"number {n}": [f"d{n}"] for n in range(10, 18)},
        "foxes of words": [],
        "all about foxes": [],
    }
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """An index with all kinds of files: deletions, search indexes, versions, and everything it can hold.

    Tokens, a dense and a sparse space, an adapter, a router, calibration, weights of a user, events, files.
    """
    kb = tmp_path_factory.mktemp("damage") / "kb"
    index = Index.create(kb, encoder=ENCODER, chunk_tokens=40, fields={"year": int}, tokens=True)
    index.add(documents())
    index.experts.add_space("small", HashEncoder(8))
    index.experts.add_space("words", WordWeights())
    index.delete(["d3"])
    index.users.remember("ann", [UserEvent("1", "ann", "foxes", 1.0)])
    for what in ("relevance", "router"):
        index.apply(replace(index.tune(what, LABELS), kept=True))
    expert(index)
    index.experts.weigh({"lexical": 1.0}, user="ann")
    index.store.files.put({"notes": b"some bytes of a file" * 20})
    return kb


def opened(kb: Path) -> Index:
    index = Index.open(kb, encoder=ENCODER)
    index.spaces.know("small", HashEncoder(8))
    index.spaces.know("words", WordWeights())
    return index


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> None:
    """Damaged adapters are unpacked there."""
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path / "cache"))


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
    index = opened(kb)
    index.search("foxes", k=3)
    index.explain("foxes", k=3)
    index.experts.weigh({"dense": 0.5, "words": 0.5, "tokens": 0.5}, user="bob")
    index.search("foxes", user="bob")
    read_adapter(unpacked(stored(index.experts.get("law").files, index.store.files)))
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
    for i, path in enumerate(chance.sample(promised(whole), k=14)):
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
    rows: dict[str, object] = {name: view.vectors(name, ids) for name in index.store.spaces}
    rows["tokens"] = [one.bits for one in view.tokens("dense", ids)]
    rows["words"] = [one.weights for one in view.sparse("words", ids)]
    return {"chunks": view.chunks(ids), "ids": sorted(index.store.document_ids()), **rows}


def same(one: dict[str, object], other: dict[str, object]) -> bool:
    return (
        one.keys() == other.keys()
        and all(map(np.array_equal, one["tokens"], other["tokens"]))
        and all(map(np.array_equal, one["words"], other["words"]))
        and all(np.array_equal(one[name], other[name]) for name in ("dense", "small"))
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

    def again():
        index.append(opened(kb))
        return index[0].store

    done = repair(kb, lambda some: index[0].add(some), again)
    assert done.done and done.left == ()
    assert same(contents(kb), expected) and not incomplete(index[0].store)
    assert inspected(str(kb)).damages == () or all(
        one.part == "older" for one in inspected(str(kb)).damages
    )
    if what != "search indexes":
        assert all(p.read_bytes() == content for p, content in others.items())


@pytest.mark.filterwarnings("ignore:The index at", "ignore:The index answers without")
def test_what_is_derived_keeps_nobody_from_opening_the_index(kb, run) -> None:
    """A byte of the router, an adapter or a search index: it is said, and it costs what is said."""
    chance = random.Random(4)
    costs = {"files.lance": "the router, and adapters of experts", "_indices": "nothing"}
    for path in sorted(one for one in named(kb) if costs.keys() & set(one.relative_to(kb).parts)):
        before = path.read_bytes()
        for _ in range(6 if "files.lance" in path.parts else 1):
            flip(path, chance)
            [found] = inspected(str(kb)).damages
            assert kb / found.file == path
            assert (
                any(found.costs.startswith(cost) for cost in costs.values())
                or found.part == "version"
            )
            index = opened(kb)
            assert {hit.chunk.doc_id for hit in index.search("number 4", k=3)} & {"d4"}
            index.contents.document("d1")
            path.write_bytes(before)


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("what", ["router", "law", "calibration", "experts", "personal", "roots"])
def test_a_stored_value_that_is_damaged_is_told_of(kb, what) -> None:
    """As a program leaves it that writes over it: its checksums fit."""
    store = opened(kb).store
    names = {"router": [ROUTER], "law": store.files.names("recipes/")}.get(what, [])
    for name in names:
        content = store.files.get([name])[name]
        store.files.put({name: content[: len(content) // 2] + b"{" * 20})
    if what == "router":
        with pytest.warns(UserWarning, match="The index answers without its router"):
            index = opened(kb)
        assert index.search("number 4", k=1)[0].chunk.doc_id == "d4"
    elif what == "law":
        index = opened(kb)
        assert index.search("number 4", k=1)[0].chunk.doc_id == "d4"
        with pytest.raises(BadInput, match="is damaged, or no adapter"):
            used(kb)
    else:
        store.configure({what: [[1]]})
        with pytest.raises(StoreError, match="settings of the index .* cannot be read"):
            opened(kb)


@pytest.mark.parametrize(
    "own",
    [
        [[1]],
        {"format": [1]},
        {"words": "x"},
        {"spaces": {"dense": "x"}},
        {"tokens": [[1]]},
        {"fields": [[1]]},
        {"analyzer": 1},
    ],
    ids=str,
)
def test_a_store_that_does_not_know_what_it_holds_says_so(kb, own) -> None:
    store = opened(kb).store
    known = store.settings()["store"]
    store.configure({"store": {**known, **own} if isinstance(own, dict) else own})
    with pytest.raises(StoreError, match="settings of the index .*are damaged"):
        opened(kb)


def test_a_fault_of_a_program_does_not_read_like_damage(kb) -> None:
    from rag_embed.stores.store_errors import explained

    for fault in (TypeError("x"), KeyError("x"), AttributeError("x"), ZeroDivisionError("x")):
        with pytest.raises(type(fault)), explained("read the index", "kb"):
            raise fault


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
