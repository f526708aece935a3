"""What lies beside documents and is read again: routers, adapters, settings."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from fuzz.door import Door
from mutating import garbled, mutated

from rag_embed import Document, Index, RagEmbedError
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.adapter import Adapter, packed, write_adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.evaluation import Collection
from rag_embed.indexing.settings import read
from rag_embed.routing.router import PilotRouter
from rag_embed.routing.storage import router_bytes, router_of
from rag_embed.stores.memory import MemoryStore
from rag_embed.tuning.pilots import learned


def doors(folder: Path) -> dict[str, Door]:
    return {"routers": _routers(), "adapters": _adapters(folder), "settings": _settings()}


def _routers() -> Door:
    index = Index.in_memory(encoder=HashEncoder(8))
    index.add([Document(f"d{n}", f"the fox number {n}") for n in range(6)])
    labels = Collection.of({f"fox {n}": [f"d{n}"] for n in range(6)})
    content = router_bytes(
        PilotRouter(learned(index.experts.hybrid(), index.spaces.own.signature, labels))
    )
    found = (b"\x00\x04" + bytes(6) + b'{"__metadata__":' + b"[" * 1008,)
    return Door(
        60,
        lambda chance: mutated(chance, [content]),
        lambda given: router_of(given, "x"),
        found,
    )


def _adapters(folder: Path) -> Door:
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

    found = (
        {"adapter_model.safetensors": b"\x08" + bytes(7) + b"{broken}"},
        {"card.json": b"9"},
    )
    return Door(20, make, take, found)


def _settings() -> Door:
    index = Index.in_memory(encoder=HashEncoder(8))
    index.add(Document("d", "the fox"))
    good = dict(index.store.settings())

    def take(given: Any) -> None:
        store = MemoryStore({"dense": 8})
        if isinstance(given, dict):
            store.configure(json.loads(json.dumps(given)))
            read(store)

    found = (
        {"index": ["abcd"]},
        {"index": {"format": 1, "signature": {}, "splitter": {}}, "roots": "ab"},
    )
    return Door(80, lambda chance: garbled(chance, [good]), take, found)
