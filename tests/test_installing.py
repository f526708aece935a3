"""The line that installs an extra names where rag_embed itself came from."""

from __future__ import annotations

import json

import pytest

from rag_embed.errors import MissingExtra, installing

GIT = {"vcs": "git", "commit_id": "abc123"}


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (None, "pip install 'rag-embed[pdf]'"),
        ({"url": "file:///a%20b/clone", "dir_info": {}}, "pip install '/a b/clone[pdf]'"),
        (
            {"url": "file:///clone", "dir_info": {"editable": True}},
            "pip install -e '/clone[pdf]'",
        ),
        (
            {"url": "https://host/rag.git", "vcs_info": GIT},
            "pip install 'rag-embed[pdf] @ git+https://host/rag.git@abc123'",
        ),
    ],
)
def test_an_extra_is_installed_from_where_the_rest_came(
    tmp_path, monkeypatch, source, line
) -> None:
    told = tmp_path / "rag_embed-9.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: rag-embed\nVersion: 9.0\n")
    if source is not None:
        (told / "direct_url.json").write_text(json.dumps(source))
    monkeypatch.syspath_prepend(tmp_path)
    assert installing("pdf") == line
    assert str(MissingExtra("pypdfium2", "pdf", "Reading PDF files")).endswith(f"with: {line}")
