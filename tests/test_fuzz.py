"""Almost right inputs at every door: each is taken, or refused by an error of ours, in bounded time.

``FUZZ=1000000 python -m pytest -s tests/test_fuzz.py`` tries so many. An input is made of its number and
the seed alone: ``SEED=1`` makes others. Doors share them by what an input costs: a condition takes 0.05
milliseconds of the processor, a text that is cut 1, a request over HTTP 1, a file that a parser beside us
reads 5, a command line 20. The shares are such that a million take about a quarter of an hour. A fault is
told with the first input that led to it; keep it in the ``found`` of its door.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from fuzz import agents, files, kept, questions, web
from fuzz.corpus import FIELDS, TEXT
from fuzz.door import Door, tried

from rag_embed import Document, Index, encoders
from rag_embed.encoders import HashEncoder

DOCUMENTS = [
    Document(
        "handbook/leave.md", TEXT, "Leave", {"year": 2020, "tags": ["hr"], "format": "markdown"}
    ),
    Document("b", "The coffee machine is cleaned on Friday.", metadata={"year": 2024, "ok": True}),
    Document("ann/pay", "Ann is paid.", user="ann"),
]
DOORS = [
    *("text files", "office files", "PDF files", "texts to split", "words", "front matter"),
    *("citations", "conditions", "filters", "queries", "tools", "addresses", "shell"),
    *("http", "http pages", "http lines", "http for agents", "agents"),
    *("routers", "adapters", "settings"),
]


@pytest.fixture(scope="module")
def doors(tmp_path_factory) -> Iterator[dict[str, Door]]:
    folder = tmp_path_factory.mktemp("fuzz")
    kb = str(folder / "kb")
    index = Index.create(kb, encoder=HashEncoder(16), fields=FIELDS, chunk_tokens=20)
    index.add(DOCUMENTS)
    with web.doors(index) as over_http, agents.doors(kb) as over_pipes:
        here = files.doors(folder) | questions.doors(index, kb) | kept.doors(folder)
        yield here | over_http | over_pipes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DOORS)
def test_only_our_errors_and_in_bounded_time(doors, name, monkeypatch, capsys) -> None:
    monkeypatch.setattr(encoders, "load", lambda *_, **__: HashEncoder(16))
    monkeypatch.setattr(sys, "argv", [])
    told = tried(doors[name], doors[name].inputs(name))
    with capsys.disabled():
        print(f"{name}: {told}")
    assert not told.faults, "\n\n".join(f"{kind}: {one}" for kind, one in told.faults.items())
    assert told.taken or told.count < 100  # few may all be refused


def test_shares_are_of_a_thousand(doors) -> None:
    assert set(DOORS) == set(doors)
    assert 990 <= sum(door.share for door in doors.values()) <= 1010
