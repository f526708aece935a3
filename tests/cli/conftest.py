"""`cli` runs the real entry point in this process, with an encoder that needs no model."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from rag_embed import Document, Index, cli, encoders
from rag_embed.encoders import HashEncoder


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """``run("search", kb, ...)`` in ``tmp_path``, as ``rag-embed`` would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(encoders, "load", lambda *_args, **_options: HashEncoder(64))

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["rag-embed", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        written = capsys.readouterr()
        code = stop.value.code
        return Result(0 if code is None else int(code), written.out, written.err)

    return run


@pytest.fixture
def folder(tmp_path):
    """A small folder with one file that cannot be read."""
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "leave.md").write_text(
        "# Leave\n\n## Holidays\n\nThirty days a year.\n\n## Sickness\n\nCall us before ten.\n"
    )
    (folder / "kitchen.txt").write_text("The coffee machine is cleaned every Friday.")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 not really")
    return folder


@pytest.fixture
def kb(tmp_path) -> str:
    """An index with fields, an owner, and a text that attacks."""
    fields = {"year": int, "lang": str, "score": float, "draft": bool, "tags": list[str]}
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(64), fields=fields, chunk_tokens=20)
    index.add(
        [
            Document("old", "The red fox sleeps.", "Old [bold]fox[/red]", {"year": 2019}),
            Document(
                "new",
                "The red fox runs.",
                "New fox",
                {"year": 2024, "lang": "en", "score": 0.5, "draft": True, "tags": ["a b", "x"]},
            ),
            Document("xss", "fox <script>alert(1)</script> & 'fox'", "<img src=x onerror=y>"),
            Document("own", "The red fox of Ann.", user="ann"),
            Document("long", "Whales sing in the sea all night. " * 12, "Whales"),
        ]
    )
    return str(tmp_path / "kb")


def documents(kb: str) -> list[str]:
    """Ids of all that an index holds."""
    return sorted(Index.open(kb, encoder=HashEncoder(64)).store.document_ids())
