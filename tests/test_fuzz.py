# ruff: noqa: E501 - small files read best on a line
"""Almost right inputs at every door: each is taken, or refused by an error of ours, in bounded time.

``FUZZ=1000000 python -m pytest -s tests/test_fuzz.py`` tries so many. An input is made of its number and the seed
alone: ``SEED=1`` makes others. What once was found stays in `FOUND`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import small_files
from mutating import garbled, mutated

from rag_embed import Document, Index, Query, RagEmbedError, cli
from rag_embed.analysis import Analyzer
from rag_embed.chunking import TokenSplitter
from rag_embed.chunking.splitter import MARKDOWN
from rag_embed.cli.conditions import parsed
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.adapter import Adapter, packed, write_adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.evaluation import Collection
from rag_embed.fields import Fields
from rag_embed.indexing.settings import read
from rag_embed.reading.files import read_file
from rag_embed.routing.router import PilotRouter
from rag_embed.routing.storage import router_bytes, router_of
from rag_embed.serving import Library, application, tools
from rag_embed.serving.tool import FAILED
from rag_embed.serving.web.searching import WHERE
from rag_embed.stores.memory import MemoryStore
from rag_embed.tuning.pilots import learned
from rag_embed.types import Skipped

FUZZ = int(os.environ.get("FUZZ", "1000"))
SEED = os.environ.get("SEED", "0")
SECONDS = 20
"""Of the processor, for one input at most."""

FIELDS = {"year": int, "tags": list[str], "ok": bool, "day": "date", "share": float, "lang": str}
TOKEN = "a-token-of-sixteen-letters"
TEXT = """---
title: Foxes
tags: [red, "blue: sea"]
---
# Foxes

