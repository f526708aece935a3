"""An index of the commit before settings had a format opens, answers as it did, and is brought up to date.

``fixtures/index_before_settings.zip`` was made by the code of commit e21fb61: `HashEncoder`, an added
space, experts, a router, calibration, a personal setting, events of two users. The hits beside it are those of
commit 76731f5, which judges scores in small corpora anew.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from rag_embed import Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.indexing import migration
from rag_embed.indexing.installed import ROUTER, installed
from rag_embed.indexing.settings import FORMAT, read

FIXTURES = Path(__file__).parents[1] / "fixtures"
TOLD = json.loads((FIXTURES / "index_before_settings.json").read_text("utf-8"))


@pytest.fixture
def kb(tmp_path) -> Path:
    zipfile.ZipFile(FIXTURES / "index_before_settings.zip").extractall(tmp_path / "kb")
    return tmp_path / "kb"


def opened(kb: Path) -> Index:
    index = Index.open(kb, encoder=HashEncoder(32))
    index.spaces.know("small", HashEncoder(16))
    return index


def answers(index: Index) -> dict[str, list]:
    found = {}
    for asked in TOLD["hits"]:
        text, _, user = asked.partition("|")
        hits = index.search(Query(text, k=5, user=user or None))
        found[asked] = [
            [hit.id, round(hit.score, 5), round(hit.relevance, 5), sorted(p.leg for p in hit.parts)]
            for hit in hits
        ]
    return found


def remembered(index: Index) -> dict[str, object]:
    values = index.store.settings()
    own = dict(values["index"])
    assert own.pop("format") == FORMAT and own.pop("tokens") is None
    names = ("situated", "spaces", "experts", "calibration", "personal")
    return {"index": own, **{name: values[name] for name in names}}


def test_it_answers_as_it_did(kb) -> None:
    assert answers(opened(kb)) == TOLD["hits"]
    assert not (kb / "router").exists()
    again = opened(kb)
    assert answers(again) == TOLD["hits"] and remembered(again) == TOLD["settings"]
    assert len(installed(again.store).pilots) == 12  # one is answered by a private document
    assert {user: again.users.profile(user).count for user in ("ann", "ben", "cem")} == {
        "ann": 2,
        "ben": 1,
        "cem": 0,
    }


def test_it_can_be_written_and_forgets(kb) -> None:
    index = opened(kb)
    assert index.forget("ann") == 3  # a document and two events
    files = [path for path in kb.rglob("*") if path.is_file()]
    assert [path for path in files if b"zyxwvut" in path.read_bytes()] == []
    assert len(installed(opened(kb).store).pilots) == 12
    index.experts.enable("law")
    assert read(index.store).experts[1].enabled and read(index.store).personal.strength == 1.0


@pytest.mark.parametrize("step", ["rmtree", "configure"])
def test_a_process_that_dies_leaves_it_to_the_next(kb, monkeypatch, step) -> None:
    def dies(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "rmtree":
            patch.setattr(migration.shutil, "rmtree", dies)
        else:
            patch.setattr("rag_embed.stores.lance.LanceStore.configure", dies)
        with pytest.raises(KeyboardInterrupt):
            opened(kb)
    assert answers(opened(kb)) == TOLD["hits"] and not (kb / "router").exists()


@pytest.mark.parametrize("how", ["torn", "half", "damaged"])
def test_a_torn_router_does_not_lock_the_index(kb, how) -> None:
    """As a kill while a router was installed left it: the index could not be opened any more."""
    numbers, told = kb / "router" / "router.safetensors", kb / "router" / "router.json"
    if how == "torn":
        numbers.write_bytes(numbers.read_bytes()[:-1] + b"\1")
    elif how == "half":
        told.unlink()
    else:
        told.write_text("{")
    with pytest.warns(UserWarning, match="Fit it again"):
        index = opened(kb)
    assert index.experts.router is None and ROUTER not in index.store.files.names()
    assert opened(kb).search("a red fox", k=1)[0].chunk.doc_id == "fox-red"
