"""Every index that ``fixtures/make_index.py`` ever made opens, holds what it held, and goes on.

An index of the time before that is in `test_migration.py`.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from steps import ANNS, SECRET, documents, opened

from rag_embed.indexing.settings import read
from rag_embed.stores.inspection import inspected
from rag_embed.stores.traces import scanned

FIXTURES = Path(__file__).parents[1] / "fixtures"
NAMES = [path.stem for path in sorted(FIXTURES.glob("index_2*.zip"))]


@pytest.fixture(params=NAMES)
def old(request, tmp_path) -> tuple[Path, dict]:
    zipfile.ZipFile(FIXTURES / f"{request.param}.zip").extractall(tmp_path / "kb")
    return tmp_path, json.loads((FIXTURES / f"{request.param}.json").read_text("utf-8"))


def test_it_holds_what_it_held(old) -> None:
    folder, told = old
    index = opened(folder)
    view = index.store.view()
    found = {one.id: [one.text, one.user] for one in view.documents(sorted(told["documents"]))}
    assert found == told["documents"] and sorted(index.store.document_ids()) == sorted(found)
    chunks = [[one.id, one.text] for one in view.chunks(sorted(view.passing(None)))]
    assert chunks == told["chunks"] and len(view.tokens("dense", [id for id, _ in chunks])) == len(
        chunks
    )
    assert {user: index.users.profile(user).count for user in told["events"]} == told["events"]
    assert [[one.name, one.kind] for one in index.experts.list()] == told["experts"]
    assert dict(index.experts.weights) == told["weights"]
    assert sorted(index.store.files.names()) == told["files"]
    assert index.experts.router is not None and read(index.store).calibration is not None
    for query, hits in told["hits"].items():
        assert [hit.id for hit in index.search(query, k=4, user="ann")] == hits
    assert inspected(str(folder / "kb")).damages == ()


def test_it_can_be_written_and_forgets(old) -> None:
    folder, told = old
    index = opened(folder)
    [known] = index.store.view().documents(["d0"])
    report = index.add([known, *documents("new")])
    assert (report.unchanged, report.added) == (1, 1)
    assert index.forget("ann") >= len(ANNS)
    assert scanned(str(folder / "kb"), [SECRET.encode()]).found == ()
    assert sorted(opened(folder).store.document_ids()) == sorted(
        {*told["documents"], "new"} - set(ANNS)
    )