They are *red*. [Link](https://x.org/a?b=c) and `code`.

| a | b |
|---|--:|
| 1 | 2 |

```python
def f(x):
    return {"a": [x]}
```

- one
  - two

1. first
"""
HTML = (
    "<!doctype html><html><head><title>Foxes</title><meta charset=utf-8></head><body><nav>x</nav><h1>Foxes"
    "</h1><p>They <b>are</b> red.<table><tr><th>a<th colspan=2>b<tr><td>1<td>2</table><ul><li>x<ol><li>y</ol>"
    "</ul><pre><code class=language-js>f(x)</code></pre><math><mi>x</mi></math><!-- c --><script>1</script>"
)
SOURCES = {
    ".txt": TEXT, ".md": TEXT, ".html": HTML, ".py": "class A:\n    def f(self):\n        '''x'''\n        return 1\n",
    ".rst": "Foxes\n=====\n\n.. note:: red\n\n::\n\n  x\n", ".adoc": "= Foxes\n:a: b\n\n== Red\n\n----\nx\n----\n",
    ".org": "* Foxes\n#+BEGIN_SRC sh\nx\n#+END_SRC\n", ".tex": "\\section{Foxes}\nRed.\\begin{verbatim}x\\end{verbatim}\n",
    ".jsonl": '{"id": "a", "text": "red", "title": "A", "metadata": {"year": 1}}\n{"text": "blue", "user": null}\n',
    ".csv": 'name,price\n"fox, red",3\nsea,"a\nb"\n', ".tsv": "a\tb\n1\t2\n", ".srt": "1\n00:00:01,0 --> 00:00:02,0\nHi\n",
    ".vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n", ".json": '{"a": [1, {"b": null}]}', ".toml": 'a = "b"\n[c]\nd = 1\n',
    ".ipynb": '{"cells": [{"cell_type": "code", "source": ["x\\n"], "outputs": [{"text": "1"}]}], "metadata": {}}',
    ".js": "function f(x) { return `a${x}`; }\nclass A { b() {} }\n", ".go": "package a\nfunc F() {}\n",
}  # fmt: skip
OFFICE = {".docx": small_files.docx(), ".pptx": small_files.pptx(), ".xlsx": small_files.xlsx()}
OFFICE |= {".odt": small_files.odt(), ".epub": small_files.epub()}
OFFICE |= {".eml": small_files.EML, ".rtf": small_files.RTF}

SPLIT = TokenSplitter(HashEncoder(16), 12).split
FORMATS = [*sorted(MARKDOWN)[:2], "rst", "asciidoc", "org", "tex", "rows", "code", "text"]
LANGUAGES = ["python", "javascript", "go", "unknown"]


@dataclass(frozen=True)
class Door:
    """Where inputs come in.

    Attributes:
        share: How many of a hundred inputs.
        make: An input.
        take: Takes it, and says False where it refuses; what it raises must be an error of ours.
    """

    share: float
    make: Callable[[random.Random], Any]
    take: Callable[[Any], object]


def said(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def a_file(folder: Path, kinds: dict[str, bytes]) -> Door:
    def make(chance: random.Random) -> tuple[str, bytes]:
        kind = chance.choice(sorted(kinds))
        return kind, mutated(
            chance, [kinds[kind], *([*kinds.values()] if chance.random() < 0.2 else [])]
        )

    def take(given: tuple[str, bytes]) -> None:
        kind, content = given
        path = folder / f"x{kind}"
        path.write_bytes(content)
        for one in read_file(path, path.name, named=True):
            if isinstance(one, Document):
                whole(one)
            else:
                assert isinstance(one, Skipped) and one.reason

    return Door(12 if len(kinds) > 8 else 3, make, take)


def whole(document: Document) -> None:
    """Its chunks are parts of it, in order, and cover every visible character."""
    at = 0
    for chunk in SPLIT(document):
        assert document.text[chunk.start : chunk.end] == chunk.text and chunk.start < chunk.end
        assert not document.text[at : chunk.start].strip()
        at = chunk.end
    assert not document.text[at:].strip()


def a_text() -> Door:
    seeds = [text.encode() for text in SOURCES.values()]

    def make(chance: random.Random) -> Document:
        about = {"format": chance.choice(FORMATS), "language": chance.choice(LANGUAGES)}
        return Document("d", said(mutated(chance, seeds)), metadata=about)

    return Door(14, make, whole)


def words() -> Door:
    seeds = [
        TEXT.encode(),
        "Größe naïve 狐狸 3.11 C++ it's الثعلب лиса ﬁne".encode(),
        b"a-b_c.d@e.f/g",
    ]

    def make(chance: random.Random) -> tuple[str, str]:
        return chance.choice(("english", "german", "arabic", "greek")), said(mutated(chance, seeds))

    def take(given: tuple[str, str]) -> None:
        found = Analyzer(given[0]).words(given[1])
        assert all(word and not any(c.isspace() for c in word) for word in found)

    return Door(20, make, take)


def conditions() -> Door:
    seeds = [
        b"year>=2020",
        b"tags~hr",
        b"ok=true",
        b"day<2024-05-01",
        b"share!=0.5",
        b"metadata.x=1",
        b"lang=a,b",
    ]
    fields = Fields.of(FIELDS)
    return Door(
        18,
        lambda chance: [said(mutated(chance, seeds)) for _ in range(chance.randint(1, 3))],
        lambda given: parsed(given, fields),
    )


ASKED: dict[str, list[dict[str, Any]]] = {
    "search": [
        {
            "query": "leave",
            "k": 3,
            "filters": {"year": {"gte": 2020}, "tags": ["hr"]},
            "min_relevance": 0.1,
        },
        {
            "query": "who",
            "budget": 500,
            "filters": {"title": {"contains": "a"}, "day": "2024-01-01"},
        },
    ],
    "read": [
        {"id": "handbook/leave.md", "start": 0, "end": 20},
        {"id": "handbook/leave.md#0-5", "show": "section"},
    ],
    "list": [{"documents": 3, "after": "a", "filters": {"ok": True}}],
}


def by_tools(index: Index) -> Door:
    desk = {tool.name: tool for tool in tools(Library.of({"handbook": index}))}

    def make(chance: random.Random) -> tuple[str, Any]:
        name = chance.choice(sorted(ASKED))
        given = garbled(chance, [*ASKED[name]])
        return name, given if isinstance(given, dict) else {"query": given}

    def take(given: tuple[str, Any]) -> bool:
        answer = desk[given[0]].call(given[1])
        assert answer.text != FAILED and (answer.data or answer.failed)
        return not answer.failed

    return Door(12, make, take)


def over_http(index: Index, loop: asyncio.AbstractEventLoop) -> Door:
    app = application(Library.of({"handbook": index}), 8000, TOKEN)
    client = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://127.0.0.1:8000",
        headers={"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
    )
    asked: dict[str, list[Any]] = {
        path: [{WHERE if k == "filters" else k: v for k, v in one.items()} for one in some]
        for path, some in ASKED.items()
    }
    asked |= {
        "search_many": [{"queries": ["a", "b"], "k": 2, "where": {"year": 2024}}],
        "../x": [{"a": 1}],
    }

    def make(chance: random.Random) -> tuple[str, bytes]:
        path = chance.choice(sorted(asked))
        if chance.random() < 0.3:
            return path, mutated(chance, [json.dumps(one).encode() for one in asked[path]])
        return path, json.dumps(garbled(chance, asked[path])).encode()

    def take(given: tuple[str, bytes]) -> bool:
        answer = loop.run_until_complete(client.post(f"/api/{given[0]}", content=given[1]))
        assert answer.status_code < 500, answer.text
        assert answer.status_code == 200 or answer.json()["error"]
        return answer.status_code == 200

    return Door(7, make, take)


def by_shell(kb: str) -> Door:
    lines = [
        ["search", kb, "leave", "-k", "3", "--where", "year>=2020", "--json"],
        ["show", kb, "handbook/leave.md"],
        ["list", kb, "--where", "tags~hr"],
        ["search", kb, "leave", "--min-relevance", "0.2", "--user", "ann"],
        ["doctor", kb, "--json"],
    ]

    def make(chance: random.Random) -> list[str]:
        line = chance.choice(lines)
        at = chance.randint(2, len(line) - 1)
        seeds = [word.encode() for some in lines for word in some if word != kb]
        return [
            *line[:at],
            said(mutated(chance, seeds)).replace("\x00", "")[:5000],
            *line[at + 1 :],
        ]

    def take(given: list[str]) -> None:
        sys.argv = ["rag-embed", *given]
        try:
            cli.main()
        except SystemExit as end:
            assert end.code in (None, 0, 1, 2, 3), end.code

    return Door(0.4, make, take)


def by_python(index: Index) -> Door:
    seeds: list[Any] = [
        {
            "text": "leave",
            "k": 3,
            "user": "ann",
            "min_relevance": 0.1,
            "diversity": 0.2,
            "group_by": "document",
        },
        {"text": "who", "previous": ["x"], "expand": 1, "id": "q"},
    ]

    def take(given: Any) -> None:
        if isinstance(given, dict) and all(isinstance(name, str) for name in given):
            try:
                query = Query(**given)
            except TypeError as error:
                assert "argument" in str(error), error
            else:
                index.search(query)

    return Door(6, lambda chance: garbled(chance, seeds), take)


def a_router() -> Door:
    index = Index.in_memory(encoder=HashEncoder(8))
    index.add([Document(f"d{n}", f"the fox number {n}") for n in range(6)])
    labels = Collection.of({f"fox {n}": [f"d{n}"] for n in range(6)})
    pilots = learned(index.experts.hybrid(), index.spaces.own.signature, labels)
    content = router_bytes(PilotRouter(pilots))
    return Door(8, lambda chance: mutated(chance, [content]), lambda given: router_of(given, "x"))


def an_adapter(folder: Path) -> Door:
    good, bad = folder / "good", folder / "bad"
    zeros = {"layer": (np.zeros((2, 8), np.float32), np.zeros((8, 2), np.float32))}
    write_adapter(Adapter(HashEncoder(8).signature, zeros), good)
    bad.mkdir()
    contents = {path.name: path.read_bytes() for path in good.iterdir()}
    contents["card.json"] = (
        b'{"kind": "expert", "installed": true, "gain": {}, "history": [[1, 2, 3]], "others": {}}'
    )

    def make(chance: random.Random) -> dict[str, bytes]:
        name = chance.choice(sorted(contents))
        return {**contents, name: mutated(chance, [contents[name]])}

    def take(given: dict[str, bytes]) -> None:
        for name, content in given.items():
            (bad / name).write_bytes(content)
        for do in (packed, Card.read):
            with suppress(RagEmbedError):
                do(bad)

    return Door(3, make, take)


def settings() -> Door:
    index = Index.in_memory(encoder=HashEncoder(8))
    index.add(Document("d", "the fox"))
    good = dict(index.store.settings())

    def take(given: Any) -> None:
        store = MemoryStore({"dense": 8})
        if isinstance(given, dict):
            store.configure(json.loads(json.dumps(given)))
            read(store)

    return Door(8, lambda chance: garbled(chance, [good]), take)


@pytest.fixture(scope="module")
def doors(tmp_path_factory) -> Iterator[dict[str, Door]]:
    loop = asyncio.new_event_loop()
    folder = tmp_path_factory.mktemp("fuzz")
    index = Index.create(folder / "kb", encoder=HashEncoder(16), fields=FIELDS, chunk_tokens=20)
    index.add(
        [
            Document(
                "handbook/leave.md",
                TEXT,
                "Leave",
                {"year": 2020, "tags": ["hr"], "format": "markdown"},
            ),
            Document(
                "b", "The coffee machine is cleaned on Friday.", metadata={"year": 2024, "ok": True}
            ),
            Document("ann/pay", "Ann is paid.", user="ann"),
        ]
    )
    yield {
        "text files": a_file(folder, {kind: text.encode() for kind, text in SOURCES.items()}),
        "office files": a_file(folder, OFFICE),
        "texts to split": a_text(),
        "words": words(),
        "conditions": conditions(),
        "tools": by_tools(index),
        "http": over_http(index, loop),
        "shell": by_shell(str(folder / "kb")),
        "queries": by_python(index),
        "routers": a_router(),
        "adapters": an_adapter(folder),
        "settings": settings(),
    }
    loop.close()


FOUND: dict[str, list[Any]] = {
    "adapters": [
        {"adapter_model.safetensors": b"\x08" + bytes(7) + b"{broken}"},
        {"card.json": b"9"},
    ],
    "queries": [{"text": "x", "diversity": 10**400}, {"text": "x", "min_relevance": -(10**400)}],
    "routers": [b"\x00\x04" + bytes(6) + b'{"__metadata__":' + b"[" * 1008],
    "settings": [
        {"index": ["abcd"]},
        {"index": {"format": 1, "signature": {}, "splitter": {}}, "roots": "ab"},
    ],
}
"""What once led to something else than an error of ours."""

DOORS = [
    "text files",
    "office files",
    "texts to split",
    "words",
    "conditions",
    "tools",
    "http",
    "shell",
    "queries",
]
DOORS += ["routers", "adapters", "settings"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DOORS)
def test_only_our_errors_and_in_bounded_time(doors, name, monkeypatch, capsys) -> None:
    from rag_embed import encoders

    monkeypatch.setattr(encoders, "load", lambda *_, **__: HashEncoder(16))
    monkeypatch.setattr(sys, "argv", [])
    door, taken, slowest = doors[name], 0, 0.0
    count = max(10, round(FUZZ * door.share / 100))
    inputs = (door.make(random.Random(f"{SEED} {name} {n}")) for n in range(count))
    started = time.process_time()
    for given in (*FOUND.get(name, []), *inputs):
        before = time.process_time()
        with bounded(name, given), suppress(RagEmbedError):
            taken += door.take(given) is not False
        slowest = max(slowest, time.process_time() - before)
    assert taken
    took = time.process_time() - started
    with capsys.disabled():
        if "FUZZ" in os.environ:
            print(
                f"{name}: {count} inputs, {taken} taken, {count / took:.0f} a second, slowest {slowest:.2f} s"
            )


@contextmanager
def bounded(name: str, given: object) -> Iterator[None]:
    """Says of which input something came, or that it took too long."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"{SECONDS} s of the processor")

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    except Exception as error:
        raise AssertionError(
            f"{name}: {type(error).__name__} {error} of {given!r:.3000}"
        ) from error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
