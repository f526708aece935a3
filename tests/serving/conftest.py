"""Two indexes with everything that a caller may and may not see, made once with the bundled model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving.listening import Server, serving

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder

HANDBOOK = (
    "# Leave\n\nThirty days a year.\n\n## Sickness\n\nCall us before ten, and bring a note after "
    "three days.\n\n## Parents\n\nParents take up to fourteen months.\n\n"
    + "".join(f"## Site {n}\n\nSite {n} is closed in week {n + 20}.\n\n" for n in range(12))
)
MADE = {"year": 2020, "tags": ["hr", "leave"], "format": "markdown"}
DOCUMENTS = [
    Document("handbook/leave.md", HANDBOOK, "Leave", MADE),
    Document(
        "handbook/coffee.md", "The coffee machine is cleaned on Friday.", metadata={"year": 2024}
    ),
    Document(
        "evil", "The elevator \x1b[2J\x07 plays \u202ejazz.", "Lift \x1b]0;x\x07", {"ok": True}
    ),
]
SECRET = "Ann is paid ninety thousand euros and lives in Zanzibar."
OWNED = [
    Document("ann/pay", SECRET, "Pay of Ann", {"year": 2024}, user="ann"),
    Document("bob/pay", "Bob is paid fifty thousand euros.", metadata={"year": 2024}, user="bob"),
]
FIELDS = {"year": int, "tags": list[str], "ok": bool, "day": "date", "share": float}


@pytest.fixture(autouse=True)
def one_model(loaded_once) -> None:
    """Each test opens an index of the same model."""


@pytest.fixture(scope="session")
def handbook(tmp_path_factory) -> str:
    """Path of an index with private documents of ann and bob."""
    path = tmp_path_factory.mktemp("serving") / "handbook"
    index = Index.create(path, chunk_tokens=20, fields=FIELDS)
    index.add([*DOCUMENTS, *OWNED])
    return str(path)


@pytest.fixture(scope="session")
def foxes(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("serving") / "foxes"
    index = Index.create(path, fields={"place": str})
    index.add(
        [
            Document("hunt", "The fox hunts mice under the snow.", metadata={"place": "Oslo"}),
            Document("handbook/leave.md", "Foxes leave their den in May."),
        ]
    )
    return str(path)


@pytest.fixture(scope="session")
def server(handbook) -> Iterator[Server]:
    """Serves the handbook; nothing can be written."""
    with serving(handbook) as one:
        yield one


@pytest.fixture
def notes(tmp_path) -> str:
    """Path of an index to write into."""
    index = Index.create(tmp_path / "notes", encoder=HashEncoder(64), fields={"year": int})
    index.add([Document("old", "Old news."), Document("ann", "Of Ann.", user="ann")])
    return str(tmp_path / "notes")
